package cli

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/state"
)

// awaitServer waits until a server takes connections again.
func awaitServer(t *testing.T, dsn string) {
	t.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			closeSession(t, conn)
			return
		}
	}
	t.Fatal("the server did not come back")
}

// loadsATable finds the session that loads a table into a database that is being built.
const loadsATable = `SELECT coalesce(max(pid), 0) FROM pg_stat_activity
	WHERE datname LIKE '%\_\_%' AND application_name LIKE 'lethe/%' AND query ILIKE 'COPY%' AND state = 'active'`

// TestAServerKilledUnderACopyLeavesTheOldServing kills, each in the middle of a copy, a backend of the
// source, a backend of the target, and the whole of the target's server.
func TestAServerKilledUnderACopyLeavesTheOldServing(t *testing.T) {
	t.Parallel()
	from, to := pgtest.Private(t, nil), pgtest.Private(t, nil)
	c := &crash{generations: newGenerationsOn(t, pgtest.NewOn(t, from.DSN("postgres")), pgtest.NewOn(t, to.DSN("postgres")))}
	c.adopted()
	c.next()
	c.recover()
	for _, kill := range []struct {
		what string
		do   func(reading, loading int)
	}{
		{"a backend of the source", func(reading, _ int) { killBackend(t, reading) }},
		{"a backend of the target", func(_, loading int) { killBackend(t, loading) }},
		{"the target's server", func(int, int) { to.Kill() }},
	} {
		c.next()
		p, holder := c.heldInTheCopy()
		admin := connected(t, c.staging.MaintenanceDSN())
		loading := eventually(t, admin, loadsATable)
		kill.do(eventually(t, holder, waitsAtTheGate), loading)
		closeSession(t, admin)
		// It is noticed though there is no row to send: the source waits.
		if status := p.status(); status != statusFailed {
			t.Errorf("%s was killed: status %d, want %d\n%s", kill.what, status, statusFailed, p.said())
		}
		closeSession(t, holder)
		if strings.Contains(p.said(), "flowmart.example") {
			t.Errorf("%s was killed: a value is shown\n%s", kill.what, p.said())
		}
		if to.Pid() == 0 {
			if err := to.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		awaitServer(t, c.production.DSN())
		awaitServer(t, c.staging.DSN())
		if got := c.serves(); got != pair(c.at-1) {
			t.Errorf("%s was killed: generation %s serves, want %d", kill.what, got, c.at-1)
		}
		c.survived(kill.what)
	}
	c.next()
	c.killedWaitingForASession()
}

// killedWaitingForASession kills lethe while its rename waits for a session that does not go: that of a
// process which is stopped. The server then waits on alone, and clients with it, for a moment only.
func (c *crash) killedWaitingForASession() {
	c.t.Helper()
	admin := connected(c.t, c.staging.MaintenanceDSN())
	stuck := connected(c.t, c.app.DSN(c.staging))
	backend := int(stuck.PgConn().PID())
	if err := syscall.Kill(backend, syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	p := c.start("refresh", "staging")
	eventually(c.t, admin, `SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'ALTER DATABASE % RENAME TO %'`)
	p.kill()
	began := time.Now()
	if got, took := c.serves(), time.Since(began); got != pair(c.at-1) || took > withoutService {
		c.t.Errorf("waiting for a session: generation %s served after %v, want %d at once", got, took, c.at-1)
	}
	if err := syscall.Kill(backend, syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
	c.survived("waiting for a session")
}

func killBackend(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// heldInTheCopy starts a refresh that waits in the middle of its copy until the session returned is closed.
func (g *generations) heldInTheCopy() (*process, *pgx.Conn) {
	g.t.Helper()
	holder := connected(g.t, g.production.DSN())
	execute(g.t, holder, `SELECT pg_advisory_lock($1)`, gate)
	p := g.start("refresh", "staging")
	eventually(g.t, holder, waitsAtTheGate)
	return p, holder
}

// TestOneRunAtATimeAndItEndsInOrder holds that while a run copies every other is refused and names it; that
// the first interrupt ends it with 130, removes what it built, and is on record; that a second does not wait.
func TestOneRunAtATimeAndItEndsInOrder(t *testing.T) {
	t.Parallel()
	c := newCrash(t)
	before := c.databases()
	c.next()
	p, holder := c.heldInTheCopy()
	run := document[environmentDocument](c.stage, "env", "show", "staging").Status.Holder.Application
	if !strings.HasPrefix(run, "lethe/") {
		t.Errorf("env show names %q as who works on staging", run)
	}
	for _, args := range [][]string{{"refresh", "staging"}, {"rollback", "staging"}, {"publish", "staging"}} {
		c.refused(statusRefused, args, "is busy", run, "pid ")
	}

	began := time.Now()
	p.signal(syscall.SIGINT)
	if status := p.status(); status != statusInterrupted {
		t.Errorf("status %d, want %d\n%s", status, statusInterrupted, p.said())
	}
	t.Logf("ended within %v", time.Since(began).Round(time.Millisecond))
	if !strings.Contains(p.said(), "interrupted; nothing was published") {
		t.Errorf("it does not say how it ended:\n%s", p.said())
	}
	eventually(t, holder, `SELECT (count(*) = 0)::int FROM pg_stat_activity WHERE application_name LIKE 'lethe/%' AND datname = current_database()`)
	closeSession(t, holder)
	if got := c.databases(); !slices.Equal(got, before) {
		t.Errorf("it left %v, want %v", got, before)
	}
	if left, err := os.ReadDir(c.tmp); err != nil || len(left) > 0 {
		t.Errorf("it left temporary files: %v, %v", left, err)
	}
	if got := c.serves(); got != pair(c.at-1) {
		t.Errorf("generation %s serves, want %d", got, c.at-1)
	}
	if got := document[state.Run](c.stage, "runs", strings.TrimPrefix(run, "lethe/")).Outcome; got != state.Interrupted {
		t.Errorf("on record as %q, want %q", got, state.Interrupted)
	}

	p, holder = c.heldInTheCopy()
	p.signal(syscall.SIGTERM)
	if !p.says("stopping") {
		t.Fatalf("it does not answer the first signal:\n%s", p.said())
	}
	p.signal(syscall.SIGINT)
	p.status()
	closeSession(t, holder)
	c.survived("interrupted twice")
}
