package pg

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

const (
	// lookEvery is the longest time between two looks at who waits: with it, what a look takes and what
	// letting go takes, nobody waits a second longer than was said.
	lookEvery = 250 * time.Millisecond
	// loadEvery is the time between two looks at the load, which moves slower.
	loadEvery = time.Second
	// answerTimeout is how long the source may take to answer a look before it counts as lost: a server that
	// is merely busy answers in less.
	answerTimeout = 30 * time.Second
)

// lookout watches from a session of its own, while a run holds locks or a snapshot, whom that keeps waiting,
// how old the snapshot gets and how busy production is, and ends the run where a limit is passed.
type lookout struct {
	source *Source
	conn   *pgx.Conn
	meter  *meter
	end    context.CancelCauseFunc
	leave  context.CancelFunc
	ended  chan struct{}
	strain strain

	mu      sync.Mutex
	taken   time.Time // when the snapshot was taken, by the source's clock; zero before
	longest time.Duration
}

// keepLookout begins to watch on conn, which is the lookout's until stop has returned. What it finds ends
// the run through end.
func (s *Source) keepLookout(ctx context.Context, conn *pgx.Conn, m *meter, end context.CancelCauseFunc) *lookout {
	// It goes on while the run winds down: until then, locks are held.
	ctx, leave := context.WithCancel(context.WithoutCancel(ctx))
	l := &lookout{source: s, conn: conn, meter: m, end: end, leave: leave, ended: make(chan struct{})}
	l.strain = strain{limits: s.opts.StopWhen, standby: s.identity.Standby, now: time.Now}
	go l.keep(ctx)
	return l
}

// stop ends the watching and waits for it. It may be called more than once.
func (l *lookout) stop() {
	l.leave()
	<-l.ended
}

// snapshot tells since when the snapshot is held, by the source's clock.
func (l *lookout) snapshot(taken time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = taken
}

// longestWait returns the longest time that somebody waited for the run.
func (l *lookout) longestWait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.longest
}

func (l *lookout) keep(ctx context.Context) {
	defer close(l.ended)
	defer l.meter.gate.set(true)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next, err := l.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.end(err)
			l.letGo(ctx)
			return
		}
		timer.Reset(next)
	}
}

// look looks once and returns when to look again, or why the run must end.
func (l *lookout) look(ctx context.Context) (next time.Duration, err error) {
	answer, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	patience := l.source.opts.YieldAfter
	next = min(lookEvery, patience/4)
	now, waiter, err := l.waiting(answer, next)
	if err != nil {
		return 0, &LostError{What: lostLookout, Err: sanitize(err)}
	}
	l.mu.Lock()
	l.longest = max(l.longest, waiter.waited)
	taken := l.taken
	l.mu.Unlock()
	switch age := now.Sub(taken); {
	case waiter.waited >= patience:
		return 0, &YieldError{Table: waiter.table, Snapshot: waiter.snapshot, Waited: waiter.waited}
	case !taken.IsZero() && age > l.source.opts.MaxSnapshotAge:
		return 0, &AgeError{Limit: l.source.opts.MaxSnapshotAge}
	}
	open, err := l.strain.look(answer, l.conn)
	if err != nil {
		return 0, err
	}
	l.meter.gate.set(open)
	if waiter.waited > 0 {
		next = min(next, patience-waiter.waited)
	}
	return next, nil
}

// waiter is who has waited longest for a session of the run.
type waiter struct {
	waited time.Duration
	table  catalog.Name
	// snapshot reports that it waits for the run's transaction to end, not for a lock on a table.
	snapshot bool
}

// waiting finds who waits for one of the run's sessions, and the source's time. Only waits for a relation or
// for a transaction to end can be for a session that reads, and only those that last are looked into:
// pg_blocking_pids stops the server's locking for a moment.
func (l *lookout) waiting(ctx context.Context, atLeast time.Duration) (now time.Time, w waiter, err error) {
	const query = `SELECT clock_timestamp(), coalesce(w.seconds, 0)::float8, coalesce(w.locktype = 'virtualxid', false),
			coalesce(n.nspname, '')::text, coalesce(c.relname, '')::text
		FROM (SELECT ARRAY(` + ownSessions + `) AS pids) own
		LEFT JOIN LATERAL (
			SELECT l.locktype, l.relation, extract(epoch FROM clock_timestamp() - l.waitstart) AS seconds
			FROM (SELECT * FROM pg_locks WHERE NOT granted AND locktype IN ('relation', 'virtualxid')
				AND waitstart < clock_timestamp() - $2::float8 * interval '1 second' OFFSET 0) l
			WHERE pg_blocking_pids(l.pid) && own.pids AND l.pid <> ALL (own.pids)
			ORDER BY l.waitstart LIMIT 1) w ON true
		LEFT JOIN pg_class c ON c.oid = w.relation LEFT JOIN pg_namespace n ON n.oid = c.relnamespace`
	var seconds float64
	err = l.conn.QueryRow(ctx, query, l.applicationName(), atLeast.Seconds()).Scan(&now, &seconds, &w.snapshot, &w.table.Schema, &w.table.Name)
	w.waited = time.Duration(seconds * float64(time.Second))
	return now, w, err
}

// ownSessions is a query for the process ids of the run's sessions, pg_dump's among them, other than the one
// that asks. A target on the same server is another database.
const ownSessions = `SELECT a.pid FROM pg_stat_activity a WHERE a.application_name = $1 AND a.datname = current_database()
	AND a.usename = current_user AND a.pid <> pg_backend_pid()`

func (l *lookout) applicationName() string { return applicationName(l.source.sessionName()) }

// letGo ends every session of the run on the source, whatever it is doing: a session that waits for its
// client to take more rows hears of nothing else.
func (l *lookout) letGo(ctx context.Context) {
	if l.conn.IsClosed() {
		return // the run's own end closes them
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, _ = l.conn.Exec(ctx, `SELECT pg_terminate_backend(o.pid) FROM (`+ownSessions+`) o`, l.applicationName())
}

// lostLookout is what a LostError names when nobody can see any more whom the run keeps waiting.
const lostLookout = "lookout"

// AgeError says that a run held its snapshot for longer than it may. The same run would again.
type AgeError struct{ Limit time.Duration }

// Error names the limit and what to do.
func (e *AgeError) Error() string {
	return fmt.Sprintf("the snapshot was held for max_snapshot_age, %s, and keeps VACUUM from cleaning production; "+
		"copy less, allow more connections:, or raise max_snapshot_age: of the source", e.Limit)
}
