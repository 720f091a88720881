package cli

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/pgserver"
	"github.com/lethedb/lethe/internal/pgtest"
)

// cable is the way from lethe to a server, which can be cut.
type cable struct {
	listener net.Listener
	server   string
	mu       sync.Mutex
	open     map[net.Conn]bool
	running  sync.WaitGroup
}

// newCable lays a cable to the server of a connection string and returns the string that leads through it.
func newCable(t *testing.T, dsn string) (*cable, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: listener, server: u.Host, open: map[net.Conn]bool{}}
	c.running.Go(c.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		c.cut()
		c.running.Wait()
	})
	return c, pgtest.Rewrite(dsn, func(u *url.URL) { u.Host = listener.Addr().String() })
}

func (c *cable) serve() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
			c.mu.Lock()
			c.open[from] = true
			c.mu.Unlock()
			c.running.Go(func() {
				_, _ = io.Copy(to, from) // what breaks it is what the test is about
				_, _ = to.Close(), from.Close()
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.open, from)
			})
		}
	}
}

// cut ends all connections through it; new ones can be made.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close()
	}
}

// accidents is a crash stage on two servers of its own, each reached through a cable.
type accidents struct {
	*crash
	from, to       *pgserver.Server
	fromWay, toWay *cable
}

func newAccidents(t *testing.T) *accidents {
	t.Helper()
	a := &accidents{from: pgtest.Private(t, nil), to: pgtest.Private(t, nil)}
	a.crash = &crash{generations: newGenerationsOn(t, pgtest.NewOn(t, a.from.DSN("postgres")), pgtest.NewOn(t, a.to.DSN("postgres")))}
	a.fromWay, a.env["PRODUCTION_DSN"] = newCable(t, a.env["PRODUCTION_DSN"])
	a.toWay, a.env["STAGING_DSN"] = newCable(t, a.env["STAGING_DSN"])
	a.adopted()
	a.next()
	a.recover()
	return a
}

// accident is one thing that goes wrong while a refresh runs.
type accident struct {
	what string
	do   func(a *accidents, p *process)
	// ends reports that the refresh must have ended because of it.
	ends bool
}

// backends picks a session of lethe's on a server.
const backends = ` FROM (SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'lethe/%' AND backend_type = 'client backend' ORDER BY random() LIMIT 1) a`

func allAccidents() []accident {
	return []accident{
		{what: "lethe is killed", do: func(_ *accidents, p *process) { p.kill() }, ends: true},
		{what: "it is interrupted", do: func(_ *accidents, p *process) { p.signal(syscall.SIGTERM) }},
		{what: "a session of the source is ended", do: func(a *accidents, _ *process) { endBackend(a.t, a.production.MaintenanceDSN()) }},
		{what: "a session of the target is ended", do: func(a *accidents, _ *process) { endBackend(a.t, a.staging.MaintenanceDSN()) }},
		{what: "a backend of the source is killed", do: func(a *accidents, _ *process) { crashBackend(a.t, a.production.MaintenanceDSN()) }},
		{what: "a backend of the target is killed", do: func(a *accidents, _ *process) { crashBackend(a.t, a.staging.MaintenanceDSN()) }},
		{what: "the source's server is killed", do: func(a *accidents, _ *process) { a.from.Kill() }},
		{what: "the target's server is killed", do: func(a *accidents, _ *process) { a.to.Kill() }},
		{what: "the way to the source is cut", do: func(a *accidents, _ *process) { a.fromWay.cut() }},
		{what: "the way to the target is cut", do: func(a *accidents, _ *process) { a.toWay.cut() }},
	}
}

// endBackend ends one session of lethe's as an operator would.
func endBackend(t *testing.T, dsn string) {
	t.Helper()
	pgtest.QueryInt(t, dsn, `SELECT count(pg_terminate_backend(pid))`+backends)
}

// crashBackend kills the process behind one session of lethe's: the server then restarts.
func crashBackend(t *testing.T, dsn string) {
	t.Helper()
	pid := pgtest.QueryInt(t, dsn, `SELECT coalesce(max(pid), 0)`+backends)
	if pid == 0 {
		return // between two sessions
	}
	if err := syscall.Kill(int(pid), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

// TestAnAccidentAtAnyMomentLeavesTheOldOrTheNewServing lets one thing go wrong at a random moment of a refresh:
// it ends by itself, the old generation serves or the new one, nothing half done can be entered, no process
// and no file stays, and the next run makes good.
func TestAnAccidentAtAnyMomentLeavesTheOldOrTheNewServing(t *testing.T) {
	t.Parallel()
	a := newAccidents(t)
	all := allAccidents()
	ends := map[int]int{}
	for seed := range crashSeeds(t) {
		random := rand.New(rand.NewPCG(seed, 1))
		// Every kind has its turn, in the long suite many times.
		kind := all[(seed*3+2)%uint64(len(all))]
		status := a.meet(kind, fmt.Sprintf("seed %d", seed), time.Duration(random.Int64N(int64(a.whole))))
		ends[status]++
		if t.Failed() {
			return
		}
	}
	t.Logf("seeds by exit status: %v", ends)
}

// meet runs a refresh and lets the accident happen in it.
func (a *accidents) meet(kind accident, when string, after time.Duration) (status int) {
	a.t.Helper()
	a.next()
	p := a.refreshFor(after)
	kind.do(a, p)
	when = fmt.Sprintf("%s, after %v %s", when, after.Round(time.Millisecond), kind.what)
	status = p.status() // within patience: nobody may wait for a server that is gone
	if said := p.said(); strings.Contains(said, "flowmart.example") {
		a.t.Errorf("%s: a value is shown\n%s", when, said)
	}
	// A signal in the first milliseconds meets a process that does not listen yet.
	ended := kind.ends || p.said() == ""
	switch {
	case status == statusDone, status == statusFailed, ended && status == -1, status == statusInterrupted:
	default:
		a.t.Errorf("%s: status %d\n%s", when, status, p.said())
	}
	for _, server := range []*pgserver.Server{a.from, a.to} {
		if server.Pid() == 0 {
			if err := server.Restart(a.t.Context()); err != nil {
				a.t.Fatal(err)
			}
		}
	}
	awaitServer(a.t, a.production.DSN())
	awaitServer(a.t, a.staging.DSN())
	if got := a.serves(); status == statusDone && got != pair(a.at) {
		a.t.Errorf("%s: it said it was published, and generation %s serves", when, got)
	}
	a.survived(when)
	a.alone(when)
	if a.t.Failed() {
		a.t.Logf("%s\n%s", when, p.said())
	}
	return status
}

// alone waits until no program that a run started lives any more. Each has the run's private directory
// among its arguments.
func (a *accidents) alone(when string) {
	a.t.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		found := programs(a.t, filepath.Join(a.tmp, directoryPrefix))
		if len(found) == 0 {
			return
		}
		if time.Now().After(deadline) {
			a.t.Errorf("%s: it left %v running", when, found)
			return
		}
	}
}

// programs lists the processes whose arguments hold a text, where the system tells.
func programs(t *testing.T, text string) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(line), text) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
