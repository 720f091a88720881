package cli

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pg"
)

// TestRowsThatReferToNoneEndInStatus4 holds for a production whose triggers were off: its own foreign key
// does not hold there, and whoever copies it is told which.
func TestRowsThatReferToNoneEndInStatus4(t *testing.T) {
	s := newStage(t, `version: 1
tables:
  public.parent: {columns: {id: {keep: "a number"}}}
  public.child: {columns: {parent: {keep: "a number"}}}
`, func(s *stage) {
		s.production.Exec(t, "ALTER SCHEMA public OWNER TO "+s.owner.Name, "SET ROLE "+s.owner.Name+`;
			CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (parent int CONSTRAINT has_parent REFERENCES parent);
			INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1), (2); RESET ROLE`)
	}).adopted()
	doc := document[refreshDocument](s, "refresh", "staging")
	if len(doc.ForeignKeys) != 1 || doc.ForeignKeys[0].Constraint != "has_parent" || doc.ForeignKeys[0].Proof != pg.ProofServer || doc.ForeignKeys[0].Way != pg.KeyLast {
		t.Errorf("got %+v, want has_parent last, proven by the server", doc.ForeignKeys)
	}
	s.production.Exec(t, "BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO public.child VALUES (471147); COMMIT")
	r := s.refused(statusVerification, []string{"refresh", "staging"}, "has_parent", "public.parent")
	if strings.Contains(r.err+r.out, "471147") {
		t.Error("a value of a row was told")
	}
}
