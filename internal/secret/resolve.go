package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// largestSecret bounds what is read from a file or a command: certificates fit, a wrong file does not.
	largestSecret = 64 << 10
	// commandPatience is how long a command may take: a login to a vault does, a prompt nobody sees would not end.
	commandPatience = 30 * time.Second
)

// Error is a secret that could not be fetched. It holds nothing of the secret.
type Error struct {
	// Ref is where it was sought.
	Ref Ref
	// Problem says what is wrong, Fix what to do about it.
	Problem, Fix string
	// Err is the cause, such as fs.ErrNotExist or context.DeadlineExceeded; may be nil.
	Err error
}

// Error returns the problem and the remedy on one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("fetch secret from %s: %s", e.Ref, e.Problem)
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Local is a Resolver of everything on this machine: environment variables, files and commands. The zero
// Local is ready to use.
//
// A trailing line end is not part of a secret from a file or a command. A file must be readable by its
// owner alone. A command runs without a shell, in a process group of its own, and sees no variable but
// PATH and HOME; what it writes to stderr is dropped, as it may hold anything.
type Local struct {
	// Env returns the value of an environment variable, "" when it is not set. Defaults to os.Getenv.
	Env func(string) string
	// Patience is how long a command may take before it is killed. Defaults to 30 s.
	Patience time.Duration
}

var _ Resolver = Local{}

// NewResolver returns a Local that takes environment variables from env, such as os.Getenv.
func NewResolver(env func(string) string) Resolver { return Local{Env: env} }

func (l Local) withDefaults() Local {
	if l.Env == nil {
		l.Env = os.Getenv
	}
	if l.Patience == 0 {
		l.Patience = commandPatience
	}
	return l
}

// Resolve fetches the secret that ref names. Every error but that of ctx is an *Error. An empty secret is
// an error: an empty password or key is a mistake that would show much later.
func (l Local) Resolve(ctx context.Context, ref Ref) (String, error) {
	l = l.withDefaults()
	if err := ctx.Err(); err != nil {
		return String{}, fmt.Errorf("fetch secret from %s: %w", ref, err)
	}
	var text string
	var err error
	switch {
	case ref.Env != "":
		text, err = l.fromEnv(ref)
	case ref.File != "":
		text, err = fromFile(ref)
	case len(ref.Command) > 0:
		text, err = l.fromCommand(ctx, ref)
	default:
		err = &Error{Ref: ref, Problem: "no place is named", Fix: "name one with env, file or command"}
	}
	if err != nil {
		return String{}, err
	}
	if strings.ContainsRune(text, 0) {
		return String{}, &Error{Ref: ref, Problem: "it holds a zero byte", Fix: "store it as text"}
	}
	return New(text), nil
}

func (l Local) fromEnv(ref Ref) (string, error) {
	text := l.Env(ref.Env)
	if text == "" {
		return "", &Error{Ref: ref, Problem: "it is not set or empty", Fix: "set " + ref.Env}
	}
	return text, nil
}

func fromFile(ref Ref) (string, error) {
	// A pipe without a writer would block the open for ever.
	f, err := os.OpenFile(ref.File, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", unopened(ref, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return "", unopened(ref, err)
	}
	if !info.Mode().IsRegular() {
		return "", &Error{Ref: ref, Problem: "it is not a regular file", Fix: "name a file that holds the secret"}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", &Error{
			Ref: ref, Problem: fmt.Sprintf("others than its owner may use it (mode %04o)", mode),
			Fix: "run: chmod 600 " + ref.File, Err: fs.ErrPermission,
		}
	}
	raw, err := io.ReadAll(io.LimitReader(f, largestSecret+1))
	if err != nil {
		return "", unopened(ref, err)
	}
	return trimmed(ref, raw)
}

// unopened keeps the kind of a file error; the path is in the Ref already.
func unopened(ref Ref, err error) error {
	e := &Error{Ref: ref, Problem: "it cannot be read", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Problem, e.Fix = "there is no such file", "write it, or name another"
	case errors.Is(err, fs.ErrPermission):
		e.Problem, e.Fix = "this user may not read it", "make this user its owner"
	}
	return e
}

// trimmed takes one line end off and refuses what is empty or too large.
func trimmed(ref Ref, raw []byte) (string, error) {
	if len(raw) > largestSecret {
		return "", &Error{Ref: ref, Problem: fmt.Sprintf("it gives more than %d KiB", largestSecret>>10), Fix: "let it give nothing but the secret"}
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if text == "" {
		return "", &Error{Ref: ref, Problem: "it gives nothing", Fix: "let it give the secret"}
	}
	return text, nil
}
