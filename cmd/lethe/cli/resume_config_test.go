package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/state"
)

// failing is a stage whose role decides how the unique index on public.two fails, past the rows that are tried.
func failing(t *testing.T) (s resumption, how func(string)) {
	t.Helper()
	s = resumption{newGenerations(t)}
	pgtest.Exec(t, s.production.As(s.owner.Name, s.owner.Password),
		`CREATE FUNCTION same(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n'`,
		`CREATE FUNCTION sorts(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
			IF n = 2999 AND pg_catalog.current_setting('lethe_test.stuck', true) = 'twice' THEN RETURN 1; END IF;
			IF n = 2999 AND pg_catalog.current_setting('lethe_test.stuck', true) = 'path' THEN RETURN same(n); END IF; RETURN n; END $$`,
		`CREATE UNIQUE INDEX stuck ON two (public.sorts(id))`, `ALTER TABLE two ADD CONSTRAINT positive CHECK (id > 0)`)
	s.adopted()
	how = func(what string) {
		s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" SET lethe_test.stuck = '"+what+"'")
	}
	return s, how
}

// with runs f while lethe.yaml has a line more in the environment.
func (s resumption) with(line string, f func()) {
	s.t.Helper()
	plain := s.read("lethe.yaml")
	s.replace("lethe.yaml", "    publish:", "    "+line+"\n    publish:")
	f()
	s.write("lethe.yaml", plain)
}

// TestAResumedRunIsBuiltByTheConfigurationThatItBeganWith holds that a key which has had its effect refuses the run by
// its name, that the run can still be gone on with, and that what mends it is taken up: more that is tolerated, another
// search_path.
func TestAResumedRunIsBuiltByTheConfigurationThatItBeganWith(t *testing.T) {
	t.Parallel()
	s, how := failing(t)
	s.ok("refresh", "staging")
	s.next()
	how("twice")
	run := resumeHint(t, s.refused(statusFailed, []string{"refresh", "staging"}, "1 keys of unique index public.stuck", "tolerate:").err)
	for line, words := range map[string]string{
		`roles: {map: {one: other}}`:                "staging.roles.map: one|was built without it|start a new run: lethe refresh staging",
		`roles: {drop: [gone]}`:                     "staging.roles.drop: gone",
		`without: {extensions: [hstore]}`:           "staging.without.extensions: hstore",
		`undecided: blank`:                          "staging.undecided|is another than",
		`revive: ["function:public.same(integer)"]`: "staging.revive: function:public.same(integer)",
		`tolerate: [public.two.positive]`:           "public.two.positive|was made before the run failed|take it out of tolerate:",
		`tolerate: [public.stick]`:                  "public.stick|no unique index and no constraint of that name",
	} {
		s.with(line, func() {
			s.refused(statusRefused, []string{"refresh", "staging", "--resume", run}, strings.Split(words, "|")...)
		})
	}
	s.with("tolerate: [public.stuck]", func() { s.goOn("a tolerated key", "lethe refresh staging --resume "+run) })
	if n := s.staging.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relname = 'stuck'`); n != 0 {
		t.Error("the index that is tolerated to be missing is there")
	}

	s.next()
	s.with("tolerate: [public.two.positive]", func() {
		how("path")
		run = resumeHint(t, s.refused(statusFailed, []string{"refresh", "staging"}, "search_path").err)
	})
	s.refused(statusRefused, []string{"refresh", "staging", "--resume", run}, "tolerate: public.two.positive", "is not there any more")
	s.with("tolerate: [public.two.positive]", func() {
		// An attempt that fails again leaves what the next one goes on with.
		resumeHint(t, s.refused(statusFailed, []string{"refresh", "staging", "--resume", run}, "search_path").err)
		s.with("post_data: {search_path: [public]}", func() { s.goOn("a search_path", "lethe refresh staging --resume "+run) })
	})
	if got := s.staging.QueryStrings(t, `SELECT proname FROM pg_proc WHERE proconfig IS NOT NULL AND pronamespace = 'public'::regnamespace`); len(got) > 0 {
		t.Errorf("functions keep a search_path of ours: %v", got)
	}
}

// TestWhatComesAfterTheCopyIsKnownByWhatItHolds holds that what was run and is another now refuses the run by its name
// before anything else is run, that nothing of it stands in the database in clear, and that what was not run is free.
func TestWhatComesAfterTheCopyIsKnownByWhatItHolds(t *testing.T) {
	t.Parallel()
	s := resumption{newGenerations(t)}
	s.adopted()
	s.ok("refresh", "staging")
	s.next()
	const first, program = "CREATE TABLE once (id int);\n", "#!/bin/sh\nexit 0\n"
	executable := func(text string) {
		t.Helper()
		s.write("step", text)
		if err := os.Chmod(filepath.Join(s.dir, "step"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.write("first.sql", first)
	s.write("broken.sql", "SELECT 1/0;\n")
	executable(program)
	const list = `after: [first.sql, {command: [./step, canary-argument]}, broken.sql]`
	s.replace("lethe.yaml", "    publish:", "    "+list+"\n    publish:")
	run := resumeHint(t, s.refused(statusFailed, []string{"refresh", "staging"}, "broken.sql:1").err)
	resume := []string{"refresh", "staging", "--resume", run}
	for _, line := range pgtest.QueryStrings(t, s.staging.Database(s.staging.Name()+"__"+run), `SELECT what FROM lethe.done WHERE what LIKE 'once %'`) {
		if strings.Contains(line, "canary") || strings.Contains(line, ".sql") {
			t.Errorf("in the database stands %q", line)
		}
	}

	s.write("first.sql", first+"-- more\n")
	s.refused(statusRefused, resume, "lethe.yaml:9:13", "first.sql", "entry 1 of after: was run", "write what is new into an entry behind it")
	s.write("first.sql", first)
	executable(program + "# more\n")
	if r := s.refused(statusRefused, resume, "step", "entry 2 of after: was run"); strings.Contains(r.err, "canary") {
		t.Errorf("an argument is told: %s", r.err)
	}
	executable(program)
	for list, words := range map[string]string{
		`after: [{command: [./step, canary-argument]}, first.sql, broken.sql]`: "entry 1 of after:|entry 2 of after:",
		`after: [first.sql, {command: [./step, another]}, broken.sql]`:         "entry 2 of after:",
		`after: [first.sql]`: "entry 2 of after:|is not there any more",
		`after: [first.sql, {command: [./step, canary-argument]}, broken.sql]
    retain: [{table: public.one, where: "false"}]`: "staging.retain: public.one|was built without it",
	} {
		plain := s.read("lethe.yaml")
		s.replace("lethe.yaml", `after: [first.sql, {command: [./step, canary-argument]}, broken.sql]`, list)
		s.refused(statusRefused, resume, strings.Split(words, "|")...)
		s.write("lethe.yaml", plain)
	}

	s.refused(statusFailed, resume, "broken.sql:1")
	s.write("mended.sql", "CREATE TABLE own (id int);\n")
	s.write("last.sql", "CREATE TABLE last (id int);\n")
	s.replace("lethe.yaml", "broken.sql]", "mended.sql, last.sql]")
	s.goOn("what was mended", "lethe "+strings.Join(resume, " "))
	s.chain(run)
	if n := s.staging.QueryInt(t, `SELECT count(*) FROM pg_class WHERE relname IN ('once', 'own', 'last')`); n != 3 {
		t.Errorf("%d of three tables that statements made are there", n)
	}
}

// TestAResumedRunRetainsWhatItRetained holds that rows of the environment's own that are here already are those that
// are asked for, also where nothing is asked for any more.
func TestAResumedRunRetainsWhatItRetained(t *testing.T) {
	t.Parallel()
	s := retaining(t, `[public.flags]`)
	s.write("broken.sql", "SELECT 1/0;\n")
	s.replace("lethe.yaml", "    publish:", "    after: [broken.sql]\n    publish:")
	run := resumeHint(t, s.refused(statusFailed, []string{"refresh", "staging"}, "broken.sql:1").err)
	plain := s.read("lethe.yaml")
	for _, other := range []string{"", "    retain: [public.flags, {table: public.themes, replace: true}]\n"} {
		s.replace("lethe.yaml", "    retain: [public.flags]\n", other)
		s.refused(statusRefused, []string{"refresh", "staging", "--resume", run}, "rows were carried over", "put that back as it was")
		s.write("lethe.yaml", plain)
	}
	s.write("broken.sql", "SELECT 1;\n")
	s.ok("refresh", "staging", "--resume", run)
	if n := s.staging.QueryInt(t, `SELECT count(*) FROM flags`); n != 2 {
		t.Errorf("%d of two rows were retained", n)
	}
}

// chain holds that runs on record say of each other which went on with which.
func (s resumption) chain(run string) {
	s.t.Helper()
	failed := document[state.Run](s.stage, "runs", run)
	listed := document[[]state.Run](s.stage, "runs", "--limit", "0")
	var ids []string
	published := ""
	for _, r := range listed {
		if r.Resumes == run && r.Outcome != state.Refused {
			ids = append([]string{r.ID}, ids...)
		}
		if r.Resumes == run && r.Outcome == state.Published {
			published = r.ID
		}
	}
	if len(ids) < 2 || !slices.Equal(failed.ResumedBy, ids) || failed.Resumes != "" || published == "" {
		s.t.Fatalf("run %s was resumed by %v, listed are %v, of which %q published", run, failed.ResumedBy, ids, published)
	}
	if text := s.ok("runs", run); !strings.Contains(text, strings.Join(ids, ", ")) || !strings.Contains(text, "says how it went on") {
		s.t.Errorf("the failed run does not say what became of it:\n%s", text)
	}
	if text := s.ok("runs", published); !strings.Contains(text, "resumes") || !strings.Contains(text, run) {
		s.t.Errorf("the resuming run does not say of which:\n%s", text)
	}
	if text := s.ok("runs"); !strings.Contains(text, "resumes "+run) || !strings.Contains(text, "resumed by "+ids[len(ids)-1]) {
		s.t.Errorf("the list does not say which went on with which:\n%s", text)
	}
}
