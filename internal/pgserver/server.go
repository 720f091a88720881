// Package pgserver runs a PostgreSQL server as a child of this process: for the demonstration, for the
// tests, and wherever a real server is needed for a while and none is given.
//
// It speaks no SQL and imports no driver; it hands out a connection string. The server listens on
// 127.0.0.1 and on a socket in a directory of its own, asks for a password drawn at random, runs as an
// unprivileged user when this process is root, and is gone, directory included, after Stop. When this
// process is killed, the server ends with it where the platform can promise that (Linux), and the next
// Start removes what is left, everywhere.
package pgserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// superuser is the name of the role that initdb makes.
const superuser = "postgres"

// portAttempts is how many free ports are tried: another process may take one between our look and the
// server's bind, which is rare enough that five in a row mean another reason.
const portAttempts = 5

// Options says how a server is started. The zero Options is a durable server that says nothing.
type Options struct {
	// Settings are server settings by name, given on the command line, so that they win over files.
	Settings map[string]string
	// Log receives what initdb and the server say, live; nil drops it. It may hold values of rows. Writes
	// come from one goroutine at a time.
	Log io.Writer
	// Now is the clock that tells an abandoned directory from one just made. Defaults to time.Now.
	Now func() time.Time
	// Env looks up LETHE_SERVER_USER and TMPDIR. Defaults to os.Getenv.
	Env func(string) string
	// Disposable gives up what only a crash of the machine can test: the data is not flushed to disk.
	// A kill of the server's processes still loses nothing that was committed.
	Disposable bool

	// freePort finds a port to try. Tests replace it.
	freePort func(context.Context) (int, error)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.freePort == nil {
		o.freePort = freePort
	}
	return o
}

// Server is a running server. Its methods may be called concurrently.
type Server struct {
	binaries Binaries
	options  Options
	account  account
	dir      *directory
	password string
	log      *tail

	mu      sync.Mutex
	port    int
	child   *child
	stopped bool
}

// Start makes a new database cluster with the given binaries and serves it. The context bounds the
// start alone; whoever called Start calls Stop. Directories that killed processes left behind are
// removed first. A failed Start leaves nothing behind.
func Start(ctx context.Context, binaries Binaries, options Options) (*Server, error) {
	options = options.withDefaults()
	if !binaries.Server {
		return nil, fmt.Errorf("start server: %s holds no postgres and initdb; install the server's package", binaries.Dir)
	}
	who, err := serverAccount(options.Env)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	root, err := temporaryRoot(options.Env, who)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	sweep(root, options.Now())
	dir, err := newDirectory(root, who)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	s := &Server{
		binaries: binaries, options: options, account: who, dir: dir,
		password: randomPassword(), log: &tail{next: options.Log},
	}
	if err := s.initialise(ctx); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	if err := s.serve(ctx, 0); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return s, nil
}

// DSN returns the connection string of a database for the superuser, over TCP.
func (s *Server) DSN(database string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return dsn.String()
}

// SocketDir returns the directory of the server's Unix socket; "" where its path would be too long for one.
func (s *Server) SocketDir() string { return s.dir.socket() }

// DataDir returns the server's data directory.
func (s *Server) DataDir() string { return s.dir.data() }

// Major returns the server's major version.
func (s *Server) Major() int { return s.binaries.Major }

// Pid returns the process id of the postmaster; 0 when it is not running.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil || s.child.ended() {
		return 0
	}
	return s.child.pid
}

// Kill ends the postmaster as a crash would, without a word to it, and returns once it is gone. The data
// stays: Restart recovers it, Stop removes it.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		s.child.kill()
	}
}

// Restart serves the same data on the same port again, after a Kill or after stopping the server first.
// The context bounds the start, recovery included.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("restart server: it was stopped and its data removed; start a new one")
	}
	if s.child != nil {
		s.child.stop()
	}
	return s.serveLocked(ctx, s.port)
}

// Stop ends the server, its sessions included, and removes its directory. It may be called again.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	if s.child != nil {
		s.child.stop()
	}
	return s.dir.remove()
}

// initialise runs initdb.
func (s *Server) initialise(ctx context.Context) error {
	passwords, err := s.dir.passwordFile(s.password, s.account)
	if err != nil {
		return fmt.Errorf("initialise server: %w", err)
	}
	defer func() { _ = os.Remove(passwords) }()
	args := []string{
		"--pgdata", s.dir.data(), "--username", superuser, "--pwfile", passwords, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--lc-collate", "C", "--lc-ctype", characterLocale(), "--lc-messages", "C",
		"--lc-monetary", "C", "--lc-numeric", "C", "--lc-time", "C", "--no-instructions",
	}
	if s.options.Disposable {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, s.binaries.path("initdb"), args...)
	prepare(cmd, s.dir, s.log, s.account)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("initialise server with %s: %w: %s", cmd.Path, errors.Join(err, ctx.Err()), s.log)
	}
	return nil
}

// serve is serveLocked for callers that do not hold the lock.
func (s *Server) serve(ctx context.Context, port int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serveLocked(ctx, port)
}

// serveLocked starts the postmaster on port, or on a free one when port is 0, and waits until it is ready.
func (s *Server) serveLocked(ctx context.Context, port int) error {
	for attempt := 1; ; attempt++ {
		s.port = port
		if port == 0 {
			free, err := s.options.freePort(ctx)
			if err != nil {
				return fmt.Errorf("start server: %w", err)
			}
			s.port = free
		}
		s.log.reset()
		err := s.launch(ctx)
		if err == nil {
			return nil
		}
		taken := strings.Contains(s.log.String(), "could not bind")
		if port == 0 && taken && attempt < portAttempts && ctx.Err() == nil {
			continue
		}
		return fmt.Errorf("start server with %s: %w: %s", s.binaries.path("postgres"), err, s.log)
	}
}

func (s *Server) launch(ctx context.Context) error {
	cmd := exec.Command(s.binaries.path("postgres"), s.arguments()...) // not CommandContext: the server outlives its start
	prepare(cmd, s.dir, s.log, s.account)
	started, err := spawn(cmd)
	if err != nil {
		return err
	}
	s.child = started
	if err := s.awaitReady(ctx); err != nil {
		started.stop()
		return err
	}
	return nil
}

// arguments returns the postmaster's command line, ours first, so that the caller's settings win.
func (s *Server) arguments() []string {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.port), "unix_socket_directories=" + s.dir.socket(),
		"timezone=UTC", "log_timezone=UTC", "logging_collector=off", "log_destination=stderr",
		// A whole test binary shares one server and runs its tests in parallel; the default of 100 is near.
		"max_connections=200",
	}
	if s.options.Disposable {
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	for _, name := range sortedKeys(s.options.Settings) {
		settings = append(settings, name+"="+s.options.Settings[name])
	}
	args := []string{"-D", s.dir.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// awaitReady waits for the status line of postmaster.pid, which the server writes once it takes connections.
func (s *Server) awaitReady(ctx context.Context) error {
	// A start takes some 50 ms: 5 ms between looks costs nothing and adds nothing one notices.
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if status(s.dir.data(), s.child.pid) == "ready" {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.child.done:
			return fmt.Errorf("postgres ended: %w", s.child.err)
		case <-ticker.C:
		}
	}
}

// status returns the last word of postmaster.pid, "" when the file is not that of process pid.
func status(data string, pid int) string {
	const pidLine, statusLine = 0, 7
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) <= statusLine || strings.TrimSpace(lines[pidLine]) != strconv.Itoa(pid) {
		return ""
	}
	return strings.TrimSpace(lines[statusLine])
}

func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return strconv.Atoi(port)
}

// randomPassword returns 128 random bits as hex: nothing in it needs quoting anywhere.
func randomPassword() string {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(bits[:])
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
