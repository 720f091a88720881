package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lethedb/lethe/internal/ledger"
	"github.com/lethedb/lethe/internal/work"
)

func TestMain(m *testing.M) {
	// The tests run this program as the other process that writes the same file.
	if len(os.Args) > 2 && os.Args[1] == "as-writer" {
		if err := asWriter(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// writes is how many runs each writer records.
const writes = 20

func asWriter(path, name string) error {
	store, err := Open(context.Background(), path)
	if err != nil {
		return err
	}
	for i := range writes {
		run := Run{ID: fmt.Sprintf("%s-%d", name, i), Environment: "dev", Kind: Refresh, Started: noon().Add(time.Duration(i))}
		if err := store.Begin(context.Background(), run); err != nil {
			return err
		}
		if err := store.Finish(context.Background(), run.ID, Result{Ended: noon(), Outcome: Done}); err != nil {
			return err
		}
	}
	return store.Close()
}

func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 123000, time.UTC) }

func opened(t *testing.T) *Store {
	t.Helper()
	return reopened(t, filepath.Join(t.TempDir(), "lethe.db"))
}

func reopened(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func begun(t *testing.T, s *Store, run Run) {
	t.Helper()
	if err := s.Begin(t.Context(), run); err != nil {
		t.Fatal(err)
	}
}

func TestRunReadsAsItWasRecorded(t *testing.T) {
	s := opened(t)
	run := Run{
		ID: "r1", Environment: "staging", Source: "production", Kind: Refresh, Started: noon(),
		Host: "h", User: "u", Version: "1.2.3",
		Result: Result{Digests: work.Digests{Rules: "aa", KeyID: "kk"}},
	}
	begun(t, s, run)
	got, err := s.Run(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	if got.Outcome != Running || !got.Ended.IsZero() || got.Process != thisProcess() || got.Digests != run.Digests {
		t.Errorf("begun: %+v", got)
	}
	result := Result{
		Ended: noon().Add(time.Minute), Outcome: Published, Exit: 0, Code: "",
		Digests:     work.Digests{Plan: "pp", Catalog: "cc"},
		Publication: &Publication{Database: "app", Previous: "app__prev", OutageMS: 412, Sessions: 30},
		Tables: []Table{
			{Schema: "public", Name: "b", Rows: 10, Bytes: 100, Milliseconds: 7},
			{Schema: "Foo Bar", Name: `a "b"`, Rows: 1, Bytes: 2, Milliseconds: 3},
		},
		Phases: []Phase{{"copy", 70}, {"verify", 9}},
		Cost:   work.Cost{Bytes: 9, Milliseconds: 8, Sessions: 4, SnapshotMS: 7, LongestWaitMS: 6, PausedMS: 5},
	}
	if err := s.Finish(t.Context(), "r1", result); err != nil {
		t.Fatal(err)
	}
	want := run
	want.Process, want.Result = thisProcess(), result
	want.Digests = work.Digests{Rules: "aa", Plan: "pp", Catalog: "cc", KeyID: "kk"}
	if got, err = s.Run(t.Context(), "r1"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if total := got.Total(); total != (work.Count{Rows: 11, Bytes: 102}) {
		t.Errorf("total %+v", total)
	}
}

func TestFirstEndOfARunStands(t *testing.T) {
	s := opened(t)
	begun(t, s, Run{ID: "r1", Kind: Publish, Started: noon()})
	for _, outcome := range []Outcome{"", Running} {
		if err := s.Finish(t.Context(), "r1", Result{Outcome: outcome}); err == nil {
			t.Errorf("%q is an end", outcome)
		}
	}
	if err := s.Finish(t.Context(), "r1", Result{Ended: noon(), Outcome: Failed, Exit: 1, Code: "disk-full"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context(), "r1", Result{Ended: noon(), Outcome: Published}); !errors.Is(err, ErrEnded) {
		t.Errorf("second end: %v", err)
	}
	if err := s.Finish(t.Context(), "r2", Result{Ended: noon(), Outcome: Published}); !errors.Is(err, ErrUnknownRun) {
		t.Errorf("unknown run: %v", err)
	}
	if got, err := s.Run(t.Context(), "r1"); err != nil || got.Outcome != Failed || got.Code != "disk-full" || got.Exit != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Run(t.Context(), "r2"); !errors.Is(err, ErrUnknownRun) {
		t.Errorf("unknown run: %v", err)
	}
	if err := s.Begin(t.Context(), Run{ID: "r1", Started: noon()}); err == nil {
		t.Error("an id was taken twice")
	}
}

// TestEndIsRecordedWholeOrNotAtAll gives a result whose second table the schema refuses.
func TestEndIsRecordedWholeOrNotAtAll(t *testing.T) {
	s := opened(t)
	begun(t, s, Run{ID: "r1", Started: noon()})
	if _, err := s.db.ExecContext(t.Context(), "CREATE TRIGGER no BEFORE INSERT ON run_table WHEN new.no = 1 BEGIN SELECT raise(ABORT, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	err := s.Finish(t.Context(), "r1", Result{Outcome: Published, Ended: noon(), Tables: make([]Table, 2), Publication: &Publication{Database: "x"}})
	if err == nil {
		t.Fatal("recorded")
	}
	if got, err := s.Run(t.Context(), "r1"); err != nil || got.Outcome != Running || got.Publication != nil || got.Tables != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRunsArePickedNewestFirst(t *testing.T) {
	s := opened(t)
	for i, env := range []string{"dev", "staging", "dev", "dev"} {
		begun(t, s, Run{ID: "r" + strconv.Itoa(i), Environment: env, Kind: Refresh, Started: noon().Add(time.Duration(i) * time.Hour)})
	}
	begun(t, s, Run{ID: "r9", Environment: "dev", Kind: Rollback, Started: noon()})
	if err := s.Finish(t.Context(), "r2", Result{Ended: noon(), Outcome: Failed}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter Filter
		want   string
	}{
		"all":         {Filter{}, "r3 r2 r1 r9 r0"},
		"environment": {Filter{Environment: "dev"}, "r3 r2 r9 r0"},
		"kind":        {Filter{Kind: Rollback}, "r9"},
		"outcome":     {Filter{Outcome: Failed}, "r2"},
		"running":     {Filter{Outcome: Running, Limit: 2}, "r3 r1"},
		"since":       {Filter{Since: noon().Add(2 * time.Hour)}, "r3 r2"},
		"limit":       {Filter{Limit: 3}, "r3 r2 r1"},
		"none":        {Filter{Environment: "qa"}, ""},
	} {
		runs, err := s.Runs(t.Context(), c.filter)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestRunOfADeadProcessReadsAsInterrupted(t *testing.T) {
	s := opened(t)
	child := exec.Command("sleep", "3600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = processOf(child.Process.Pid)
	begun(t, s, Run{ID: "mine", Started: noon()})
	begun(t, s, Run{ID: "elsewhere", Host: "another-host", Started: noon()})
	outcomes := func() string {
		var all []string
		runs, err := s.Runs(t.Context(), Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			all = append(all, r.ID+" "+string(r.Outcome))
		}
		return strings.Join(all, ", ")
	}
	if got := outcomes(); got != "mine running, elsewhere running" {
		t.Errorf("alive: %s", got)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	if got := outcomes(); got != "mine interrupted, elsewhere running" {
		t.Errorf("dead: %s", got)
	}
	if runs, err := s.Runs(t.Context(), Filter{Outcome: Interrupted}); err != nil || len(runs) != 1 {
		t.Errorf("picked %d, %v", len(runs), err)
	}
	// What is only seen is not written: the run may still be ended by who knows better.
	if err := s.Finish(t.Context(), "mine", Result{Outcome: Interrupted, Exit: 130}); err != nil {
		t.Error(err)
	}
	if run, err := s.Run(t.Context(), "mine"); err != nil || run.Outcome != Interrupted || !run.Ended.IsZero() {
		t.Errorf("got %+v, %v", run, err)
	}
}

func TestKeysHaveAges(t *testing.T) {
	s := opened(t)
	for _, seen := range []struct {
		id   string
		hour int
	}{{"k1", 5}, {"k2", 6}, {"k1", 9}, {"k1", 2}} {
		if err := s.KeySeen(t.Context(), seen.id, noon().Add(time.Duration(seen.hour)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(hour int) time.Time { return noon().Add(time.Duration(hour) * time.Hour) }
	want := []Key{{"k1", at(2), at(9)}, {"k2", at(6), at(6)}}
	if got, err := s.Keys(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestLedgerHeadIsKept(t *testing.T) {
	s := opened(t)
	if head, err := s.LedgerHead(t.Context()); err != nil || head != (ledger.Head{}) {
		t.Errorf("before: %v, %v", head, err)
	}
	for seq := int64(1); seq <= 2; seq++ {
		want := ledger.Head{Seq: seq, Hash: strings.Repeat("ab", 32)}
		if err := s.SetLedgerHead(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if head, err := s.LedgerHead(t.Context()); err != nil || head != want {
			t.Errorf("got %v, %v, want %v", head, err, want)
		}
	}
}

func TestLedgerIsAnchoredInTheStateFile(t *testing.T) {
	s := opened(t)
	path := filepath.Join(filepath.Dir(s.Path()), "ledger.jsonl")
	log := ledger.Open(path, s, noon)
	var heads []ledger.Head
	for range 3 {
		entry, err := log.Append(t.Context(), ledger.Record{Action: "refresh"})
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, entry.Head())
	}
	if head, err := s.LedgerHead(t.Context()); err != nil || head != heads[2] {
		t.Errorf("got %v, %v, want %v", head, err, heads[2])
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	// Another process, which knows nothing but the two files, misses what was taken away.
	var broken *ledger.BrokenError
	if _, err := ledger.Open(path, reopened(t, s.Path()), noon).Append(t.Context(), ledger.Record{Action: "refresh"}); !errors.As(err, &broken) {
		t.Errorf("got %v", err)
	}
}

func TestTwoHandlesSeeEachOthersWrites(t *testing.T) {
	a := opened(t)
	b := reopened(t, a.Path())
	var group sync.WaitGroup
	for n, s := range []*Store{a, b, a, b} {
		group.Go(func() {
			for i := range writes {
				id := fmt.Sprintf("%d-%d", n, i)
				if err := s.Begin(t.Context(), Run{ID: id, Started: noon()}); err != nil {
					t.Error(err)
				}
				if err := s.Finish(t.Context(), id, Result{Ended: noon(), Outcome: Done, Tables: []Table{{Name: id}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, s := range []*Store{a, b} {
		if runs, err := s.Runs(t.Context(), Filter{Outcome: Done}); err != nil || len(runs) != 4*writes {
			t.Errorf("%d runs, %v", len(runs), err)
		}
	}
}

func TestSeveralProcessesMakeAndShareOneFile(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lethe.db")
	var group sync.WaitGroup
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		group.Go(func() {
			if out, err := exec.CommandContext(t.Context(), exe, "as-writer", path, name).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		})
	}
	group.Wait()
	s := reopened(t, path)
	runs, err := s.Runs(t.Context(), Filter{Outcome: Done})
	if err != nil || len(runs) != len(names)*writes {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "with space#?%20.db")
	s := reopened(t, path)
	begun(t, s, Run{ID: "r", Started: noon()})
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(e.Name(), filepath.Base(path)) {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ path, says string }{
		"others may read": {file("open.db", "", 0o644), "chmod 600"},
		"no directory":    {filepath.Join(dir, "none", "lethe.db"), "make the directory"},
		"no database":     {file("text.db", strings.Repeat("not a database\n", 100), 0o600), "not a database"},
		"directory":       {dir, "directory"},
	} {
		s, err := Open(t.Context(), c.path)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEverySchemaIsBroughtToTheNewest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lethe.db")
	steps := append(migrations(), "ALTER TABLE masking_key ADD COLUMN note TEXT NOT NULL DEFAULT 'old'", "CREATE TABLE more (x TEXT) STRICT")
	s := reopened(t, path)
	if err := s.KeySeen(t.Context(), "k", noon()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to do
		newer, err := open(t.Context(), path, steps)
		if err != nil {
			t.Fatal(err)
		}
		var note string
		if err := newer.db.QueryRowContext(t.Context(), "SELECT note FROM masking_key WHERE id = 'k'").Scan(&note); err != nil || note != "old" {
			t.Errorf("got %q, %v", note, err)
		}
		if err := newer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open(t.Context(), path)
	var newer *NewerError
	if !errors.As(err, &newer) || *newer != (NewerError{Path: path, Version: len(steps), Known: len(migrations())}) {
		t.Errorf("newer schema: %v", err)
	}
}

func TestFailedMigrationLeavesTheFileAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lethe.db")
	steps := append(migrations(), "CREATE TABLE half (x TEXT) STRICT; this is not SQL")
	if s, err := open(t.Context(), path, steps); err == nil {
		_ = s.Close()
		t.Fatal("opened")
	}
	s := reopened(t, path)
	if _, err := s.db.ExecContext(t.Context(), "SELECT * FROM half"); err == nil {
		t.Error("half a migration is there")
	}
	begun(t, s, Run{ID: "r", Started: noon()})
}

func TestOperationsEndWithTheirContext(t *testing.T) {
	s := opened(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Begin(ended, Run{ID: "r", Started: noon()}); !errors.Is(err, context.Canceled) {
		t.Errorf("begin: %v", err)
	}
	if _, err := s.Runs(ended, Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("runs: %v", err)
	}
	if runs, err := s.Runs(t.Context(), Filter{}); err != nil || len(runs) != 0 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}
