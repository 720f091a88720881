//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// account is who the server runs as. The zero account is this process's own.
type account struct {
	name     string
	uid, gid int
	drop     bool
}

// serverAccount chooses the account: this process's own, or, since PostgreSQL refuses root, an
// unprivileged one when this process is root.
func serverAccount(env func(string) string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	names := []string{"postgres", "nobody"}
	if chosen := env("LETHE_SERVER_USER"); chosen != "" {
		names = []string{chosen}
	}
	for _, name := range names {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(found.Uid)
		gid, gidErr := strconv.Atoi(found.Gid)
		if uidErr != nil || gidErr != nil || uid == 0 {
			continue
		}
		return account{name: name, uid: uid, gid: gid, drop: true}, nil
	}
	return account{}, fmt.Errorf("find an unprivileged account among %q: PostgreSQL refuses root; name one in LETHE_SERVER_USER", names)
}

// attributes puts the child under the account and in a process group of its own, so that Ctrl-C on a
// terminal reaches this process alone, which then stops the server in order.
func (a account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attributes.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	endWithParent(attributes)
	return attributes
}

// own gives path to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// reaches reports whether the account may pass through dir and all above it.
func (a account) reaches(dir string) bool {
	if !a.drop {
		return true
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// stopSteps are a fast shutdown, an immediate one, and, for a process that was stopped, the kill that follows.
// A fast shutdown writes a checkpoint: ten seconds are much for the small servers made here.
func stopSteps() []stopStep {
	return []stopStep{{syscall.SIGINT, 10 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}}
}

// ours reports whether a file belongs to this process's user: in a shared temporary directory anybody may
// plant a name.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// lockFile takes an exclusive lock that the kernel gives back when this process ends, however it ends.
// It reports false when another process holds it.
func lockFile(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// signalProcess sends a signal to a process that is not our child.
func signalProcess(pid int, step stopStep) error {
	signal, ok := step.signal.(syscall.Signal)
	if !ok {
		return fmt.Errorf("send signal %v: unknown", step.signal)
	}
	return syscall.Kill(pid, signal)
}
