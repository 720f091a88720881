package cli

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// withoutService is the longest that a client may be without service, whatever happens.
const withoutService = 2 * time.Second

// crash is a stage whose lethe is killed again and again.
type crash struct {
	*generations
	old map[string]string
	// whole is how long a run takes that nobody disturbs.
	whole time.Duration
}

// newCrash has published once.
func newCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{generations: newGenerations(t)}
	c.adopted()
	c.next()
	c.recover()
	return c
}

// recover is the next run: it succeeds and leaves nothing behind but what serves and the previous one.
func (c *crash) recover() {
	c.t.Helper()
	var p *process
	// A session that was in the middle of a statement when its client died gives the lock back after it.
	for deadline := time.Now().Add(5 * time.Second); ; {
		began := time.Now()
		p = c.start("refresh", "staging")
		status := p.status()
		if took := time.Since(began); status == 0 {
			// The shortest is the least disturbed by whatever else the machine does.
			if c.whole == 0 || took < c.whole {
				c.whole = took
			}
			break
		}
		if status != statusRefused || !strings.Contains(p.said(), "is busy") || time.Now().After(deadline) {
			c.t.Fatalf("the next run: status %d\n%s", status, p.said())
		}
	}
	if got := c.serves(); got != pair(c.at) {
		c.t.Errorf("after the next run generation %s serves, want %d", got, c.at)
	}
	if got := c.databases(); len(got) > 2 || got[0] != c.staging.Name() || (len(got) == 2 && !strings.HasPrefix(got[1], got[0]+"__previous_")) {
		c.t.Errorf("the next run left %v", got)
	}
	if left, err := os.ReadDir(c.tmp); err != nil || len(left) > 0 {
		c.t.Errorf("the next run left temporary files: %v, %v", left, err)
	}
	c.old = contents(c.t, c.staging.DSN())
}

// survived holds the law at the moment after a kill: the old generation serves, or the new one, at once
// and whole, and nobody gets into anything half done. The next run makes good.
func (c *crash) survived(when string) {
	c.t.Helper()
	began := time.Now()
	got := c.serves()
	if took := time.Since(began); took > withoutService {
		c.t.Errorf("%s: staging answered after %v", when, took)
	}
	if got != pair(c.at) && got != pair(c.at-1) {
		c.t.Errorf("%s: generation %s serves, want %d or %d", when, got, c.at-1, c.at)
	}
	old, found := c.old, contents(c.t, c.staging.DSN())
	c.closed(when)
	c.recover()
	if !maps.Equal(found, old) && !maps.Equal(found, c.old) {
		c.t.Errorf("%s: what served was neither the old data nor the new", when)
	}
	c.t.Logf("%-28s %s served, %v", when, got, time.Since(began).Round(time.Millisecond))
}

// closed holds that no client gets into a database beside staging.
func (c *crash) closed(when string) {
	c.t.Helper()
	for _, name := range c.databases()[1:] {
		ctx, cancel := context.WithTimeout(c.t.Context(), withoutService)
		conn, err := pgx.Connect(ctx, withUser(c.t, c.staging.Database(name), c.app))
		cancel()
		if err == nil {
			c.t.Errorf("%s: %s is open to a role without rights", when, name)
			closeSession(c.t, conn)
		}
	}
}

func closeSession(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), withoutService)
	defer cancel()
	_ = conn.Close(ctx) // it may have been ended already
}

// TestKilledAtAnyMomentTheOldOrTheNewServes kills lethe as it begins its steps, in the middle of a table, and
// at random moments.
func TestKilledAtAnyMomentTheOldOrTheNewServes(t *testing.T) {
	t.Parallel()
	c := newCrash(t)
	steps := []string{"building an empty database", "verifying"}
	if os.Getenv(seedsVariable) != "" {
		steps = append(steps, "copying and masking", "publishing") // near to what is held below and elsewhere
	}
	for _, step := range steps {
		c.next()
		p := c.start("refresh", "staging")
		if !p.says(step) {
			t.Fatalf("it ended before it said %q:\n%s", step, p.said())
		}
		p.kill()
		c.survived(step)
	}
	c.next()
	c.inTheCopy()
	c.survived("in the middle of a table")
	for seed := range crashSeeds(t) {
		c.atRandom(seed)
	}
}

// atRandom kills lethe wherever it is.
func (c *crash) atRandom(seed uint64) {
	c.t.Helper()
	after := time.Duration(rand.New(rand.NewPCG(seed, 0)).Int64N(int64(c.whole)))
	c.next()
	p := c.refreshFor(after)
	p.kill()
	if p.cmd.ProcessState.ExitCode() == 0 {
		c.t.Logf("seed %d: it had ended before %v", seed, after)
	}
	c.survived(fmt.Sprintf("seed %d, after %v", seed, after.Round(time.Millisecond)))
	if c.t.Failed() {
		c.t.Fatalf("seed %d\n%s", seed, p.said())
	}
}

// refreshFor starts a refresh and returns when so much time has passed, or when it has ended before.
func (c *crash) refreshFor(after time.Duration) *process {
	c.t.Helper()
	p := c.start("refresh", "staging")
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ended:
	}
	return p
}

// inTheCopy kills lethe while one table is read and others are loaded.
func (c *crash) inTheCopy() {
	c.t.Helper()
	holder := connected(c.t, c.production.DSN())
	execute(c.t, holder, `SELECT pg_advisory_lock($1)`, gate)
	p := c.start("refresh", "staging")
	eventually(c.t, holder, waitsAtTheGate)
	left, err := filepath.Glob(filepath.Join(c.tmp, directoryPrefix+"*"))
	if err != nil || len(left) != 1 {
		c.t.Fatalf("private directories: %v, %v", left, err)
	}
	p.kill()
	closeSession(c.t, holder)
	// What it held stays on the disk, for its user alone, until the next run.
	if info, err := os.Stat(left[0]); err != nil || info.Mode().Perm() != 0o700 {
		c.t.Errorf("the private directory: %v, %v", info, err)
	}
}

// waitsAtTheGate finds the session that reads public.gate.
const waitsAtTheGate = `SELECT coalesce(max(pid), 0) FROM pg_stat_activity
	WHERE wait_event = 'advisory' AND datname = current_database() AND application_name LIKE 'lethe/%' AND query LIKE 'COPY%'`

// TestKilledInsideTheSwapTheOldOrTheNewServes stops lethe where the names are exchanged, by a lock that it
// needs: before the first rename, between the two, and after both, where it tidies up.
func TestKilledInsideTheSwapTheOldOrTheNewServes(t *testing.T) {
	t.Parallel()
	c := newCrash(t)
	for _, stop := range []struct{ when, beside string }{
		{"before the first rename", ""}, {"between the renames", "__build"}, {"tidying up after the swap", "__previous_"},
	} {
		c.next()
		c.inTheSwap(stop.beside)
		c.survived(stop.when)
	}
}

// inTheSwap kills lethe while it waits for the lock of a database: the serving one, the build, or the
// previous one.
func (c *crash) inTheSwap(beside string) {
	c.t.Helper()
	args := []string{"refresh", "staging"}
	if beside != "__previous_" {
		c.ok("refresh", "staging", "--no-publish")
		args[0] = "publish"
	}
	all := c.databases()
	at := slices.IndexFunc(all, func(name string) bool {
		previous := strings.Contains(name, "__previous_")
		switch beside {
		case "":
			return name == c.staging.Name()
		case "__previous_":
			return previous
		}
		return !previous && name != c.staging.Name()
	})
	if at < 0 {
		c.t.Fatalf("there is no %q among %v", beside, all)
	}
	admin, watcher := connected(c.t, c.staging.MaintenanceDSN()), connected(c.t, c.staging.MaintenanceDSN())
	execute(c.t, admin, "BEGIN")
	execute(c.t, admin, "COMMENT ON DATABASE "+all[at]+" IS 'held'")
	var oids []uint32 // their names may change
	if err := watcher.QueryRow(c.t.Context(), `SELECT array_agg(oid) FROM pg_database WHERE datname = ANY ($1)`, all).Scan(&oids); err != nil {
		c.t.Fatal(err)
	}
	p := c.start(args...)
	eventually(c.t, watcher, `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'object' AND l.classid = 'pg_database'::regclass
		AND NOT l.granted AND a.application_name LIKE 'lethe/%' AND l.objid = (SELECT oid FROM pg_database WHERE datname = $1)`, all[at])
	p.kill()
	execute(c.t, admin, "ROLLBACK")
	closeSession(c.t, admin)
	// The server ends the session of who is gone in its own time; who connects while it holds a name is turned away.
	eventually(c.t, watcher, `SELECT (count(*) = 0)::int FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'object'
		AND l.classid = 'pg_database'::regclass AND a.application_name LIKE 'lethe/%' AND l.objid = ANY ($1)`, oids)
	if got := c.serves(); beside == "__previous_" && got != pair(c.at) {
		c.t.Errorf("killed after the swap, generation %s serves, want %d", got, c.at)
	}
}

// seedsVariable is the environment variable that asks for the long suite: so many random moments.
const seedsVariable = "LETHE_CRASH_SEEDS"

// crashSeeds is how many random moments are tried.
func crashSeeds(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedsVariable)
	if text == "" {
		return 3 // each takes two runs; make crash has the many
	}
	seeds, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(seedsVariable, ": ", err)
	}
	return seeds
}
