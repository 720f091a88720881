package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The tests run this program as the other process that appends to the same file.
	if len(os.Args) > 3 && os.Args[1] == "as-appender" {
		if err := asAppender(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// appends is how many entries each appender writes.
const appends = 40

func asAppender(path, name string) error {
	l := Open(path, nil, noon)
	for i := range appends {
		if _, err := l.Append(context.Background(), Record{Action: "refresh", User: name, Facts: map[string]string{"no": fmt.Sprint(i)}}); err != nil {
			return err
		}
	}
	return nil
}

func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.FixedZone("", 3600)) }

// memory is an anchor that can fail.
type memory struct {
	mu   sync.Mutex
	head Head
	err  error
}

func (m *memory) LedgerHead(context.Context) (Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head, nil
}

func (m *memory) SetLedgerHead(_ context.Context, head Head) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.head = head
	return nil
}

func fresh(t *testing.T, a anchor) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	return Open(path, a, noon), path
}

func appended(t *testing.T, l *Log, n int) []Entry {
	t.Helper()
	var out []Entry
	for i := range n {
		e, err := l.Append(t.Context(), Record{Action: "refresh", Run: fmt.Sprint("r", i), User: "anna"})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func rewrite(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAppendKeepsItsHeadElsewhere(t *testing.T) {
	kept := &memory{}
	l, path := fresh(t, kept)
	entries := appended(t, l, 3)
	if last := entries[2]; last.Seq != 3 || last.Prev != entries[1].Hash || kept.head != last.Head() {
		t.Errorf("%+v, kept %+v", last, kept.head)
	}
	if head, err := l.Head(t.Context()); err != nil || head != kept.head {
		t.Errorf("head %+v, %v", head, err)
	}
	if v, err := l.Verify(t.Context()); err != nil || !v.Intact() || v.Anchored != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestReadingMakesNoFile(t *testing.T) {
	l, path := fresh(t, nil)
	if head, err := l.Head(t.Context()); err != nil || head != (Head{}) {
		t.Errorf("%v, %v", head, err)
	}
	if v, err := l.Verify(t.Context()); err != nil || !v.Intact() {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
}

func TestUnfinishedEntryIsCutOffOnRecord(t *testing.T) {
	kept := &memory{}
	l, path := fresh(t, kept)
	appended(t, l, 2)
	whole := contents(t, path)
	begun := []byte(`{"seq":3,"time":"2026-1`)
	for cut := 1; cut <= len(begun); cut++ {
		rewrite(t, path, append(bytes.Clone(whole), begun[:cut]...))
		before := kept.head
		if v, err := l.Verify(t.Context()); err != nil || v.Torn != cut || v.Broken != nil || v.Intact() {
			t.Fatalf("%+v, %v", v, err)
		}
		if head, err := l.Head(t.Context()); err != nil || head != before {
			t.Fatalf("head %v, %v", head, err)
		}
		e, err := l.Append(t.Context(), Record{Action: "refresh", User: "ben"})
		if err != nil || e.Seq != 4 {
			t.Fatalf("%+v, %v", e, err)
		}
		after := contents(t, path)
		if !bytes.HasPrefix(after, whole) {
			t.Fatal("finished entries were touched")
		}
		var seen []string
		v, err := Read(bytes.NewReader(after), func(e Entry) error { seen = append(seen, e.Action+e.Facts["bytes"]); return nil })
		if want := fmt.Sprintf("refresh refresh repair%d refresh", cut); err != nil || !v.Intact() || strings.Join(seen, " ") != want {
			t.Fatalf("%v, %+v, %v", seen, v, err)
		}
		kept.head = before
	}
}

func TestEntryThatLacksOnlyItsLineEndIsKept(t *testing.T) {
	kept := &memory{}
	l, path := fresh(t, kept)
	entries := appended(t, l, 3)
	whole := contents(t, path)
	kept.head = entries[1].Head() // the crash came before the head was kept
	rewrite(t, path, whole[:len(whole)-1])
	if e := appended(t, l, 1)[0]; e.Seq != 4 || e.Prev != entries[2].Hash {
		t.Errorf("%+v", e)
	}
	if after := contents(t, path); !bytes.HasPrefix(after, whole) {
		t.Error("a finished entry was lost")
	}
}

func TestHeadThatWasNotKeptIsKeptNextTime(t *testing.T) {
	kept := &memory{}
	l, _ := fresh(t, kept)
	appended(t, l, 1)
	kept.err = errors.New("disk full")
	e, err := l.Append(t.Context(), Record{Action: "refresh"})
	if !errors.Is(err, kept.err) || e.Seq != 2 {
		t.Errorf("%+v, %v", e, err)
	}
	kept.err = nil
	if e := appended(t, l, 1)[0]; e.Seq != 3 || kept.head != e.Head() {
		t.Errorf("%+v, kept %+v", e, kept.head)
	}
}

func TestNothingGoesOnTopOfABrokenLedger(t *testing.T) {
	for name, damage := range map[string]func(raw []byte) []byte{
		"last entry taken off": func(raw []byte) []byte { return raw[:bytes.LastIndexByte(raw[:len(raw)-1], '\n')+1] },
		"last entry changed":   func(raw []byte) []byte { return bytes.Replace(raw, []byte(`"r2"`), []byte(`"r9"`), 1) },
		"all taken off":        func([]byte) []byte { return nil },
		"line end taken off":   func(raw []byte) []byte { return raw[:len(raw)-1] },
		"another chain put here": func([]byte) []byte {
			other, _ := chain([]Record{{Action: "x"}, {Action: "y"}, {Action: "z"}})
			return other
		},
	} {
		kept := &memory{}
		l, path := fresh(t, kept)
		appended(t, l, 3)
		damaged := damage(contents(t, path))
		rewrite(t, path, damaged)
		_, err := l.Append(t.Context(), Record{Action: "refresh"})
		var broken *BrokenError
		if !errors.As(err, &broken) || broken.Break.Seq == 0 {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(contents(t, path), damaged) {
			t.Errorf("%s: the file was changed", name)
		}
		if v, err := l.Verify(t.Context()); err != nil || v.Broken == nil {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

func TestRestartSaysWhatWasLost(t *testing.T) {
	kept := &memory{}
	l, path := fresh(t, kept)
	appended(t, l, 2)
	if _, err := l.Restart(t.Context(), Record{}); err == nil {
		t.Fatal("an intact ledger was laid aside")
	}
	lost := kept.head
	rewrite(t, path, []byte("rubbish\n"))
	e, err := l.Restart(t.Context(), Record{User: "anna", Facts: map[string]string{"reason": "disk died"}})
	if err != nil || e.Seq != 1 || e.Facts["lost_head"] != lost.Hash || e.Facts["lost_seq"] != "2" || e.Facts["reason"] != "disk died" {
		t.Fatalf("%+v, %v", e, err)
	}
	if got := contents(t, filepath.Join(filepath.Dir(path), e.Facts["laid_aside"])); string(got) != "rubbish\n" {
		t.Errorf("laid aside: %s", got)
	}
	appended(t, l, 1)
	if v, err := l.Verify(t.Context()); err != nil || !v.Intact() || v.Head.Seq != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := l.Verify(t.Context(), lost); err != nil || v.Intact() {
		t.Errorf("the lost head is not missed: %+v, %v", v, err)
	}
}

func TestSeveralProcessesAppendOneChain(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, path := fresh(t, nil)
	var group sync.WaitGroup
	names := []string{"anna", "ben", "carl"}
	for _, name := range names {
		group.Go(func() {
			if out, err := exec.CommandContext(t.Context(), exe, "as-appender", path, name).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		})
	}
	group.Go(func() {
		if err := asAppender(path, "dora"); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	next := map[string]int{}
	v, err := Read(bytes.NewReader(contents(t, path)), func(e Entry) error {
		if e.Facts["no"] != fmt.Sprint(next[e.User]) {
			t.Errorf("entry %d: %s wrote %s, want %d", e.Seq, e.User, e.Facts["no"], next[e.User])
		}
		next[e.User]++
		return nil
	})
	if err != nil || !v.Intact() || v.Head.Seq != int64(appends*(len(names)+1)) {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestAppendGivesUpTheLockWithItsContext(t *testing.T) {
	l, path := fresh(t, nil)
	appended(t, l, 1)
	holder, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close() }()
	if err := syscall.Flock(int(holder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Append(ctx, Record{Action: "refresh"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if v := verdictOf(t, contents(t, path)); v.Head.Seq != 1 {
		t.Errorf("%+v", v)
	}
}

func TestAppendRefuses(t *testing.T) {
	l, path := fresh(t, nil)
	if _, err := l.Append(t.Context(), Record{User: "anna"}); err == nil {
		t.Error("no action")
	}
	if _, err := l.Append(t.Context(), Record{Action: strings.Repeat("x", longestEntry)}); err == nil {
		t.Error("an entry that is too long")
	}
	appended(t, l, 1)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), Record{Action: "refresh"}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file for others: %v", err)
	}
	if v := verdictOf(t, contents(t, path)); v.Head.Seq != 1 || !v.Intact() {
		t.Errorf("%+v", v)
	}
}
