package pgserver

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// account is who the server runs as: on Windows always this process's own user.
type account struct{}

func serverAccount(func(string) string) (account, error) { return account{}, nil }

func (account) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func (account) own(string) error { return nil }

func (account) reaches(string) bool { return true }

// stopSteps has none: Windows has no signal that a postmaster understands, so it is ended as by a crash.
func stopSteps() []stopStep { return []stopStep{{os.Kill, 5 * time.Second}} }

func ours(fs.FileInfo) bool { return true }

// lockFile reports that the file is not ours to lock: a directory is never swept on Windows, where it
// cannot be told whether its process lives.
func lockFile(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	// The maker locks an empty file; whoever finds a written one must leave it.
	if info.Size() > 0 {
		return false, nil
	}
	_, err = f.WriteString("locked")
	return err == nil, err
}

func signalProcess(int, stopStep) error { return errors.ErrUnsupported }

func characterLocale() string { return "C" }
