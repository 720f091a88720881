package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/pgtest"
)

// TestWhatIsNotCompleteIsNeverPublished kills lethe in a program that runs after the copy was verified:
// the old data serves, no verb publishes what is there, no program is left, and the next run succeeds.
// Two slots take turns, and the environment's own rows and its hold go from one to the other.
func TestWhatIsNotCompleteIsNeverPublished(t *testing.T) {
	t.Parallel()
	g := newSlots(t, "file: current.dsn")
	g.write("step", "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nif [ -e kill ]; then echo $$ > pid; kill -9 $PPID; sleep 60; fi\n")
	if err := os.Chmod(filepath.Join(g.dir, "step"), 0o700); err != nil {
		t.Fatal(err)
	}
	g.replace("lethe.yaml", "    publish:", "    retain: [{table: public.one, where: \"id > 9000\"}]\n    after: [{command: [./step]}]\n    publish:")
	g.next()
	g.ok("refresh", "staging")
	own := func(database string) []string {
		return pgtest.QueryStrings(t, withUser(t, g.staging.Database(database), g.app), `SELECT one || ' ' || two FROM public.one JOIN public.two USING (id) WHERE id > 9000`)
	}
	pgtest.Exec(t, withUser(t, g.staging.Database(g.pointer()), g.builder),
		`INSERT INTO public.one VALUES (9001, 2, 'qa@qa.example', ''); INSERT INTO public.two VALUES (9001, 2)`)
	want := own(g.pointer())
	first := g.pointer()
	g.write("kill", "")
	if status := g.start("refresh", "staging").status(); status != -1 {
		t.Fatalf("status %d, want a kill", status)
	}
	if got := g.reads(first); g.pointer() != first || got != pair(g.at) {
		t.Errorf("after the kill %s serves %s", g.pointer(), got)
	}
	g.refused(statusRefused, []string{"publish", "staging"}, "no build waits")
	pid := strings.TrimSpace(g.read("pid"))
	for deadline := time.Now().Add(patience); ; <-time.After(lookEvery) {
		stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the program lives on")
		}
	}
	if err := os.Remove(filepath.Join(g.dir, "kill")); err != nil {
		t.Fatal(err)
	}
	g.ok("refresh", "staging")
	if got := own(g.pointer()); g.pointer() == first || !equal(got, want) || len(want) != 1 {
		t.Errorf("%s holds %v, want %v", g.pointer(), got, want)
	}
	g.ok("env", "hold", "staging", "--until", "1h", "--reason", "demo")
	g.refused(statusRefused, []string{"refresh", "staging"}, "demo")
	g.refused(statusRefused, []string{"rollback", "staging"}, "demo")
	g.ok("env", "release", "staging")
	g.ok("rollback", "staging")
	if g.pointer() != first {
		t.Error("the pointer did not turn back")
	}
}
