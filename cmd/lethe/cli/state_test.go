package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// TestALostStateFileLosesNoTruth holds that what serves, and what was accepted with it, is told by the
// published database itself: from any machine, and when the state file is gone.
func TestALostStateFileLosesNoTruth(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules+"defaults:\n  \"*.*.*_count\": {keep: \"a count names nobody\"}\n",
		fill(people, `ALTER TABLE people ADD COLUMN visit_count integer`)).adopted()
	before(t, s, `ALTER TABLE people ADD COLUMN arrest_count integer`)
	was := document[environmentDocument](s, "env", "show", "staging")
	lost, err := filepath.Glob(filepath.Join(s.dir, "lethe.db*"))
	if err != nil || len(lost) == 0 {
		t.Fatalf("no state file: %v", err)
	}
	for _, path := range lost {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if is := document[environmentDocument](s, "env", "show", "staging"); is.Status.Certificate.Run != was.Status.Certificate.Run {
		t.Errorf("env show tells of run %s, want %s", is.Status.Certificate.Run, was.Status.Certificate.Run)
	}
	s.refused(statusRefused, []string{"refresh", "staging"}, "public.people.arrest_count")
	pgtest.Exec(t, s.production.As(s.owner.Name, s.owner.Password), `ALTER TABLE people DROP COLUMN arrest_count`)
	s.ok("refresh", "staging")
	s.ok("rollback", "staging")
}

// TestASuperuserMayDoItToo is the one run with more rights than are needed.
func TestASuperuserMayDoItToo(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people))
	s.env["PRODUCTION_DSN"], s.env["STAGING_DSN"] = s.production.DSN(), s.staging.DSN()
	s.ok("env", "adopt", "staging", "--same-server", "a test has one server")
	s.ok("refresh", "staging")
	for _, row := range s.staging.QueryStrings(t, `SELECT email FROM people`) {
		if strings.Contains(row, "canary") {
			t.Fatal("an original arrived")
		}
	}
	s.ok("rollback", "staging")
}
