// Package child runs programs that somebody named in lethe.yaml: without a shell, in a process group of
// their own, with no variable that was not named for them, and never longer than agreed.
package child

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// outputLimit is how much of the end of a program's output is remembered: enough for a stack trace.
const outputLimit = 16 << 10

// Command is one program to run.
type Command struct {
	// Argv is the program, as a path, and its arguments. Every user of the machine can read them.
	Argv []string
	// Env is everything it sees of the environment, as NAME=value.
	Env []string
	// Dir is where it starts; "" is where we are.
	Dir string
	// Timeout is the longest it may take; 0 sets no limit.
	Timeout time.Duration
	// Grace is how long it may take to end after it was asked to, before its whole group is killed, and how
	// long output is waited for that something it started holds open. Defaults to 3 s: a migration must be
	// able to take its statement back.
	Grace time.Duration
}

// Error is a program that was run and did not end well. Its text holds nothing that the program wrote.
type Error struct {
	// Program is the program's name without its directory.
	Program string
	// Problem says how it ended.
	Problem string
	// TimedOut reports that it took longer than agreed, and that its whole group was ended.
	TimedOut bool
	output   []byte
}

// Error names the program and how it ended.
func (e *Error) Error() string { return fmt.Sprintf("run %s: %s", e.Program, e.Problem) }

// GoString is Error, so that %#v shows no output either.
func (e *Error) GoString() string { return e.Error() }

// Output returns the end of what the program wrote. It may hold values of rows: show it on a terminal to
// who asked, and write it nowhere.
func (e *Error) Output() string { return string(e.output) }

// Run runs the program and returns when it has ended. An end other than status 0 is an *Error; when ctx
// ends first the error is its cause. At a timeout, and when ctx ends, the program and all that it started
// are asked to end, and then killed; what it leaves behind after an orderly end is its own business.
func Run(ctx context.Context, c Command) error {
	if len(c.Argv) == 0 {
		return errors.New("run a program: none is named")
	}
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if c.Timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, c.Timeout)
	}
	defer cancel()
	name := filepath.Base(c.Argv[0])
	out := &tail{}
	cmd := exec.CommandContext(bounded, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append([]string{}, c.Env...) // not nil: that would be ours
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = cmp.Or(c.Grace, 3*time.Second)
	err := onOneThread(cmd.Run)
	if bounded.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error means that nobody of the group is left
	}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("run %s: %w", name, context.Cause(ctx))
	case bounded.Err() != nil:
		return &Error{Program: name, Problem: fmt.Sprintf("it did not end within %s", c.Timeout), TimedOut: true, output: out.kept()}
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // something that it started holds its output open
		return nil
	case exited:
		return &Error{Program: name, Problem: "it ended with " + exit.String(), output: out.kept()}
	}
	return &Error{Program: name, Problem: "it cannot be run: " + reason(err)}
}

// reason is the system's word for what is wrong, without the path that it repeats.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return err.Error()
}

// onOneThread calls f on a thread that lasts as long as f does: Linux tells a child that its parent died
// when the thread ends that forked it, and Go ends idle threads.
func onOneThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- f()
	}()
	return <-done
}

// tail remembers the last outputLimit bytes that were written to it.
type tail struct {
	mu    sync.Mutex
	bytes []byte
}

// Write never fails: a program must not die of a reader that had enough.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p...)
	if over := len(t.bytes) - outputLimit; over > 0 {
		t.bytes = append(t.bytes[:0], t.bytes[over:]...)
	}
	return len(p), nil
}

func (t *tail) kept() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.bytes...)
}
