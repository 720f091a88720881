package pgtest_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

func TestASampleLoadsAsARoleWithoutRights(t *testing.T) {
	for sample, want := range map[string]map[string]int64{
		"pagila":  {"customer": 599, "payment": 16049, "film_actor": 5462},
		"chinook": {`"Customer"`: 59, `"InvoiceLine"`: 2240},
	} {
		t.Run(sample, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			owner := pgtest.Role(t, db, "NOSUPERUSER NOCREATEDB NOCREATEROLE")
			pgtest.Load(t, db, sample, owner)
			for table, rows := range want {
				if got := db.QueryInt(t, "SELECT count(*) FROM "+table); got != rows {
					t.Errorf("%s: got %d rows, want %d", table, got, rows)
				}
			}
			others := db.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
				AND relowner <> $1::text::regrole`, owner.Name)
			if others != 0 {
				t.Errorf("%d relations belong to somebody else than %s", others, owner.Name)
			}
		})
	}
}

func TestALoadedFileKeepsItsRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.sql")
	dump := "CREATE TABLE public.t (a int, b text);\nALTER TABLE public.t OWNER TO nobody_at_all;\n" +
		"COPY public.t (a, b) FROM stdin;\n1\ttab\\there\n2\t\\N\n3\tCOPY x FROM stdin;\n\\.\n\nCREATE INDEX ON public.t (a);"
	if err := os.WriteFile(path, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	pgtest.LoadFile(t, db, path, pgtest.Login{})
	got := pgtest.Rows(t, db.DSN(), "public.t")
	want := []string{"1\ttab\\there", "2\t\\N", "3\tCOPY x FROM stdin;"}
	if !slices.Equal(got, want) {
		t.Errorf("rows: got %q, want %q", got, want)
	}
	if n := db.QueryInt(t, "SELECT count(*) FROM pg_indexes WHERE tablename = 't'"); n != 1 {
		t.Errorf("the statement after the rows did not run: %d indexes", n)
	}
}

func TestSortedRowsSeesMultisetsAndNothingElse(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (x int, y text); INSERT INTO a VALUES (1, 'one'), (2, 'two'), (2, 'two');
		CREATE TABLE b AS SELECT * FROM a ORDER BY x DESC;
		CREATE TABLE c AS SELECT DISTINCT * FROM a;
		CREATE TABLE d AS SELECT x, upper(y) AS y FROM a;
		CREATE TABLE e AS SELECT * FROM a WHERE false`)
	same := pgtest.SortedRows(t, db.DSN(), "public.a")
	for table, want := range map[string]bool{"b": true, "c": false, "d": false, "e": false} {
		if got := pgtest.SortedRows(t, db.DSN(), "public."+table) == same; got != want {
			t.Errorf("table %s same as a: got %v, want %v", table, got, want)
		}
	}
	all := pgtest.AllRows(t, db.DSN())
	if len(all) != 5 || all["public.a"] != same {
		t.Errorf("all rows: got %v", all)
	}
}

func TestSearchEverywhereFindsACanaryInEveryPlace(t *testing.T) {
	db := pgtest.New(t)
	if hits := pgtest.SearchEverywhere(t, db.DSN(), []string{"canary"}); len(hits) != 0 {
		t.Fatalf("an empty database holds %v", hits)
	}
	db.Exec(t, `
		CREATE SCHEMA "Foo Bar"; CREATE SCHEMA lethe;
		CREATE TABLE "Foo Bar"."With a space" (a text, b jsonb, c bytea, d text[]);
		INSERT INTO "Foo Bar"."With a space" VALUES ('x', '{"k": ["Canary-1"]}', NULL, NULL), ('y', NULL, NULL, '{"canary-1"}');
		CREATE TABLE lethe.certificate AS SELECT 'canary-2' AS a;
		COMMENT ON TABLE lethe.certificate IS 'canary-3';
		CREATE TABLE defaults (a text DEFAULT 'canary-4', CHECK (a <> 'canary-5'));
		CREATE FUNCTION f(x text DEFAULT 'canary-16') RETURNS text LANGUAGE sql AS $$ SELECT 'canary-6' $$;
		CREATE VIEW v AS SELECT 'canary-7' AS a;
		CREATE TYPE e AS ENUM ('canary-8');
		CREATE TABLE p (a text) PARTITION BY LIST (a);
		CREATE TABLE p1 PARTITION OF p FOR VALUES IN ('canary-9');
		CREATE INDEX i ON defaults (a) WHERE a = 'canary-10';
		CREATE POLICY q ON defaults USING (a = 'canary-11');
		CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE TRIGGER tr AFTER INSERT ON defaults EXECUTE FUNCTION tf('canary-12');
		CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'canary-13');
		SELECT lo_from_bytea(0, 'canary-14');
		CREATE TABLE stats AS SELECT 'canary-15' AS a FROM generate_series(1, 100);
		ANALYZE stats; TRUNCATE stats;
		CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'canary-17');
		CREATE TABLE "canary-18" ()`)
	found := map[string][]string{}
	var needles []string
	for i := 1; i <= 18; i++ {
		needles = append(needles, fmt.Sprintf("canary-%d", i))
	}
	for _, hit := range pgtest.SearchEverywhere(t, db.DSN(), needles) {
		found[hit.Needle] = append(found[hit.Needle], fmt.Sprintf("%s %d", hit.Place, hit.Count))
	}
	for _, want := range []struct{ needle, place string }{
		{"canary-1", `"Foo Bar"."With a space" 2`}, {"canary-2", "lethe.certificate 1"}, {"canary-3", "comment 1"},
		{"canary-4", "default 1"}, {"canary-5", "constraint 1"}, {"canary-6", "function 1"}, {"canary-7", "view 1"},
		{"canary-8", "enum label 1"}, {"canary-9", "partition bound 1"}, {"canary-10", "index 1"}, {"canary-11", "policy 1"},
		{"canary-12", "trigger 1"}, {"canary-13", "server option 1"}, {"canary-14", "large object 1"},
		{"canary-15", "planner statistics 1"}, {"canary-16", "function 1"}, {"canary-17", "user mapping option 1"},
		{"canary-18", "relation name 1"},
	} {
		if !slices.Contains(found[want.needle], want.place) {
			t.Errorf("%s: got places %q, want one to be %q", want.needle, found[want.needle], want.place)
		}
	}
}

func TestARolesLeftOversGoWithIt(t *testing.T) {
	var name, made, built string
	db := pgtest.New(t)
	t.Run("a test with a role", func(t *testing.T) {
		own := pgtest.New(t)
		role := pgtest.Role(t, own, "CREATEDB")
		name, made = role.Name, role.Name+"_made"
		own.Exec(t, "GRANT CREATE ON SCHEMA public TO "+name, "GRANT CONNECT ON DATABASE "+db.Name()+" TO "+name)
		db.Exec(t, "CREATE SCHEMA theirs AUTHORIZATION "+name, "CREATE TABLE theirs.t ()")
		pgtest.Exec(t, role.DSN(own), "CREATE TABLE public.t (a int)", "CREATE DATABASE "+made)
		built = own.Name() + "__run1"
		own.Exec(t, "CREATE DATABASE "+built)
	})
	for query, want := range map[string]int64{
		"SELECT count(*) FROM pg_roles WHERE rolname = '" + name + "'":         0,
		"SELECT count(*) FROM pg_database WHERE datname = '" + made + "'":      0,
		"SELECT count(*) FROM pg_database WHERE datname = '" + built + "'":     0,
		"SELECT count(*) FROM pg_namespace WHERE nspname = 'theirs'":           0,
		"SELECT count(*) FROM pg_database WHERE datname = '" + db.Name() + "'": 1,
	} {
		if got := db.QueryInt(t, query); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
}

func TestAPrivateServerIsKilledAndComesBackWithItsData(t *testing.T) {
	server := pgtest.Private(t, map[string]string{"wal_level": "logical"})
	dsn := server.DSN("postgres")
	pgtest.Exec(t, dsn, "CREATE TABLE kept (a int)", "INSERT INTO kept VALUES (1)")
	server.Kill()
	if pid := server.Pid(); pid != 0 {
		t.Errorf("a killed server has pid %d", pid)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := server.DSN("postgres"); got != dsn {
		t.Errorf("the connection string changed: the port must stay")
	}
	if got := pgtest.QueryStrings(t, dsn, "SELECT a, current_setting('wal_level') FROM kept"); len(got) != 1 || got[0] != "1|logical" {
		t.Errorf("after the kill: got %q, want the committed row", got)
	}
	db := pgtest.NewOn(t, dsn)
	db.Exec(t, "SELECT pg_create_logical_replication_slot('holds_it', 'pgoutput')", "CREATE TABLE t ()")
}

// TestDumpsAreReadToTheirEnd guards the reader of dumps against a block that never ends.
func TestDumpsAreReadToTheirEnd(t *testing.T) {
	reader := bufio.NewReader(strings.NewReader("1\n2\n"))
	block := pgtest.NewCopyBlock(reader)
	p := make([]byte, 1)
	var err error
	for err == nil {
		_, err = block.Read(p)
	}
	if !strings.Contains(err.Error(), "not ended") {
		t.Errorf("got %v, want an error about the missing end", err)
	}
}
