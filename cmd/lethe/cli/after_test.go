package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// TestWhatComesAfterTheCopyIsInTheDatabaseThatIsPublished holds for statements and programs in their
// order, that they meet the settings of the database that serves, and that a failure publishes nothing
// and tells no value.
func TestWhatComesAfterTheCopyIsInTheDatabaseThatIsPublished(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people)).adopted()
	plain := s.read("lethe.yaml")
	s.write("lethe.yaml", strings.Replace(plain, "    publish:", "    after: [sql/logins.sql, {command: [bin/migrate, up], timeout: 1m}, sql/more.sql]\n    publish:", 1))
	for _, dir := range []string{"sql", "bin"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.write("sql/logins.sql", "-- who may log in\nCREATE SCHEMA app; CREATE TABLE logins (name text UNIQUE);\nINSERT INTO logins VALUES ('qa');\n")
	s.write("bin/migrate", "#!/bin/sh\npsql -XAtqc \"INSERT INTO app.logins VALUES ('$1 $LETHE_HOOK')\" -c 'CREATE INDEX CONCURRENTLY ON public.people (email)'\n")
	s.write("sql/more.sql", "VACUUM app.logins;\nALTER TABLE public.people ADD COLUMN seen integer NOT NULL DEFAULT 7;\n")
	if err := os.Chmod(filepath.Join(s.dir, "bin/migrate"), 0o700); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, s.env["STAGING_DSN"], "ALTER DATABASE "+s.staging.Name()+" SET search_path TO app, public")
	s.ok("refresh", "staging")
	got := s.staging.QueryStrings(t, `SELECT name || ':' || (SELECT count(*) FROM public.people WHERE seen = 7) FROM app.logins ORDER BY name`)
	if strings.Join(got, ",") != "qa:300,up after:300" {
		t.Errorf("staging holds %v", got)
	}
	run := s.staging.QueryStrings(t, `SELECT run FROM lethe.certificate`)
	for _, c := range []struct{ sql, word string }{
		{"SELECT 1;\n\nINSERT INTO app.logins VALUES ('canary'), ('canary');", "more.sql:3: server error 23505"},
		{"BEGIN;\nSELECT 1", "leaves a transaction open"},
		{"DROP SCHEMA lethe CASCADE", "schema lethe was changed"},
		{"DO $$ BEGIN RAISE EXCEPTION 'canary' USING TABLE = 'canary'; END $$", "more.sql:1: server error P0001"},
	} {
		s.write("sql/more.sql", c.sql)
		r := s.refused(statusFailed, []string{"refresh", "staging"}, c.word)
		if strings.Contains(r.out+r.err, "canary") {
			t.Errorf("%s: a value was told: %s", c.sql, r.err)
		}
		if now := s.staging.QueryStrings(t, `SELECT run FROM lethe.certificate`); !equal(now, run) || len(s.databases()) > 3 {
			t.Errorf("%s: run %v serves, beside it %v", c.sql, now, s.databases())
		}
	}
	// What is kept to be gone on with is the last run's alone, and nothing whose origin nobody could tell.
	for _, name := range s.databases() {
		if strings.Contains(name, "__0") && len(pgtest.QueryStrings(t, s.staging.Database(name), `SELECT nspname FROM pg_namespace WHERE nspname = 'lethe'`)) == 0 {
			t.Errorf("%s is left, and nobody would know it as ours", name)
		}
	}
	s.write("sql/more.sql", "SELECT 1;\n\\i canary\n")
	s.write("bin/migrate", "")
	s.write("lethe.yaml", strings.Replace(s.read("lethe.yaml"), "sql/logins.sql", "sql/no.sql", 1))
	s.refused(statusUsage, []string{"check", "staging"}, "lethe.yaml:9:13", "sql/more.sql:2:1", "a command of psql's")
}
