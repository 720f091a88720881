package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// directoryPrefix begins the name of every private directory; the sweep looks at no other.
const directoryPrefix = "lethe-run-"

// directoryAttempts is how often a directory is made that a sweep of another process took away in the
// microseconds before it was locked.
const directoryAttempts = 5

// privateDirectory makes a directory for temporary files that nobody else may enter; remove it when done.
// It holds the schema and passwords, so that what killed processes of this user left is removed first.
func privateDirectory() (dir string, remove func(), err error) {
	sweepDirectories(os.TempDir())
	for range directoryAttempts {
		if dir, err = os.MkdirTemp("", directoryPrefix); err != nil {
			break
		}
		var lock *os.File
		if lock, err = lockDirectory(dir); err == nil {
			return dir, func() { _ = errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
		}
	}
	return "", nil, fmt.Errorf("make temporary directory: %w", err)
}

// lockDirectory takes a lock that the kernel gives back when this process ends, however it ends. Programs
// that it runs do not inherit it.
func lockDirectory(dir string) (*os.File, error) {
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		_, err = os.Lstat(dir) // locked too late, it is gone
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// sweepDirectories removes the private directories in root whose process has died. In a shared directory
// anybody may plant a name, so only this user's own are looked at; what cannot be removed is left to a
// later sweep.
func sweepDirectories(root string) {
	paths, err := filepath.Glob(filepath.Join(root, directoryPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || !ownFile(info) {
			continue
		}
		lock, err := lockDirectory(path)
		if err != nil {
			continue // its process lives
		}
		_ = errors.Join(os.RemoveAll(path), lock.Close())
	}
}

// ownFile reports whether a file belongs to this process's user.
func ownFile(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
