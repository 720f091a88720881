package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell is a command line for the shell of the test, not of the package.
func shell(script string, args ...string) Command {
	return Command{Argv: append([]string{"/bin/sh", "-c", script, "sh"}, args...), Env: []string{"PATH=/usr/bin:/bin"}, Grace: 100 * time.Millisecond}
}

func TestChildSeesWhatWasNamedAndNothingElse(t *testing.T) {
	t.Setenv("LETHE_CANARY", "planted")
	out := filepath.Join(t.TempDir(), "env")
	c := Command{Argv: []string{"/usr/bin/env", "-0"}, Env: []string{"LETHE_RUN=1"}}
	c.Argv = []string{"/bin/sh", "-c", "/usr/bin/env > " + out}
	if err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "planted") || !strings.Contains(string(text), "LETHE_RUN=1") {
		t.Errorf("it saw:\n%s", text)
	}
}

func TestOutputIsRememberedAndNeverTold(t *testing.T) {
	err := Run(t.Context(), shell("head -c 100000 /dev/zero | tr '\\0' x; echo canary >&2; exit 7"))
	failed, ok := errors.AsType[*Error](err)
	if !ok || !strings.HasSuffix(failed.Output(), "canary\n") || len(failed.Output()) > outputLimit {
		t.Fatalf("got %v", err)
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if strings.Contains(text, "canary") || !strings.Contains(text, "exit status 7") {
			t.Errorf("told: %s", text)
		}
	}
}

// alive reports whether a process of that pid runs; one that is dead and not reaped does not.
func alive(t *testing.T, pid int) bool {
	t.Helper()
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// pids waits until the script has written n process ids.
func pids(t *testing.T, path string, n int) []int {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		text, _ := os.ReadFile(path)
		if words := strings.Fields(string(text)); len(words) == n && strings.HasSuffix(string(text), "\n") {
			var all []int
			for _, word := range words {
				pid, err := strconv.Atoi(word)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, pid)
			}
			return all
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatal("the script did not start")
	return nil
}

// stubborn starts a child that ignores requests to end, and waits for ever.
const stubborn = `trap '' TERM; (trap '' TERM; while :; do sleep 60; done) & echo $$ $! > "$1"; while :; do sleep 60; done`

func gone(t *testing.T, all []int) {
	t.Helper()
	for _, pid := range all {
		deadline := time.Now().Add(5 * time.Second)
		for alive(t, pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d lives on", pid)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
}

func TestTimeoutLeavesNoProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pids")
	c := shell(stubborn, path)
	c.Timeout = 200 * time.Millisecond
	err := Run(t.Context(), c)
	if failed, ok := errors.AsType[*Error](err); !ok || !failed.TimedOut {
		t.Errorf("got %v", err)
	}
	gone(t, pids(t, path, 2))
}

func TestInterruptLeavesNoProcessAndKeepsItsCause(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pids")
	cause := errors.New("asked to end")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, shell(stubborn, path)) }()
	all := pids(t, path, 2)
	cancel(cause)
	if err := <-ended; !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	gone(t, all)
}

func TestWhatAProgramLeavesRunningDoesNotHoldUsUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pids")
	if err := Run(t.Context(), shell(`sleep 60 & echo $! > "$1"`, path)); err != nil {
		t.Error(err)
	}
	for _, pid := range pids(t, path, 1) {
		if !alive(t, pid) {
			t.Error("a service that a hook started was ended with it")
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestProgramThatCannotBeRunIsNamed(t *testing.T) {
	err := Run(t.Context(), Command{Argv: []string{"/nowhere/at-all"}})
	if failed, ok := errors.AsType[*Error](err); !ok || failed.Program != "at-all" || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	if err := Run(t.Context(), Command{}); err == nil {
		t.Error("nothing was run without a word")
	}
}
