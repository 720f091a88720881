package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
)

// told is a hook that writes down what it is told, and fails at the moment whose name stands in a file.
const toldScript = `#!/bin/sh
cd "$(dirname "$0")"
echo "$LETHE_HOOK $LETHE_ENVIRONMENT $LETHE_DATABASE $LETHE_CODE$LETHE_PUBLISH_AT" >> told.log
psql -XAtc 'SELECT current_database()' >> told.log 2>/dev/null
env > told.env
echo canary
! grep -qx "$LETHE_HOOK" fail 2>/dev/null
`

// hooked is a stage that tells a hook everything.
func hooked(t *testing.T, extra string) *stage {
	t.Helper()
	s := newStage(t, peopleRules, fill(people)).adopted()
	s.write("told", toldScript)
	if err := os.Chmod(filepath.Join(s.dir, "told"), 0o700); err != nil {
		t.Fatal(err)
	}
	yaml := strings.Replace(s.read("lethe.yaml"), "publish: {sessions: terminate}", `publish: {sessions: terminate`+extra+`}
    hooks:
      before: [told]
      built: [{command: [./told], timeout: 1m, env: [TOLD_TOKEN]}]
      announce: [told]
      before_publish: [told]
      after_publish: [told]
      failed: [told]`, 1)
	s.write("lethe.yaml", yaml)
	s.env["TOLD_TOKEN"] = "t0ken"
	return s
}

// heard returns the lines of the log, and empties it.
func (s *stage) heard() []string {
	s.t.Helper()
	path := filepath.Join(s.dir, "told.log")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err := os.Remove(path); err != nil {
		s.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// clock is a time that goes on by itself whenever somebody waits for it.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.now = c.now.Add(d)
	fired := make(chan time.Time, 1)
	fired <- c.now
	return fired
}

func (s *stage) hears(want ...string) {
	s.t.Helper()
	got := s.heard()
	var moments []string
	for _, line := range got {
		if word, rest, ok := strings.Cut(line, " staging "); ok {
			moments = append(moments, strings.TrimSpace(word+" "+rest))
		} else if len(moments) > 0 && !strings.Contains(moments[len(moments)-1], line) {
			s.t.Errorf("the hook's own connection reached %s: %s", line, moments[len(moments)-1])
		}
	}
	if strings.Join(moments, "\n") != strings.Join(want, "\n") {
		s.t.Errorf("hooks were told\n%s\nwant\n%s", strings.Join(moments, "\n"), strings.Join(want, "\n"))
	}
}

// TestHooksAreToldInOrderAndFailTheRunBeforeItIsPublished goes through every moment and each failure.
func TestHooksAreToldInOrderAndFailTheRunBeforeItIsPublished(t *testing.T) {
	t.Parallel()
	s := hooked(t, "")
	doc := document[refreshDocument](s, "refresh", "staging")
	base := s.staging.Name()
	built := base + "__" + doc.Run
	s.hears("before "+base, "built "+built, "before_publish "+built, "after_publish "+base)
	seen := s.read("told.env")
	for _, leak := range []string{testKey, "PRODUCTION_DSN"} {
		if strings.Contains(seen, leak) {
			t.Errorf("a hook saw %s", leak)
		}
	}
	serves := func() string {
		return document[environmentDocument](s, "env", "show", "staging").Status.Certificate.Run
	}
	for _, c := range []struct {
		moment string
		kept   bool
	}{{"before", false}, {"built", false}, {"before_publish", true}} {
		s.write("fail", c.moment+"\n")
		r := s.refused(statusFailed, []string{"refresh", "staging", "--json"}, "hook "+c.moment, "exit status 1")
		if strings.Contains(r.out+r.err, "canary") || !strings.Contains(r.out, `"hook-failed"`) {
			t.Errorf("%s: %s%s", c.moment, r.out, r.err)
		}
		if got := serves(); got != doc.Run {
			t.Errorf("after hook %s failed run %s serves", c.moment, got)
		}
		if log := s.heard(); !strings.HasPrefix(log[len(log)-2], "failed staging "+base+" hook-failed") {
			t.Errorf("%s: the end was told as %q", c.moment, log)
		}
		if builds := document[environmentDocument](s, "env", "show", "staging").Status.Builds; (len(builds) == 1) != c.kept {
			t.Errorf("after hook %s failed there are builds %v", c.moment, builds)
		}
	}
	// The build that was kept is published, and what fails then is told, and undoes nothing.
	s.write("fail", "after_publish\n")
	r := s.refused(statusFailed, []string{"publish", "staging", "--json"}, "published, and the new database serves", "hook after_publish")
	if !strings.Contains(r.out, `"publication"`) || strings.Contains(r.out, `"error"`) {
		t.Errorf("the document: %s", r.out)
	}
	if serves() == doc.Run {
		t.Error("what was published does not serve")
	}
	s.heard()
	s.write("fail", "")
	s.ok("rollback", "staging")
	s.hears("before_publish "+base+"__previous_"+doc.Run, "after_publish "+base)
	// What is not there is told before anything begins.
	s.write("lethe.yaml", strings.Replace(s.read("lethe.yaml"), "failed: [told]", "failed: [no-such-program]", 1))
	delete(s.env, "TOLD_TOKEN")
	s.refused(statusUsage, []string{"refresh", "staging"}, "lethe.yaml:16:16", "no-such-program", "lethe.yaml:12:15", "TOLD_TOKEN")
	if s.heard() != nil {
		t.Error("a hook ran")
	}
}

// TestABuildWaitsForItsWindow holds that what is built waits and is announced, that an interrupt keeps it,
// and that --now does not wait.
func TestABuildWaitsForItsWindow(t *testing.T) {
	t.Parallel()
	s := hooked(t, `, window: "05:00-06:00", zone: Europe/Berlin, announce: 10m`)
	listener, err := pgx.Connect(t.Context(), s.env["STAGING_DSN"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close(t.Context()) }()
	if _, err := listener.Exec(t.Context(), "LISTEN lethe"); err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	at := &clock{now: start}
	s.now, s.after = at.Now, at.After
	built := document[refreshDocument](s, "refresh", "staging", "--no-publish")
	if !at.now.Equal(start) {
		t.Error("a build that is not to be published waited")
	}
	s.heard()
	s.ok("publish", "staging")
	if want := time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC); !at.now.Equal(want) {
		t.Errorf("published at %s, want %s", at.now.UTC(), want)
	}
	base := s.staging.Name()
	s.hears("announce "+base+" 2026-11-21T05:00:00+01:00", "before_publish "+base+"__"+built.Run, "after_publish "+base)
	note, err := listener.WaitForNotification(t.Context())
	if err != nil || !strings.Contains(note.Payload, `"event":"announced"`) || !strings.Contains(note.Payload, `"at":"2026-11-21T04:00:00Z"`) {
		t.Fatalf("announced: %v, %v", note, err)
	}
	// Interrupted after it was announced: the build is kept, and those who were told hear that it is off.
	serving := pgtest.QueryStrings(t, s.staging.DSN(), `SELECT run FROM lethe.certificate`)
	listener, err = pgx.Connect(t.Context(), s.env["STAGING_DSN"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listener.Exec(t.Context(), "LISTEN lethe"); err != nil {
		t.Fatal(err)
	}
	interrupts := make(chan os.Signal, 1)
	s.interrupts = interrupts
	waits := 0
	s.after = func(d time.Duration) <-chan time.Time {
		if waits++; waits == 1 {
			interrupts <- os.Interrupt
		}
		return nil // it never comes
	}
	s.refused(statusInterrupted, []string{"refresh", "staging"}, "what was built is kept", "lethe publish staging --now")
	s.interrupts, s.after = nil, at.After
	for _, event := range []string{"announced", "withdrawn"} {
		note, err := listener.WaitForNotification(t.Context())
		if err != nil || !strings.Contains(note.Payload, fmt.Sprintf(`"event":%q`, event)) {
			t.Fatalf("%s: %v, %v", event, note, err)
		}
	}
	if err := listener.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := pgtest.QueryStrings(t, s.staging.DSN(), `SELECT run FROM lethe.certificate`); now[0] != serving[0] {
		t.Error("an interrupted run published")
	}
	// Inside the window what was kept is announced, and published ten minutes later; --now waits for nothing.
	s.ok("publish", "staging")
	ten := time.Date(2026, 11, 21, 4, 10, 0, 0, time.UTC)
	if !at.now.Equal(ten) {
		t.Errorf("published at %s, want %s", at.now.UTC(), ten)
	}
	s.ok("refresh", "staging", "--now")
	if !at.now.Equal(ten) {
		t.Errorf("--now waited until %s", at.now.UTC())
	}
}
