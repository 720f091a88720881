package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// afterKill is how long the pipes of a killed command are waited for: a grandchild may hold them.
const afterKill = time.Second

// errTooMuch stops a command that prints more than a secret.
var errTooMuch = errors.New("more output than a secret has")

func (l Local) fromCommand(ctx context.Context, ref Ref) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, l.Patience)
	defer cancel()
	cmd := exec.CommandContext(bounded, ref.Command[0], ref.Command[1:]...)
	cmd.Env = l.environment()
	out := &atMost{left: largestSecret}
	cmd.Stdout = out
	// In a group of its own, so that what it started dies with it and Ctrl-C reaches us alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = afterKill
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("fetch secret from %s: %w", ref, ctx.Err())
	case bounded.Err() != nil:
		return "", &Error{Ref: ref, Problem: fmt.Sprintf("it did not end within %s", l.Patience), Fix: "run it by hand", Err: bounded.Err()}
	case out.over:
		return trimmed(ref, make([]byte, largestSecret+1))
	case errors.As(err, &exit):
		return "", &Error{Ref: ref, Problem: "it ended with " + exit.String(), Fix: "run it by hand"}
	case err != nil:
		return "", &Error{Ref: ref, Problem: "it cannot be run", Fix: "name a program of this machine", Err: err}
	}
	return trimmed(ref, out.held.Bytes())
}

// environment is what commands see: enough to find programs and their own settings, and no secret of ours.
func (l Local) environment() []string {
	env := []string{} // nil would mean all of ours
	for _, name := range []string{"PATH", "HOME"} {
		if value := l.Env(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// atMost is a buffer that errs when it would hold more than it may. The buffer is not embedded: its
// ReadFrom would read past the bound.
type atMost struct {
	held bytes.Buffer
	left int
	// over is set when more came; the command then dies of its broken pipe, which is no news.
	over bool
}

// Write appends p or errs.
func (w *atMost) Write(p []byte) (int, error) {
	if len(p) > w.left {
		w.over = true
		return 0, errTooMuch
	}
	w.left -= len(p)
	return w.held.Write(p)
}
