package pgtest

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgserver"
)

// Pooling says how long a client keeps a server's connection.
type Pooling string

// The ways of pooling that applications use.
const (
	SessionPooling     Pooling = "session"
	TransactionPooling Pooling = "transaction"
)

// Pooler is a running PgBouncer before the server of a DB.
type Pooler struct{ port int }

// DSN returns a role's connection string to a database through the pooler. Through transaction pooling
// nothing prepared survives, so it asks pgx for the simple protocol.
func (p *Pooler) DSN(login Login, database string) string {
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword(login.Name, login.Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)), Path: "/" + database,
		RawQuery: "sslmode=disable&default_query_exec_mode=simple_protocol",
	}
	return dsn.String()
}

// bouncerInstall installs PgBouncer at most once per process.
type bouncerInstall struct {
	once sync.Once
	path string
	err  error
}

// PgBouncer starts a PgBouncer before db's server, for the given roles and every database, and stops it
// when the test ends. Settings are further lines of its [pgbouncer] section. Where it is not installed it
// is installed, aloud, unless LETHE_NO_INSTALL=1 or the rights are missing; then the test is skipped, aloud.
func PgBouncer(t testing.TB, db *DB, pooling Pooling, settings map[string]string, logins ...Login) *Pooler {
	t.Helper()
	bouncer := &process.bouncer
	bouncer.once.Do(bouncer.find)
	if bouncer.err != nil {
		Skip(t, bouncer.err.Error())
	}
	server, err := pgx.ParseConfig(db.admin)
	if err != nil {
		t.Fatal(err)
	}
	pooler := &Pooler{port: unusedPort(t)}
	running, err := pgserver.Run(pgserver.Program{
		Path: bouncer.path,
		Files: map[string]string{
			"users.txt":     users(logins),
			"pgbouncer.ini": bouncerConfig(server, pooler.port, pooling, settings),
		},
		Args: func(dir string) []string { return []string{dir + "/pgbouncer.ini"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	awaitPort(t, pooler.port, running)
	return pooler
}

// find looks for pgbouncer where packages put it, which is not always in PATH, and installs it if need be.
func (b *bouncerInstall) find() {
	look := func() string {
		for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"} {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		return ""
	}
	if b.path = look(); b.path != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if b.err = pgserver.InstallPackage(ctx, os.Stderr, os.Getenv, "pgbouncer"); b.err != nil {
		return
	}
	if b.path = look(); b.path == "" {
		b.err = fmt.Errorf("find pgbouncer: its package is installed, and no program of this name is in PATH")
	}
}

func bouncerConfig(server *pgx.ConnConfig, port int, pooling Pooling, settings map[string]string) string {
	lines := map[string]string{
		"listen_addr": "127.0.0.1", "listen_port": strconv.Itoa(port), "unix_socket_dir": "",
		"auth_type": "scram-sha-256", "auth_file": "users.txt", "pool_mode": string(pooling),
		// Room for every client of a test at once, also where each keeps its connection.
		"max_client_conn": "200", "default_pool_size": "60",
		"ignore_startup_parameters": "extra_float_digits",
	}
	maps.Copy(lines, settings)
	var b strings.Builder
	fmt.Fprintf(&b, "[databases]\n* = host=%s port=%d\n\n[pgbouncer]\n", server.Host, server.Port)
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&b, "%s = %s\n", name, lines[name])
	}
	return b.String()
}

func users(logins []Login) string {
	var b strings.Builder
	for _, login := range logins {
		fmt.Fprintf(&b, "%q %q\n", login.Name, login.Password)
	}
	return b.String()
}

func unusedPort(t testing.TB) int {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// awaitPort waits until the pooler takes connections.
func awaitPort(t testing.TB, port int, running *pgserver.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("pgbouncer does not listen: %s", running.Output())
		case <-running.Done():
			t.Fatalf("pgbouncer ended: %s", running.Output())
		case <-ticker.C:
		}
	}
}
