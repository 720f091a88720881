package pg

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pgtest"
)

// spoilt is a source that has one of each object whose loss nobody would see in its tables, and what an
// accident does to the copy of it: the statement, and the finding that must name it.
func spoilt() (source []string, accidents map[string]string) {
	return []string{
			`CREATE TABLE t (id int PRIMARY KEY, v varchar(9) CHECK (v IN ('a', 'b')), w text)`,
			`COMMENT ON TABLE t IS 'said'`, `COMMENT ON COLUMN t.v IS 'said'`,
			`CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
			`CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'`,
			`CREATE AGGREGATE a(int) (SFUNC = int4pl, STYPE = int)`,
			`CREATE VIEW shown AS SELECT id FROM t`, `CREATE VIEW lost_view AS SELECT id FROM t`,
			`CREATE MATERIALIZED VIEW m AS SELECT id FROM t`,
			`CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
			`CREATE TRIGGER lost_trigger BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fired()`,
			`CREATE TRIGGER off BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fired()`, `ALTER TABLE t DISABLE TRIGGER off`,
			`CREATE RULE quiet AS ON DELETE TO t DO INSTEAD NOTHING`,
			`CREATE POLICY mine ON t USING (id > 0)`,
			`CREATE STATISTICS s ON v, w FROM t`,
			`CREATE TYPE mood AS ENUM ('sad', 'ok')`, `CREATE TYPE pair AS (x int, y int)`, `CREATE DOMAIN d AS int DEFAULT 3`,
			`CREATE OPERATOR @#@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl)`,
			`CREATE CAST (pair AS jsonb) WITH INOUT`,
			`CREATE COLLATION c (provider = icu, locale = 'de')`,
			`CREATE TEXT SEARCH CONFIGURATION conf (COPY = english)`, `CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple)`,
			`CREATE SEQUENCE q CACHE 5`, `CREATE TABLE keeps (id int) WITH (fillfactor = 50)`, `CREATE INDEX keeps_id ON keeps (id) WITH (fillfactor = 50)`,
			`CREATE FUNCTION "select"() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `COMMENT ON FUNCTION "select"() IS 'said'`,
		}, map[string]string{
			`COMMENT ON TABLE t IS NULL`:                                            "changed public.t",
			`COMMENT ON COLUMN t.v IS 'otherwise'`:                                  "changed public.t",
			`DROP FUNCTION f(int)`:                                                  "lost public.f(integer)",
			`CREATE OR REPLACE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 2'`: "changed public.g()",
			`DROP PROCEDURE p()`:                                                    "lost public.p()",
			`DROP AGGREGATE a(int)`:                                                 "lost public.a(integer)",
			`CREATE OR REPLACE VIEW shown AS SELECT id FROM t WHERE id > 1`:         "changed public.shown",
			`DROP VIEW lost_view`:                                                   "lost public.lost_view",
			`ALTER MATERIALIZED VIEW m SET (fillfactor = 30)`:                       "changed public.m",
			`DROP TRIGGER lost_trigger ON t`:                                        "lost lost_trigger on public.t",
			`ALTER TABLE t ENABLE TRIGGER off`:                                      "changed off on public.t",
			`DROP RULE quiet ON t`:                                                  "lost quiet on public.t",
			`ALTER POLICY mine ON t USING (true)`:                                   "changed mine on public.t",
			`DROP STATISTICS s`:                                                     "lost public.s",
			`ALTER TYPE mood ADD VALUE 'x'`:                                         "changed public.mood",
			`ALTER TYPE pair RENAME ATTRIBUTE y TO z`:                               "changed public.pair",
			`ALTER DOMAIN d SET DEFAULT 4`:                                          "changed public.d",
			`DROP OPERATOR @#@ (int, int)`:                                          "lost public.@#@(integer,integer)",
			`DROP CAST (pair AS jsonb)`:                                             "lost (public.pair AS pg_catalog.jsonb)",
			`DROP COLLATION c`:                                                      "lost public.c",
			`ALTER TEXT SEARCH CONFIGURATION conf DROP MAPPING FOR url`:             "changed public.conf",
			`DROP TEXT SEARCH DICTIONARY dict`:                                      "lost public.dict",
			`ALTER SEQUENCE q CACHE 1`:                                              "changed public.q",
			`ALTER TABLE keeps RESET (fillfactor)`:                                  "changed public.keeps",
			`ALTER INDEX keeps_id SET (fillfactor = 60)`:                            "changed public.keeps_id",
			`COMMENT ON FUNCTION "select"() IS NULL`:                                `changed public."select"()`,
			`CREATE FUNCTION extra() RETURNS int LANGUAGE sql AS 'SELECT 1'`:        "extra public.extra()",
			`ALTER TABLE t DROP CONSTRAINT t_v_check, ADD CONSTRAINT t_v_check CHECK (v IN ('a', 'c'))`: "changed t_v_check on public.t",
		}
}

// TestWhatIsLostOfACopyIsNamed has one accident for each kind of object, and every one is found.
func TestWhatIsLostOfACopyIsNamed(t *testing.T) {
	source, accidents := spoilt()
	s := newScene(t, source...)
	target := openTarget(t, s.options(t, "r1"))
	want, err := s.run(t, target, course{})
	if err != nil {
		t.Fatal(explain(err))
	}
	if found, err := target.Verify(t.Context(), want); err != nil || found.HasErrors() {
		t.Fatal(found, err)
	}
	for accident := range accidents {
		s.execIn(t, target.build.database, accident)
	}
	found, err := target.Verify(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, f := range found {
		if f.Severity == finding.Error {
			named[f.Code+" "+f.Object] = true
		}
	}
	for accident, finding := range accidents {
		if !named[finding] {
			t.Errorf("%s: %s is not told", accident, finding)
		}
	}
	expected := make([]string, 0, len(accidents))
	for _, finding := range accidents {
		expected = append(expected, finding)
	}
	for finding := range named {
		if !slices.Contains(expected, finding) {
			t.Errorf("%s is told for no reason", finding)
		}
	}
}

func TestADefinitionThatWasNotReadIsNotTakenForTheSame(t *testing.T) {
	s := newScene(t, `CREATE TABLE t (id int)`)
	target := openTarget(t, s.options(t, "r1"))
	want, err := s.run(t, target, course{})
	if err != nil {
		t.Fatal(explain(err))
	}
	target.build.order.Definitions = nil
	found, err := target.Verify(t.Context(), want)
	if err != nil || !strings.Contains(codes(found), "not-compared") {
		t.Errorf("got %v, %v", found, err)
	}
}

// TestOtherMajorsAgreeOnWhatThereIs compares definitions as those of two majors: their spelling says nothing.
func TestOtherMajorsAgreeOnWhatThereIs(t *testing.T) {
	nothing := func(catalog.Definition) bool { return false }
	compared := comparison{missing: nothing, changed: nothing}
	want := []catalog.Definition{{Kind: "view", Identity: "a", Digest: "1"}, {Kind: "view", Identity: "b", Comment: "1"}, {Kind: "view", Identity: "c"}}
	got := []catalog.Definition{{Kind: "view", Identity: "a", Digest: "2"}, {Kind: "view", Identity: "b"}, {Kind: "table constraint", Identity: "not null"}}
	found := compared.run(want, got)
	if told := fmt.Sprint(found); len(found) != 2 || !strings.Contains(told, "b") || !strings.Contains(told, "c") {
		t.Errorf("got %v", found)
	}
	compared.missing = func(d catalog.Definition) bool { return d.Identity == "c" }
	compared.changed = func(d catalog.Definition) bool { return d.Identity == "b" }
	if found := compared.run(want, got); len(found) != 0 {
		t.Errorf("got %v", found)
	}
}

// execIn runs a statement as the superuser in another database of the target's server.
func (s *scene) execIn(t *testing.T, database, statement string) {
	t.Helper()
	pgtest.Exec(t, s.target.Database(database), statement)
}
