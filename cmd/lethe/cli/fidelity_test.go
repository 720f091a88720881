package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pgtest"
)

// sourceVariable names a superuser's connection string to another server, which is then the production of the law:
// one of an older major, say. The target is this process's own server.
const sourceVariable = "LETHE_TEST_SOURCE_DSN"

// TestACopyIsTheSame is the law of fidelity: with all columns kept, target and source are the same, in rows,
// schema and states; with masks, all but the masked columns are. What differs on purpose is listed, with its
// reason, and the run must have told of it.
func TestACopyIsTheSame(t *testing.T) {
	for name, law := range map[string]struct {
		fill      func(s *stage)
		superuser bool
		but       []allowed
		masks     map[string]string
	}{
		"what an owner makes": {fill: func(s *stage) { tellCorpus(s, false) }, but: spelledAnew(), masks: map[string]string{
			"texts.plain.t": "redact_text", "parts.events.note": "redact_text", "heirs.base.name": "redact_text", "heirs.dated.name": "redact_text", "sizes.toasted.plain": "redact_text",
		}},
		"what a superuser makes": {superuser: true, fill: func(s *stage) { tellCorpus(s, true) }, but: inertCorpus()},
		"pagila":                 {fill: pagila().fill},
		"chinook":                {fill: chinook().fill},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			production, staging := pgtest.New(t), pgtest.New(t)
			if dsn := os.Getenv(sourceVariable); dsn != "" {
				production = pgtest.NewOn(t, dsn)
			}
			s := newStageOn(t, production, staging, "version: 1\n", func(s *stage) {
				s.known(s.owner)
				s.known(s.reader)
				law.fill(s)
			}).adopted()
			if law.superuser {
				s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" SUPERUSER")
			}
			s.write("rules.yaml", keepAll(s, nil))
			// What the reader was granted would stay behind otherwise.
			s.write("lethe.yaml", s.read("lethe.yaml")+"    roles: {map: {"+s.reader.Name+": "+s.reader.Name+"}}\n")
			sameBut(t, s, document[refreshDocument](s, "refresh", "staging"), law.but)
			if law.masks == nil {
				return
			}
			s.write("rules.yaml", keepAll(s, law.masks))
			sameBut(t, s, document[refreshDocument](s, "refresh", "staging"), law.but, slices.Collect(maps.Keys(law.masks))...)
			if found := strings.Join(differing(t, s), " "); !strings.Contains(found, "rows texts.plain") || !strings.Contains(found, "rows parts.events_2023") {
				t.Errorf("the masks changed %s alone", found)
			}
		})
	}
}

// known makes a role of production's on staging's server, where that is another one.
func (s *stage) known(login pgtest.Login) {
	s.t.Helper()
	if s.production.MaintenanceDSN() != s.staging.MaintenanceDSN() {
		login.Make(s.t, s.staging, "")
	}
}

// differing names what differs at all.
func differing(t *testing.T, s *stage) []string {
	t.Helper()
	var names []string
	for _, difference := range pgtest.Same(t, s.production.DSN(), s.staging.DSN()) {
		names = append(names, difference.Object)
	}
	return names
}

// spelledAnew is what an owner makes and a dump makes otherwise, though it means the same.
func spelledAnew() []allowed {
	const again = "the server spells an IN over varchar otherwise once it has read its own spelling"
	list := []allowed{
		{object: "schema TABLE heirs.late", reason: "pg_dump makes a child with its parents' columns first; rows are loaded by name"},
		{object: "schema ACL pg_catalog.TABLE pg_largeobject", reason: "the right to read large objects is the server's, and our role may not give it", told: "pg_largeobject"},
	}
	for _, object := range []string{
		"DOMAIN spelling.letter", "INDEX spelling.t_case", "INDEX spelling.t_some", "POLICY spelling.t of_some", "STATISTICS spelling.s",
		"TABLE spelling.t", "TRIGGER spelling.t when_some", "VIEW spelling.some",
	} {
		list = append(list, allowed{object: "schema " + object, reason: again})
	}
	return list
}

// inertCorpus is what a superuser makes and does not arrive as it is.
func inertCorpus() []allowed {
	const inert, installed = "it would act by itself, or reach out", "an extension's objects belong to who installs it"
	return []allowed{
		{object: "schema EVENT TRIGGER -.corpus_ddl", reason: inert, told: "corpus_ddl"},
		{object: "schema COMMENT -.EVENT TRIGGER corpus_ddl", reason: inert, told: "corpus_ddl"},
		{object: "schema PUBLICATION -.corpus_all", reason: inert, told: "corpus_all"},
		{object: "schema COMMENT -.PUBLICATION corpus_all", reason: inert, told: "corpus_all"},
		{object: "schema PUBLICATION -.corpus_some", reason: inert, told: "corpus_some"},
		{object: "schema PUBLICATION TABLE reach.corpus_some t", reason: inert, told: "corpus_some"},
		{object: "schema SUBSCRIPTION -.corpus_sub", reason: inert, told: "corpus_sub"},
		{object: "schema COMMENT -.SUBSCRIPTION corpus_sub", reason: inert, told: "corpus_sub"},
		{object: "schema ACL gis.TABLE geography_columns", reason: installed},
		{object: "schema ACL gis.TABLE geometry_columns", reason: installed},
		{object: "schema ACL gis.TABLE spatial_ref_sys", reason: installed},
	}
}

// tellCorpus loads every chapter that a plain owner, or a superuser, can.
func tellCorpus(s *stage, superuser bool) {
	s.t.Helper()
	others := map[string]pgtest.Login{"clerk": pgtest.Role(s.t, s.production, ""), "auditor": pgtest.Role(s.t, s.production, "")}
	s.known(others["clerk"])
	s.known(others["auditor"])
	// Rights that a role passed on go with the database only, and keep it from being dropped.
	s.t.Cleanup(func() { s.production.Drop(s.t); s.staging.Drop(s.t) })
	s.production.Exec(s.t, fmt.Sprintf("GRANT %s TO %s; ALTER DATABASE %s OWNER TO %[2]s; ALTER SCHEMA public OWNER TO %[2]s",
		others["clerk"].Name, s.owner.Name, s.production.Name()))
	s.staging.Exec(s.t, fmt.Sprintf("GRANT %s TO %s", others["clerk"].Name, s.builder.Name))
	for _, chapter := range pgtest.Corpus(s.t) {
		if chapter.Superuser == superuser && chapter.Fits(s.t, s.production) {
			chapter.Tell(s.t, s.production, s.owner, others)
		}
	}
}

// keepAll is a rules file that keeps every column there is, by name, but for those that have a mask.
func keepAll(s *stage, masks map[string]string) string {
	const columns = `SELECT n.nspname || E'\x01' || c.relname || E'\x01' || coalesce(string_agg(a.attname, E'\x01' ORDER BY a.attnum), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attinhcount = 0 AND a.attgenerated = ''
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lethe')
			AND n.nspname !~ '^pg_' AND (NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
				OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
		GROUP BY n.nspname, c.relname ORDER BY 1`
	var text strings.Builder
	text.WriteString("version: 1\n")
	if s.production.QueryInt(s.t, `SELECT count(*) FROM pg_largeobject_metadata`) > 0 {
		text.WriteString("large_objects: {keep: \"nobody is in them\"}\n")
	}
	text.WriteString("tables:\n")
	for _, line := range s.production.QueryStrings(s.t, columns) {
		names := strings.Split(line, "\x01")
		fmt.Fprintf(&text, "  %s:\n    columns:", inRules(names[0], names[1]))
		if names[2] == "" {
			text.WriteString(" {}")
		}
		text.WriteString("\n")
		for _, column := range names[2:] {
			if mask := masks[strings.Join([]string{names[0], names[1], column}, ".")]; mask != "" {
				fmt.Fprintf(&text, "      %s: %s\n", inRules(column), mask)
			} else if column != "" {
				fmt.Fprintf(&text, "      %s: {keep: \"nobody is in this database\"}\n", inRules(column))
			}
		}
	}
	return text.String()
}

// inRules spells names as a rules file does: as they are, in SQL's quotes where one holds a dot.
func inRules(names ...string) string {
	for i, name := range names {
		if strings.Contains(name, ".") {
			names[i] = catalog.QuoteIdentifier(name)
		}
	}
	text, err := json.Marshal(strings.Join(names, "."))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// allowed is a difference that a copy may have, and why. told is what a finding of the run must have named,
// "" when nobody need be told.
type allowed struct{ object, reason, told string }

// sameBut holds that staging is what production is, but for the differences allowed.
func sameBut(t *testing.T, s *stage, doc refreshDocument, allowances []allowed, masked ...string) {
	t.Helper()
	used := map[string]bool{}
	for _, difference := range pgtest.Same(t, s.production.DSN(), s.staging.DSN(), masked...) {
		excused := false
		for _, a := range allowances {
			if difference.Object == a.object {
				excused, used[a.object] = true, true
			}
		}
		if !excused {
			t.Error(difference)
		}
	}
	for _, a := range allowances {
		if !used[a.object] && !strings.Contains(a.object, " gis.") { // a server may lack PostGIS
			t.Errorf("%s is the same, and need not be allowed to differ", a.object)
		}
		told := func(f finding.Finding) bool { return strings.Contains(f.Object, a.told) }
		if !slices.ContainsFunc(doc.Findings, told) && a.told != "" {
			t.Errorf("%s differs (%s), and the run did not tell of %s", a.object, a.reason, a.told)
		}
	}
}

// TestASequenceGoesWithItsDroppedTable holds for serials, and that one which something else needs arrives.
func TestASequenceGoesWithItsDroppedTable(t *testing.T) {
	t.Parallel()
	s := newStage(t, "version: 1\ntables:\n  public.here: {columns: {id: {keep: \"k\"}}}\n  public.gone: {drop: \"k\"}\n", fill(`CREATE TABLE gone (a serial, b serial, c int GENERATED ALWAYS AS IDENTITY);
		COMMENT ON SEQUENCE gone_a_seq IS 'goes'; COMMENT ON SEQUENCE gone_b_seq IS 'stays'; CREATE TABLE here (id int DEFAULT nextval('gone_b_seq'));
		INSERT INTO gone SELECT FROM generate_series(1, 7); INSERT INTO here VALUES (7)`)).adopted()
	other := pgtest.Role(t, s.production, "").Name
	s.production.Exec(t, `ALTER TABLE gone OWNER TO `+other, `GRANT `+other+` TO `+s.builder.Name, `GRANT USAGE ON SEQUENCE gone_b_seq TO `+s.owner.Name)
	s.ok("refresh", "staging")
	got := s.staging.QueryStrings(t, `SELECT c.relname, pg_get_userbyid(c.relowner) = '`+other+`', obj_description(c.oid), nextval(c.oid) FROM pg_class c WHERE c.relkind = 'S'`)
	if !slices.Equal(got, []string{"gone_b_seq|t|stays|8"}) {
		t.Errorf("arrived: %q", got)
	}
}
