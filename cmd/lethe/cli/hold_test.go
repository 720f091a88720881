package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/pgtest"
)

// TestAHeldEnvironmentIsLeftAlone holds that nobody refreshes, publishes or rolls back what is held, that
// all are told by whom, until when and why, that the hold outlives no moment of its own, and that what a
// database is outside itself (owner, rights, settings, limit, comment) goes with the name, forth and back.
func TestAHeldEnvironmentIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people)).adopted()
	now := time.Now()
	s.now = func() time.Time { return now }
	name := s.staging.Name()
	person := pgtest.Role(t, s.staging, "")
	group := pgtest.Role(t, s.staging, "")
	pgtest.Exec(t, s.staging.MaintenanceDSN(), fmt.Sprintf("GRANT %s TO %s", group.Name, s.builder.Name))
	outside := func() string {
		return strings.Join(s.staging.QueryStrings(t, fmt.Sprintf(`SELECT d.datdba::regrole || ' ' || d.datconnlimit || ' ' || coalesce(shobj_description(d.oid, 'pg_database'), '-')
			|| ' ' || (SELECT string_agg(a.grantee::regrole || '=' || a.privilege_type || a.is_grantable, ',' ORDER BY a.grantee, a.privilege_type) FROM aclexplode(d.datacl) a WHERE a.grantee <> d.datdba)
			|| ' ' || coalesce((SELECT string_agg(s.setrole || ':' || s.setconfig::text, ',' ORDER BY s.setrole) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid), '-')
			FROM pg_database d WHERE datname = '%s'`, name)), "|")
	}
	settle := func(sql string) {
		pgtest.Exec(t, s.staging.MaintenanceDSN(), strings.NewReplacer("DB", name, "PERSON", person.Name, "GROUP", group.Name, "BUILDER", s.builder.Name).Replace(sql))
	}
	settle(`ALTER DATABASE DB SET work_mem TO '7MB'; ALTER ROLE BUILDER IN DATABASE DB SET search_path TO a, "b c"; ALTER DATABASE DB CONNECTION LIMIT 77;
		GRANT CREATE, TEMPORARY ON DATABASE DB TO PERSON WITH GRANT OPTION; COMMENT ON DATABASE DB IS 'theirs'`)
	want := outside()
	s.ok("refresh", "staging")
	if got := outside(); got != want {
		t.Errorf("after a refresh\ngot  %s\nwant %s", got, want)
	}
	settle(`ALTER DATABASE DB OWNER TO GROUP; ALTER DATABASE DB RESET work_mem; ALTER ROLE BUILDER IN DATABASE DB RESET ALL; ALTER DATABASE DB CONNECTION LIMIT 78;
		REVOKE ALL ON DATABASE DB FROM PERSON; COMMENT ON DATABASE DB IS NULL`)
	want = outside()
	s.ok("refresh", "staging", "--no-publish")
	s.refused(statusUsage, []string{"env", "hold", "staging", "--until", "18:00"}, "--reason")
	s.refused(statusUsage, []string{"env", "hold", "staging", "--until", "yesterday", "--reason", "x"}, "no time")
	s.refused(statusUsage, []string{"env", "hold", "staging", "--until", "2020-01-01", "--reason", "x"}, "has passed")
	held := document[pg.Hold](s, "env", "hold", "staging", "--until", "2h", "--reason", "demo for the board")
	if !held.Until.Equal(now.Add(2*time.Hour).Truncate(time.Microsecond)) || held.By != "tester@testhost" || held.Role != s.builder.Name {
		t.Errorf("held: %+v", held)
	}
	for _, verb := range []string{"check", "refresh", "publish", "rollback"} {
		s.refused(statusRefused, []string{verb, "staging"}, "held", "tester@testhost", "demo for the board", "lethe env release staging")
	}
	for _, out := range []string{s.ok("env", "list"), s.ok("env", "show", "staging")} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), "demo for the board") {
			t.Errorf("not shown: %s", out)
		}
	}
	if doc := document[releaseDocument](s, "env", "release", "staging"); doc.Released == nil || doc.Released.Reason != "demo for the board" {
		t.Errorf("released %+v", doc.Released)
	}
	s.ok("env", "release", "staging")
	s.ok("publish", "staging")
	if got := outside(); got != want {
		t.Errorf("after publish\ngot  %s\nwant %s", got, want)
	}
	// It ends by itself, and what served before brings no hold of its own back.
	s.ok("env", "hold", "staging", "--until", "1h", "--reason", "x")
	s.refused(statusRefused, []string{"rollback", "staging"}, "held")
	now = now.Add(time.Hour)
	s.ok("rollback", "staging")
	now = now.Add(-time.Hour)
	if got := outside(); got != want {
		t.Errorf("after a rollback\ngot  %s\nwant %s", got, want)
	}
	s.ok("rollback", "staging")
}
