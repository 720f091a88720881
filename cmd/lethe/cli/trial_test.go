package cli

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

const trialRules = `version: 1
tables:
  public.item: {columns: {id: {keep: "a number"}, name: redact, code: {keep: "a code"}}}
`

// item is a production of one table, its names made by names.
func item(s *stage) {
	pgtest.Exec(s.t, s.production.As(s.owner.Name, s.owner.Password),
		`CREATE TABLE item (id int PRIMARY KEY, name text, code text)`,
		`INSERT INTO item SELECT i, 'canary-name ' || i, 'c' || i FROM generate_series(1, 500) i`)
}

func TestRowsThatDoNotFitAreFoundBeforeTheBulk(t *testing.T) {
	t.Parallel()
	s := newStage(t, trialRules, func(s *stage) {
		s.production.Exec(s.t, `GRANT ALL ON SCHEMA public TO `+s.owner.Name)
		item(s)
	}).adopted()
	s.ok("refresh", "staging")
	databases := s.databases()
	owner := s.production.As(s.owner.Name, s.owner.Password)
	for _, c := range []struct {
		law, make, undo string
		words           []string
	}{
		{"a check", `ALTER TABLE item ADD CONSTRAINT named CHECK (name LIKE 'canary-name %')`, `ALTER TABLE item DROP CONSTRAINT named`,
			[]string{"public.item", "constraint named", "redact on public.item.name"}},
		{"a domain", `CREATE DOMAIN title AS text CHECK (VALUE LIKE 'canary-name %'); ALTER TABLE item ALTER name TYPE title`, `ALTER TABLE item ALTER name TYPE text; DROP DOMAIN title`,
			[]string{"public.item", "name"}},
		{"an index over an expression", `CREATE INDEX halves ON item ((1 / CASE WHEN name LIKE 'canary%' THEN 1 ELSE 0 END))`, `DROP INDEX halves`,
			[]string{"public.item", "index halves", "division_by_zero"}},
	} {
		pgtest.Exec(t, owner, c.make)
		r := s.refused(statusVerification, []string{"refresh", "staging"}, append(c.words, "do not fit")...)
		if strings.Contains(r.err, "copying") || strings.Contains(r.err, "canary") {
			t.Errorf("%s: rows were copied, or one was told:\n%s", c.law, r.err)
		}
		pgtest.Exec(t, owner, c.undo)
	}
	if got := s.databases(); len(got) != len(databases) {
		t.Errorf("databases: %v, were %v", got, databases)
	}
	// Triggers of the table see nothing of it, and rows that fit arrive.
	pgtest.Exec(t, owner, `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'`,
		`CREATE TRIGGER no BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION no()`, `ALTER TABLE item ENABLE ALWAYS TRIGGER no`)
	s.ok("refresh", "staging")
	if got := s.staging.QueryInt(t, `SELECT count(*) FROM item`); got != 500 {
		t.Errorf("%d rows of 500", got)
	}
}

func TestFunctionsWithoutASearchPathFindTheirNamesWhenTheyAreTold(t *testing.T) {
	t.Parallel()
	keep := strings.Replace(trialRules, "name: redact", `name: {keep: "a product"}`, 1) + `  public.level: {columns: {n: {keep: "a number"}}}
  public.made: {columns: {n: {keep: "a number"}}}
`
	s := newStage(t, keep, func(s *stage) {
		s.production.Exec(s.t, `GRANT ALL ON SCHEMA public TO `+s.owner.Name)
		item(s)
		pgtest.Exec(s.t, s.production.As(s.owner.Name, s.owner.Password),
			`CREATE TABLE level (n int)`, `INSERT INTO level VALUES (3)`,
			`CREATE FUNCTION inner_one(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper($1)'`,
			`CREATE FUNCTION outer_one(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inner_one($1); END'`,
			`CREATE FUNCTION levels() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM level); END'`,
			`CREATE INDEX spelt ON item (outer_one(name))`,
			`CREATE TABLE made (n int, g text GENERATED ALWAYS AS (outer_one('x' || n)) STORED CHECK (outer_one(g) IS NOT NULL))`,
			`INSERT INTO made VALUES (1)`, `CREATE MATERIALIZED VIEW seen AS SELECT levels() AS n FROM made`)
	}).adopted()
	s.refused(statusVerification, []string{"refresh", "staging"}, "do not fit", "post_data: {search_path")
	s.write("lethe.yaml", s.read("lethe.yaml")+"    post_data: {search_path: [public]}\n")
	s.ok("refresh", "staging")
	for query, want := range map[string]int64{
		`SELECT n FROM seen`: 1, `SELECT count(*) FROM made WHERE g = 'X1'`: 1, `SELECT count(*) FROM pg_class WHERE relname = 'spelt'`: 1,
		`SELECT count(*) FROM pg_proc WHERE proconfig IS NOT NULL AND pronamespace = 'public'::regnamespace`: 0,
	} {
		if got := s.staging.QueryInt(t, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

func TestRowsThatViolateTheirOwnKeyAreCountedAndToleratedOnlyByRule(t *testing.T) {
	t.Parallel()
	keep := strings.Replace(trialRules, "name: redact", `name: {keep: "a product"}`, 1) + `  public.part: {columns: {code: {keep: "a code"}}}
  public.slot: {columns: {n: {keep: "a number"}}}
`
	s := newStage(t, keep, func(s *stage) {
		s.production.Exec(s.t, `GRANT ALL ON SCHEMA public TO `+s.owner.Name)
		item(s)
		// As a collation change leaves it: two rows of one key that the index does not know of.
		pgtest.Exec(s.t, s.production.As(s.owner.Name, s.owner.Password), `CREATE UNIQUE INDEX item_code ON item (code)`,
			`CREATE TABLE part (code text REFERENCES item (code))`, `INSERT INTO part VALUES ('c7')`,
			`CREATE TABLE slot (n int, CONSTRAINT apart EXCLUDE USING btree (n WITH =))`)
		s.production.Exec(s.t, `UPDATE pg_index SET indisready = false WHERE indexrelid IN ('item_code'::regclass, 'apart'::regclass)`,
			`INSERT INTO slot VALUES (1), (1)`,
			`INSERT INTO item SELECT i, 'canary-name', CASE WHEN i > 1000 THEN 'c8' ELSE 'd' || i END FROM generate_series(501, 1001) i`,
			`INSERT INTO item VALUES (2000, 'canary-name', 'd600')`,
			`UPDATE pg_index SET indisready = true WHERE indexrelid IN ('item_code'::regclass, 'apart'::regclass)`)
	}).adopted()
	s.refused(statusVerification, []string{"refresh", "staging"}, "index apart", "tolerate:")
	config := s.read("lethe.yaml")
	s.write("lethe.yaml", config+"    tolerate: [public.slot.apart]\n")
	r := s.refused(statusFailed, []string{"refresh", "staging"}, "2 keys", "public.item_code", "tolerate: [public.item_code]")
	if strings.Contains(r.err, "d600") || strings.Contains(r.err, "canary") {
		t.Errorf("a value is told:\n%s", r.err)
	}
	s.write("lethe.yaml", config+"    tolerate: [public.item_coda]\n")
	s.refused(statusRefused, []string{"check", "staging"}, "lethe.yaml:10", "public.item_coda", "schema.index")
	s.write("lethe.yaml", config+"    tolerate: [public.item_code, public.slot.apart]\n")
	doc := document[refreshDocument](s, "refresh", "staging")
	if got := objectsOf(doc.Findings, "tolerated"); len(got) != 2 || got[0] != "public.item_code" {
		t.Errorf("tolerated: %v", got)
	}
	if got := s.staging.QueryInt(t, `SELECT count(*) FROM item`); got != 1002 {
		t.Errorf("%d rows of 1002", got)
	}
	if got := s.staging.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relname IN ('item_code', 'item_pkey')`); got != 1 {
		t.Errorf("%d of the two indexes", got)
	}
}
