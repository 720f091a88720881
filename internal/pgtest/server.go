// Package pgtest gives tests a real PostgreSQL: one server per test process, one database per test.
//
// The server is the one LETHE_TEST_DSN names (a superuser's connection string, as a URL), else one started from
// the programs of this machine, else the test is skipped and says why. With LETHE_TEST_REQUIRE=1 a skip
// is a failure. A package that uses it has
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// which stops the server and looks for leaked goroutines. Everything a test makes is named after the
// process, so that any number of test processes may share one server, and is dropped at its end.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lethedb/lethe/internal/pgserver"
)

// startTimeout bounds the start of a server: half a second usually, much more on a crowded machine.
const startTimeout = 60 * time.Second

// provider is the one server of this process. It is the package's only variable state: tests of a
// process share the server through nothing else.
type provider struct {
	once    sync.Once
	server  *pgserver.Server // nil when the server is someone else's
	dsn     string
	err     error
	running atomic.Bool // Main runs, and so will stop what is started
	serial  atomic.Int64
	bouncer bouncerInstall
}

var process provider

// Main runs the tests of a package, stops the server they used, and fails when goroutines are left. It
// ends the process.
func Main(m *testing.M) {
	os.Exit(process.run(m))
}

func (p *provider) run(m *testing.M) int {
	p.running.Store(true)
	code := m.Run()
	if p.server != nil {
		if err := p.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest: goroutines are left:", err)
			return 1
		}
	}
	return code
}

// AdminDSN returns a superuser's connection string to the server's maintenance database. Most tests want
// New instead.
func AdminDSN(t testing.TB) string {
	t.Helper()
	process.once.Do(process.start)
	if process.err != nil {
		Skip(t, process.err.Error())
	}
	if process.server != nil && !process.running.Load() {
		t.Fatal("pgtest needs `func TestMain(m *testing.M) { pgtest.Main(m) }` in this package: it stops the server")
	}
	return process.dsn
}

// Skip skips the test aloud, or fails it where LETHE_TEST_REQUIRE=1 says that nothing may be skipped.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if required, _ := strconv.ParseBool(os.Getenv("LETHE_TEST_REQUIRE")); required {
		t.Fatalf("LETHE_TEST_REQUIRE=1 and this test cannot run: %s", reason)
	}
	fmt.Fprintf(os.Stderr, "SKIPPED %s: %s\n", t.Name(), reason)
	t.Skip(reason)
}

// LeaveOut says aloud that a part of a test cannot run, or fails the test where nothing may be skipped.
func LeaveOut(t testing.TB, reason string) {
	t.Helper()
	if required, _ := strconv.ParseBool(os.Getenv("LETHE_TEST_REQUIRE")); required {
		t.Errorf("LETHE_TEST_REQUIRE=1 and a part of this test cannot run: %s", reason)
		return
	}
	fmt.Fprintf(os.Stderr, "SKIPPED a part of %s: %s\n", t.Name(), reason)
}

func (p *provider) start() {
	if dsn := os.Getenv("LETHE_TEST_DSN"); dsn != "" {
		p.dsn = Rewrite(dsn, func(*url.URL) {})
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	binaries, err := serverBinaries(ctx)
	if err != nil {
		p.err = err
		return
	}
	p.server, p.err = pgserver.Start(ctx, binaries, pgserver.Options{Disposable: true, Settings: sharedSettings(), Env: environment})
	if p.err == nil {
		p.dsn = p.server.DSN("postgres")
	}
}

// sharedSettings suit a server that holds hundreds of tiny databases for a minute: no autovacuum worker
// should hold a database that a test drops or compares, and a log that nobody replays need not grow.
func sharedSettings() map[string]string {
	return map[string]string{"autovacuum": "off", "max_wal_senders": "0", "wal_level": "minimal", "max_prepared_transactions": "10", "max_wal_size": "256MB"}
}

// serverBinaries returns the newest server of this machine, or the one LETHE_TEST_MAJOR names.
func serverBinaries(ctx context.Context) (pgserver.Binaries, error) {
	found, err := pgserver.Find(ctx, os.Getenv)
	if err != nil {
		return pgserver.Binaries{}, err
	}
	wanted := os.Getenv("LETHE_TEST_MAJOR")
	for _, b := range found {
		if b.Server && (wanted == "" || wanted == strconv.Itoa(b.Major)) {
			return b, nil
		}
	}
	major := ""
	if wanted != "" {
		major = " of major " + wanted
	}
	return pgserver.Binaries{}, fmt.Errorf("find a PostgreSQL server%s: set LETHE_TEST_DSN, or install one: %s",
		major, pgserver.InstallHint(os.Getenv))
}

// Private starts a server for one test alone: to kill it, to change settings that need a restart, to be
// the second server. What it commits survives a kill of its processes. It is stopped when the test ends.
func Private(t testing.TB, settings map[string]string) *pgserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	binaries, err := serverBinaries(ctx)
	if err != nil {
		Skip(t, err.Error())
	}
	server, err := pgserver.Start(ctx, binaries, pgserver.Options{Disposable: true, Settings: settings, Env: environment})
	if err != nil {
		t.Fatal(err)
	}
	return untilTheEnd(t, server)
}

// Standby starts a streaming standby of a Private server. It is stopped when the test ends.
func Standby(t testing.TB, primary *pgserver.Server, settings map[string]string) *pgserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	standby, err := primary.Standby(ctx, settings)
	if err != nil {
		t.Fatal(err)
	}
	return untilTheEnd(t, standby)
}

// untilTheEnd has the server stopped when the test ends.
func untilTheEnd(t testing.TB, server *pgserver.Server) *pgserver.Server {
	t.Helper()
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}
