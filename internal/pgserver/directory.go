package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// directoryPrefix begins the name of every directory made here; the sweep looks at no other.
	directoryPrefix = "lethe-pg-"
	// lockName is the file whose lock says that the directory's process lives.
	lockName = "lock"
	// abandonedAfter is how old a directory without a lock file must be to count as abandoned: between
	// making the directory and taking its lock lie microseconds.
	abandonedAfter = time.Minute
	// socketPathLimit is the longest path of a socket that every system takes: macOS allows 103 bytes.
	socketPathLimit = 103
)

// directory is where one server lives. The top belongs to this process's user and holds the lock; what
// the server writes belongs to its account.
type directory struct {
	path string
	lock *os.File
}

func (d *directory) data() string { return filepath.Join(d.path, "data") }

// socket returns the directory for the Unix socket, "" where a socket's path in it would be too long.
func (d *directory) socket() string {
	dir := filepath.Join(d.path, "run")
	if len(dir)+len("/.s.PGSQL.65535.lock") > socketPathLimit {
		return ""
	}
	return dir
}

// temporaryRoot chooses the directory to work in: TMPDIR, unless the server's account cannot reach it,
// as below a root user's home.
func temporaryRoot(env func(string) string, who account) (string, error) {
	candidates := []string{os.TempDir(), "/tmp", "/var/tmp"}
	if chosen := env("TMPDIR"); chosen != "" {
		candidates[0] = chosen
	}
	for _, dir := range candidates {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			continue
		}
		if info, err := os.Stat(absolute); err == nil && info.IsDir() && who.reaches(absolute) {
			return absolute, nil
		}
	}
	return "", fmt.Errorf("find a temporary directory among %q that the server's account can reach; set TMPDIR to one", candidates)
}

func newDirectory(root string, who account) (*directory, error) {
	path, err := os.MkdirTemp(root, directoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	d := &directory{path: path}
	if err := d.furnish(who); err != nil {
		_ = d.remove()
		return nil, fmt.Errorf("make directory: %w", err)
	}
	return d, nil
}

func (d *directory) furnish(who account) error {
	// The server's account passes through the top; only its own directories below does it read.
	if err := os.Chmod(d.path, 0o711); err != nil { //nolint:gosec // see above
		return err
	}
	if err := d.takeLock(); err != nil {
		return err
	}
	for _, sub := range []struct {
		path string
		mode os.FileMode
	}{{d.data(), 0o700}, {filepath.Join(d.path, "run"), 0o711}} {
		if err := os.Mkdir(sub.path, sub.mode); err != nil {
			return err
		}
		if err := os.Chmod(sub.path, sub.mode); err != nil {
			return err
		}
		if err := who.own(sub.path); err != nil {
			return err
		}
	}
	return nil
}

// takeLock locks the file first and gives it its name second, so that a sweep never sees it unlocked.
func (d *directory) takeLock() error {
	fresh := filepath.Join(d.path, lockName+".new")
	lock, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	d.lock = lock
	if held, err := lockFile(lock); err != nil || !held {
		return fmt.Errorf("lock %s: %w", fresh, err)
	}
	return os.Rename(fresh, filepath.Join(d.path, lockName))
}

// passwordFile writes the superuser's password for initdb, readable by the account alone.
func (d *directory) passwordFile(password string, who account) (string, error) {
	path := filepath.Join(d.path, "password")
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", err
	}
	return path, who.own(path)
}

// remove deletes the directory. After a kill, backends may write a last file while it is deleted, so it
// tries for a second.
func (d *directory) remove() error {
	if d.lock != nil {
		defer func() { _ = d.lock.Close() }()
	}
	var err error
	for range 50 {
		if err = os.RemoveAll(d.path); err == nil {
			return nil
		}
		<-time.After(20 * time.Millisecond)
	}
	return fmt.Errorf("remove the server's directory: %w", err)
}

// sweep removes what killed processes left in root, and ends servers that outlived them. What it cannot
// remove it leaves: it is another user's, or still going down, and a later sweep's affair.
func sweep(root string, now time.Time) {
	paths, err := filepath.Glob(filepath.Join(root, directoryPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range paths {
		sweepOne(path, now)
	}
}

func sweepOne(path string, now time.Time) {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || !ours(info) {
		return
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR, 0)
	if os.IsNotExist(err) {
		if now.Sub(info.ModTime()) > abandonedAfter {
			_ = os.RemoveAll(path)
		}
		return
	}
	if err != nil {
		return
	}
	defer func() { _ = lock.Close() }()
	if held, err := lockFile(lock); err != nil || !held {
		return
	}
	abandoned := &directory{path: path}
	if endOrphan(abandoned.data()) {
		_ = abandoned.remove()
	}
}

// endOrphan ends the server of an abandoned data directory and reports whether none runs there any more.
func endOrphan(data string) bool {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return os.IsNotExist(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return true
	}
	for _, step := range stopSteps() {
		if !serves(pid, data) {
			return true
		}
		_ = signalProcess(pid, step)
		for deadline := time.Now().Add(step.wait); serves(pid, data) && time.Now().Before(deadline); {
			<-time.After(10 * time.Millisecond)
		}
	}
	return !serves(pid, data)
}

// serves reports whether process pid is a server of that data directory, by its command line: a number
// alone may long be another process's.
func serves(pid int, data string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		// Without /proc, as on macOS, ps tells. Its absence means that we cannot know, and then we do not signal.
		line, err = exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx // answers at once
		if err != nil {
			return false
		}
	}
	return strings.Contains(string(line), data)
}

// childEnvironment is all that a child sees of our environment: where programs are.
func childEnvironment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if root := os.Getenv("SystemRoot"); root != "" { // Windows starts nothing without it
		env = append(env, "SystemRoot="+root)
	}
	return env
}
