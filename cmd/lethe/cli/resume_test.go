package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// resumeHint finds the run that a failure says can be gone on with.
func resumeHint(t *testing.T, said string) string {
	t.Helper()
	match := regexp.MustCompile(`lethe refresh staging --resume ([0-9a-z]{13})`).FindStringSubmatch(said)
	if match == nil {
		t.Fatalf("it does not say how to go on:\n%s", said)
	}
	return match[1]
}

// resumption is a stage whose runs fail after their rows have arrived.
type resumption struct{ *generations }

// stuck makes the index on public.two fail, or lets it be built.
func (s resumption) stuck(yes bool) {
	s.staging.Exec(s.t, fmt.Sprintf(`ALTER ROLE %s SET lethe_test.stuck = '%t'`, s.builder.Name, yes))
}

// goOn resumes the run that a failure speaks of, while production has changed and cannot be reached.
func (s resumption) goOn(what, said string) {
	s.t.Helper()
	if got := s.serves(); got != pair(s.at-1) {
		s.t.Errorf("%s: generation %s serves, want %d", what, got, s.at-1)
	}
	if strings.Contains(said, "flowmart.example") {
		s.t.Errorf("%s: a value is shown\n%s", what, said)
	}
	run := resumeHint(s.t, said)
	reachable := s.env["PRODUCTION_DSN"]
	s.env["PRODUCTION_DSN"] = "postgres://nobody@127.0.0.1:1/nowhere"
	s.ok("refresh", "staging", "--resume", run)
	s.env["PRODUCTION_DSN"] = reachable
	if got := s.serves(); got != pair(s.at) {
		s.t.Errorf("%s: resumed, generation %s serves, want %d", what, got, s.at)
	}
	if left, err := filepath.Glob(filepath.Join(s.dir, "lethe.db.landed")); err != nil || len(left) > 0 {
		s.t.Errorf("%s: %v is left, %v", what, left, err)
	}
	s.refused(statusRefused, []string{"refresh", "staging", "--resume", run}, "nothing is kept of this run")
}

// TestARunWhoseRowsLandedGoesOnWithoutProduction fails a refresh after its rows have arrived, at an index, at a
// statement of the user's, at a hook, and by a kill, and holds that the old generation serves on, that the
// failure names the way on, and that it leads, without production, to the generation that was read.
func TestARunWhoseRowsLandedGoesOnWithoutProduction(t *testing.T) {
	t.Parallel()
	s := resumption{newGenerations(t)}
	pgtest.Exec(t, s.production.As(s.owner.Name, s.owner.Password),
		`CREATE FUNCTION sorts(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
			IF n = 2999 AND pg_catalog.current_setting('lethe_test.stuck', true) = 'true' THEN RAISE 'stuck'; END IF; RETURN n; END $$`,
		`CREATE INDEX stuck ON two (public.sorts(id))`) // past the rows that are tried beforehand
	s.adopted()
	s.ok("refresh", "staging")

	s.next()
	s.stuck(true)
	r := s.refused(statusFailed, []string{"refresh", "staging"}, "stuck")
	info, err := os.Stat(filepath.Join(s.dir, "lethe.db.landed"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("what is kept: %v, %v", info, err)
	}
	s.stuck(false)
	s.goOn("an index", r.err)

	s.next()
	s.write("first.sql", "CREATE TABLE once (id int);\n") // fails when it is run twice
	s.write("broken.sql", "SELECT 1/0;\n")
	s.replace("lethe.yaml", "    publish:", "    after: [first.sql, broken.sql]\n    publish:")
	r = s.refused(statusFailed, []string{"refresh", "staging"}, "broken.sql")
	s.write("broken.sql", "CREATE TABLE own (id int);\n")
	s.goOn("a statement", r.err)
	if got := pgtest.QueryInt(t, s.staging.DSN(), `SELECT count(*) FROM pg_class WHERE relname IN ('own', 'once')`); got != 2 {
		t.Errorf("%d of two tables that statements made are there", got)
	}

	s.next()
	s.replace("lethe.yaml", "    after: [first.sql, broken.sql]\n", "    hooks: {built: [{command: [\"false\"]}]}\n")
	r = s.refused(statusFailed, []string{"refresh", "staging"}, "hook built")
	s.replace("lethe.yaml", `"false"`, `"true"`)
	s.goOn("a hook", r.err)

	s.next()
	s.replace("lethe.yaml", `"true"`, `"sleep", "60"`)
	p := s.start("refresh", "staging")
	if !p.says("hook built") {
		t.Fatalf("no hook:\n%s", p.said())
	}
	p.kill()
	s.replace("lethe.yaml", `"sleep", "60"`, `"true"`)
	kept, err := filepath.Glob(filepath.Join(s.dir, "lethe.db.landed", "staging__*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("killed: kept %v, %v", kept, err)
	}
	s.goOn("a kill", "lethe refresh staging --resume "+strings.TrimPrefix(filepath.Base(kept[0]), "staging__"))

	// Rules that changed since decide anew, and another key masks anew.
	s.next()
	s.stuck(true)
	r = s.refused(statusFailed, []string{"refresh", "staging"}, "stuck")
	s.env["LETHE_KEY"] = strings.Repeat("0123456789abcdef", 4)
	s.refused(statusRefused, []string{"refresh", "staging", "--resume", resumeHint(t, r.err)}, "the masking key is")
	s.env["LETHE_KEY"] = testKey
	s.replace("rules.yaml", `"fills"`, `"fills up"`)
	s.refused(statusRefused, []string{"refresh", "staging", "--resume", resumeHint(t, r.err)}, "changed since")
	s.refused(statusUsage, []string{"refresh", "staging", "--resume", "../../etc"}, "names no run")
	s.stuck(false)
	s.ok("refresh", "staging")
	if got := s.serves(); got != pair(s.at) || len(s.databases()) > 2 {
		t.Errorf("a new run: generation %s serves, want %d, beside %v", got, s.at, s.databases())
	}
}
