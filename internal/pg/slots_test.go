package pg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// slotScene is a scene of two slots and a role that may create no database.
type slotScene struct {
	*scene
	slots *Slots
	other *pgtest.DB
}

func newSlotScene(t *testing.T, statements ...string) *slotScene {
	t.Helper()
	t.Parallel()
	s := &slotScene{scene: &scene{source: pgtest.New(t), target: pgtest.New(t)}, other: pgtest.New(t)}
	s.owner, s.lethe = pgtest.Role(t, s.target, ""), pgtest.Role(t, s.target, "")
	s.target.Exec(t, "GRANT "+s.owner.Name+", pg_signal_backend, pg_read_all_stats TO "+s.lethe.Name)
	for _, db := range []*pgtest.DB{s.source, s.target, s.other} {
		s.target.Exec(t, "ALTER DATABASE "+db.Name()+" OWNER TO "+s.owner.Name)
	}
	pgtest.Exec(t, asRole(s.source.DSN(), s.owner), statements...)
	s.slots = &Slots{Databases: [2]string{s.target.Name(), s.other.Name()}, Pointer: Pointer{File: filepath.Join(t.TempDir(), "current.dsn")}}
	if _, err := Adopt(t.Context(), AdoptOptions{DSN: s.dsn(), Slots: s.slots, Environment: "staging", SameServer: "test"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *slotScene) options(t *testing.T, run string) TargetOptions {
	t.Helper()
	opts := s.scene.options(t, run)
	opts.Slots = s.slots
	return opts
}

// publish builds and publishes one run.
func (s *slotScene) publish(t *testing.T, run string) Publication {
	t.Helper()
	target := openTarget(t, s.options(t, run))
	s.build(t, target, course{})
	if err := target.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	target.lock.release()
	return target.Result()
}

// pointed returns the database that the pointer names.
func (s *slotScene) pointed(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.slots.Pointer.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, db := range []*pgtest.DB{s.target, s.other} {
		if pointsAt(string(text), db.Name()) {
			return db.Name()
		}
	}
	t.Fatalf("the pointer names neither slot: %q", text)
	return ""
}

func (s *slotScene) generation(t *testing.T, database string) int64 {
	t.Helper()
	return pgtest.QueryInt(t, s.target.Database(database), `SELECT generation FROM public.one`)
}

func TestSlotsTakeTurnsAndRollBack(t *testing.T) {
	s := newSlotScene(t, generations()...)
	first := s.publish(t, "r1")
	assertEqual(t, "pointer", s.pointed(t), first.Database)
	s.nextGeneration(t)
	app := pgtest.Role(t, s.target, "")
	conn := open(t, asRole(s.target.Database(first.Database), app), session{name: "app"})
	second := s.publish(t, "r2")
	assertEqual(t, "pointer", s.pointed(t), second.Database)
	assertEqual(t, "the other slot", second.Database, s.slots.other(first.Database))
	assertEqual(t, "previous", second.Previous, first.Database)
	assertEqual(t, "ended", second.Ended, 1)
	if conn.Ping(t.Context()) == nil {
		t.Error("a session of the old slot goes on")
	}
	assertEqual(t, "new data", s.generation(t, second.Database), 2)
	open(t, asRole(s.target.Database(second.Database), app), session{})

	back, err := Rollback(t.Context(), s.options(t, "back"))
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "pointer", s.pointed(t), first.Database)
	assertEqual(t, "run", back.Run, "r1")
	assertEqual(t, "old data", s.generation(t, first.Database), 1)
	open(t, asRole(s.target.Database(first.Database), app), session{})
	status, err := Inspect(t.Context(), TargetOptions{DSN: s.dsn(), Environment: "staging", Slots: s.slots})
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "serving", status.Certificate.Run, "r1")
	third := s.publish(t, "r3")
	assertEqual(t, "pointer", s.pointed(t), third.Database)
	assertEqual(t, "newest data", s.generation(t, third.Database), 2)
}

func TestAFailedFillLeavesTheServingSlotAndThePointer(t *testing.T) {
	s := newSlotScene(t, shop()...)
	first := s.publish(t, "r1")
	target := openTarget(t, s.options(t, "r2"))
	if _, err := s.run(t, target, course{order: func(o *work.Order) { o.Tables[1].Columns = []string{"nonsense"} }}); err == nil {
		t.Fatal("loaded nonsense")
	}
	if err := target.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	target.lock.release()
	assertEqual(t, "pointer", s.pointed(t), first.Database)
	assertEqual(t, "rows", pgtest.QueryInt(t, s.target.Database(first.Database), `SELECT count(*) FROM customer`), 20)
	if _, err := Rollback(t.Context(), s.options(t, "back")); code(err) != "no-previous" {
		t.Errorf("rolled back to a slot that holds nothing whole: %v", err)
	}
	second := s.publish(t, "r3")
	assertEqual(t, "pointer", s.pointed(t), second.Database)
}

func TestATurnThatWasInterruptedIsFinishedFirst(t *testing.T) {
	s := newSlotScene(t, generations()...)
	first := s.publish(t, "r1")
	// The decision is on record and the pointer was not turned: a directory stands where its file belongs.
	pointer := s.slots.Pointer.File
	target := openTarget(t, s.options(t, "r2"))
	s.build(t, target, course{})
	s.slots.Pointer.File = filepath.Join(filepath.Dir(pointer), "missing", "current.dsn")
	if err := target.Commit(t.Context()); err == nil {
		t.Fatal("turned to nowhere")
	}
	target.lock.release()
	s.slots.Pointer.File = pointer
	assertEqual(t, "pointer", s.pointed(t), first.Database)
	// Both slots are whole now. The next run must not empty the one that the pointer still names without
	// turning it first.
	third := s.publish(t, "r3")
	assertEqual(t, "pointer", s.pointed(t), third.Database)
	assertEqual(t, "third fills the first's slot", third.Database, first.Database)
}

func TestThePointerMayBeACommand(t *testing.T) {
	s := newSlotScene(t, generations()...)
	dir := t.TempDir()
	script := filepath.Join(dir, "turn")
	text := "#!/bin/sh\nprintf '%s %s' \"$1\" \"$2\" > " + filepath.Join(dir, "turned") + "\nenv > " + filepath.Join(dir, "env") + "\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	s.slots.Pointer = Pointer{Command: []string{script, "to"}}
	p := s.publish(t, "r1")
	turned, err := os.ReadFile(filepath.Join(dir, "turned"))
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "arguments", string(turned), "to "+p.Database)
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(env), "\n") {
		// What a shell sets by itself; of ours there is nothing, not even HOME.
		if name, _, _ := strings.Cut(line, "="); name != "" && name != "PWD" && name != "_" && name != "SHLVL" && name != "OLDPWD" {
			t.Errorf("the command sees %s of our environment", name)
		}
	}
}

func TestThePointerHoldsNoSecretAndIsReplacedWhole(t *testing.T) {
	s := newSlotScene(t, generations()...)
	s.publish(t, "r1")
	text, err := os.ReadFile(s.slots.Pointer.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{s.lethe.Name, s.lethe.Password} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the pointer tells who we are: %q", text)
		}
	}
	config, err := parse(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "database", config.Database, s.pointed(t))
	entries, err := os.ReadDir(filepath.Dir(s.slots.Pointer.File))
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "files beside it", len(entries), 1)
}

func TestSlotsAreReadWithCare(t *testing.T) {
	for name, s := range map[string]Slots{
		"one database twice": {Databases: [2]string{"a", "a"}, Pointer: Pointer{File: "x"}},
		"no database":        {Databases: [2]string{"a", ""}, Pointer: Pointer{File: "x"}},
		"no pointer":         {Databases: [2]string{"a", "b"}},
		"two pointers":       {Databases: [2]string{"a", "b"}, Pointer: Pointer{File: "x", Command: []string{"y"}}},
	} {
		opts := TargetOptions{DSN: "postgres://x@127.0.0.1:1/a", Environment: "staging", Run: "r", Slots: &s}
		if _, err := OpenTarget(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "slots") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheProbeSeesAnOutage(t *testing.T) {
	s := newScene(t)
	opts := TargetOptions{DSN: s.dsn(), Run: "probe"}.withDefaults()
	calm := startProbe(t.Context(), opts, s.target.Name())
	if got := calm.stop(); got != 0 {
		t.Errorf("no outage was measured as %v", got)
	}
	probe := startProbe(t.Context(), opts, s.target.Name()+"_later")
	began := time.Now()
	pgtest.Exec(t, s.target.MaintenanceDSN(), "CREATE DATABASE "+s.target.Name()+"_later")
	got := probe.stop()
	pgtest.Exec(t, s.target.MaintenanceDSN(), "DROP DATABASE "+s.target.Name()+"_later WITH (FORCE)")
	if took := time.Since(began); got <= 0 || got > took {
		t.Errorf("an outage of at most %v was measured as %v", took, got)
	}
}
