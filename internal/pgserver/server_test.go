//go:build unix

package pgserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// local returns this machine's newest server.
func local(t *testing.T) Binaries {
	t.Helper()
	found, err := Find(t.Context(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range found {
		if b.Server {
			return b
		}
	}
	if required, _ := strconv.ParseBool(os.Getenv("LETHE_TEST_REQUIRE")); required {
		t.Fatal("LETHE_TEST_REQUIRE=1 and no PostgreSQL server is here: " + InstallHint(os.Getenv))
	}
	t.Skip("no PostgreSQL server is here: " + InstallHint(os.Getenv))
	return Binaries{}
}

// reachable returns a temporary directory that an unprivileged account can pass through; the one that
// testing makes belongs to root alone.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// environment returns os.Getenv with a few variables replaced.
func environment(replaced map[string]string) func(string) string {
	return func(name string) string {
		if value, ok := replaced[name]; ok {
			return value
		}
		return os.Getenv(name)
	}
}

func options(tmp string) Options {
	return Options{Disposable: true, Env: environment(map[string]string{"TMPDIR": tmp})}
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	server, err := Start(t.Context(), local(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !os.IsNotExist(err)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

// await polls until the condition holds and fails the test after half a minute.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("waited half a minute in vain: %s", what)
		case <-tick.C:
		}
	}
}

func TestServerAnswersAndLeavesNothing(t *testing.T) {
	tmp := reachable(t)
	server := start(t, options(tmp))
	pid := server.Pid()
	if !alive(pid) {
		t.Fatalf("no process %d", pid)
	}
	dsn, err := url.Parse(server.DSN("some db"))
	if err != nil {
		t.Fatal(err)
	}
	if dsn.Hostname() != "127.0.0.1" || dsn.Path != "/some db" || dsn.User.Username() != "postgres" {
		t.Errorf("connection string: got host %q, path %q, user %q", dsn.Hostname(), dsn.Path, dsn.User.Username())
	}
	if answer := sslRequest(t, dsn.Host); answer != 'N' && answer != 'S' {
		t.Errorf("the port answers %q, no PostgreSQL does", answer)
	}
	if sockets := entries(t, server.SocketDir()); len(sockets) == 0 && server.SocketDir() != "" {
		t.Error("no socket in the server's own directory")
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) || server.Pid() != 0 {
		t.Errorf("process %d is alive after Stop", pid)
	}
	if left := entries(t, tmp); len(left) != 0 {
		t.Errorf("Stop left %q", left)
	}
	if err := server.Stop(); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
	if err := server.Restart(t.Context()); err == nil {
		t.Error("a stopped server was restarted without its data")
	}
}

// sslRequest asks what every PostgreSQL answers with one byte.
func sslRequest(t *testing.T, address string) byte {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answer := []byte{0}
	if _, err := conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(answer); err != nil {
		t.Fatal(err)
	}
	return answer[0]
}

func TestServerKeepsItsSecretAndItsDistance(t *testing.T) {
	tmp := reachable(t)
	server := start(t, options(tmp))
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", server.Pid()))
	if err != nil {
		t.Skip("needs /proc")
	}
	if bytes.Contains(line, []byte(server.password)) {
		t.Error("the password stands in the command line")
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", server.Pid()))
	if err == nil && bytes.Contains(environ, []byte("HOME=")) {
		t.Error("the server inherited our environment")
	}
	group, err := syscall.Getpgid(server.Pid())
	if err != nil || group != server.Pid() {
		t.Errorf("process group: got %d (%v), want its own %d: Ctrl-C would reach it before us", group, err, server.Pid())
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d", server.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; os.Geteuid() == 0 && owner == 0 {
		t.Error("the server runs as root")
	}
	data, err := os.Stat(server.DataDir())
	if err != nil || data.Mode().Perm() != 0o700 {
		t.Errorf("data directory: got %v (%v), want 0700", data.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(server.dir.path, "password")); !os.IsNotExist(err) {
		t.Errorf("the password file is still there: %v", err)
	}
}

func TestServerEndsWithAKilledParentAndTheNextStartSweeps(t *testing.T) {
	local(t)
	tmp := reachable(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentHelper+"=1", "TMPDIR="+tmp)
	parent.Stderr = os.Stderr
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	_, scanErr := fmt.Fscan(stdout, &pid, &dir)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	_ = stdin.Close()
	if scanErr != nil {
		t.Fatalf("the parent did not start a server: %v", scanErr)
	}
	if _, err := os.Stat("/proc/self"); err == nil {
		await(t, "the server ends with its parent", func() bool { return !alive(pid) })
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the test is void, the directory is gone already: %v", err)
	}
	server := start(t, options(tmp))
	if alive(pid) {
		t.Errorf("server %d outlived its parent and the next start", pid)
	}
	if left := entries(t, tmp); len(left) != 1 || left[0] != server.dir.path {
		t.Errorf("the next start left %q beside its own %s", left, server.dir.path)
	}
}

func TestServersOfLivingProcessesAreNotSwept(t *testing.T) {
	tmp := reachable(t)
	first := start(t, options(tmp))
	second := start(t, options(tmp))
	if first.Pid() == 0 || second.Pid() == 0 || first.DSN("x") == second.DSN("x") {
		t.Error("two servers of one process got into each other's way")
	}
	if got := len(entries(t, tmp)); got != 2 {
		t.Errorf("got %d directories, want 2", got)
	}
}

func TestKilledServerRecoversOnTheSamePort(t *testing.T) {
	server := start(t, options(reachable(t)))
	dsn, pid := server.DSN("postgres"), server.Pid()
	server.Kill()
	if server.Pid() != 0 || alive(pid) {
		t.Fatalf("process %d survived", pid)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server.DSN("postgres") != dsn || server.Pid() == pid || server.Pid() == 0 {
		t.Errorf("after restart: pid %d (was %d)", server.Pid(), pid)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Errorf("restart of a running server: %v", err)
	}
}

func TestFailedStartSaysWhyAndLeavesNothing(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		change func(*Options, *Binaries)
		want   string
	}{
		"a setting the server refuses": {t.Context(), func(o *Options, _ *Binaries) {
			o.Settings = map[string]string{"wal_level": "nonsense"}
		}, "wal_level"},
		"a cancelled context":   {cancelled, func(*Options, *Binaries) {}, "context canceled"},
		"client programs alone": {t.Context(), func(_ *Options, b *Binaries) { b.Server = false }, "install the server's package"},
		"an unknown account": {t.Context(), func(o *Options, _ *Binaries) {
			o.Env = environment(map[string]string{"LETHE_SERVER_USER": "nobody-of-this-name", "TMPDIR": o.Env("TMPDIR")})
		}, "LETHE_SERVER_USER"},
		"root as the account": {t.Context(), func(o *Options, _ *Binaries) {
			o.Env = environment(map[string]string{"LETHE_SERVER_USER": "root", "TMPDIR": o.Env("TMPDIR")})
		}, "LETHE_SERVER_USER"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "account") && os.Geteuid() != 0 {
				t.Skip("only root changes accounts")
			}
			tmp := reachable(t)
			o, b := options(tmp), local(t)
			test.change(&o, &b)
			server, err := Start(test.ctx, b, o)
			if err == nil {
				_ = server.Stop()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want it to hold %q", err, test.want)
			}
			if left := entries(t, tmp); len(left) != 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestATakenPortIsTriedElsewhere(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, text, _ := net.SplitHostPort(taken.Addr().String())
	port, _ := strconv.Atoi(text)
	asked := 0
	o := options(reachable(t))
	o.freePort = func(ctx context.Context) (int, error) {
		if asked++; asked == 1 {
			return port, nil
		}
		return freePort(ctx)
	}
	server := start(t, o)
	if asked != 2 || server.port == port {
		t.Errorf("asked %d times for a port, got %d; want another than the taken %d at the second", asked, server.port, port)
	}
}

func TestSettingsOfTheCallerWin(t *testing.T) {
	var log bytes.Buffer
	o := options(reachable(t))
	o.Log = &log
	o.Settings = map[string]string{"fsync": "on", "max_connections": "17", "log_min_messages": "debug1"}
	server := start(t, o)
	opts, err := os.ReadFile(filepath.Join(server.DataDir(), "postmaster.opts"))
	if err != nil {
		t.Fatal(err)
	}
	if last := strings.LastIndex(string(opts), "max_connections="); !strings.HasPrefix(string(opts)[last:], "max_connections=17") {
		t.Errorf("the caller's setting does not come last: %s", opts)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "DEBUG") || !strings.Contains(log.String(), "shutting down") {
		t.Errorf("the log holds neither the start nor the end: %d bytes", log.Len())
	}
}

func TestATemporaryDirectoryBelowRootsHomeIsNotTaken(t *testing.T) {
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	env := environment(map[string]string{"TMPDIR": closed})
	unprivileged := account{uid: 65534, gid: 65534, drop: true}
	got, err := temporaryRoot(env, unprivileged)
	if err != nil || got == closed {
		t.Errorf("for another account: got %q (%v), want one it can reach", got, err)
	}
	if got, err := temporaryRoot(env, account{}); err != nil || got != closed {
		t.Errorf("for our own account: got %q (%v), want %q", got, err, closed)
	}
}

func TestSweepTakesOnlyWhatIsAbandoned(t *testing.T) {
	tmp := reachable(t)
	now := time.Now()
	plant := func(name string, age time.Duration, lock bool) string {
		path := filepath.Join(tmp, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if lock {
			if err := os.WriteFile(filepath.Join(path, lockName), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := plant(directoryPrefix+"old-without-lock", time.Hour, false)
	free := plant(directoryPrefix+"lock-not-held", 0, true)
	young := plant(directoryPrefix+"young-without-lock", time.Second, false)
	other := plant("somebody-elses", time.Hour, false)
	held := plant(directoryPrefix+"lock-held", time.Hour, true)
	lock, err := os.OpenFile(filepath.Join(held, lockName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if ok, err := lockFile(lock); err != nil || !ok {
		t.Fatal("lock not taken", err)
	}
	link := filepath.Join(tmp, directoryPrefix+"link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	sweep(tmp, now)
	for path, want := range map[string]bool{old: false, free: false, young: true, other: true, held: true, link: true} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s there: got %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
}

func TestAnOrphanIsEndedAndAStrangerIsNot(t *testing.T) {
	server := start(t, options(reachable(t)))
	ended := endOrphan(server.DataDir())
	// Its parent, which we are here, learns of it a moment later.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); server.Pid() != 0 && time.Now().Before(deadline); {
		<-tick.C
	}
	if !ended || server.Pid() != 0 {
		t.Errorf("the orphan lives on as %d", server.Pid())
	}
	// A number left in a file may long be another process's: here our own.
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	pid := []byte(strconv.Itoa(os.Getpid()) + "\n" + data + "\n")
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), pid, 0o600); err != nil {
		t.Fatal(err)
	}
	if !endOrphan(data) { // and this line runs only in a process that was not signalled
		t.Error("a stranger counts as the orphan")
	}
}

func TestTailRemembersTheEndAndNeverFails(t *testing.T) {
	kept := &tail{next: failing{}}
	for i := range 1000 {
		if n, err := fmt.Fprintf(kept, "line %d\n", i); err != nil || n == 0 {
			t.Fatalf("write %d: %d, %v", i, n, err)
		}
	}
	if got := kept.String(); len(got) > tailSize || !strings.HasSuffix(got, "line 999") {
		t.Errorf("got %d bytes ending %q", len(got), got[max(0, len(got)-20):])
	}
	kept.reset()
	if got := kept.String(); got != "" {
		t.Errorf("after reset: %q", got)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }
