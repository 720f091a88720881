package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Session is somebody connected to a database that is to be replaced.
type Session struct {
	PID         int    `json:"pid"`
	Role        string `json:"role"`
	Application string `json:"application,omitempty"`
	// Kind is the kind of process, such as "client backend"; "" when the server does not show it to us.
	Kind string `json:"kind,omitempty"`
	// Reason says why it is in the way.
	Reason string `json:"reason"`
	// transaction is the server's name of the transaction that it is in, "" for none.
	transaction string
	ours        bool
	free        bool // it may be ended
}

// SessionsError says whose sessions keep a database from being replaced. What was built is kept.
type SessionsError struct {
	Database string
	Sessions []Session
}

// Error names each session by pid and role.
func (e *SessionsError) Error() string {
	names := make([]string, len(e.Sessions))
	for i, s := range e.Sessions {
		names[i] = fmt.Sprintf("pid %d of role %s (%s)", s.PID, s.Role, s.Reason)
	}
	count := "1 session"
	if len(names) != 1 {
		count = fmt.Sprintf("%d sessions", len(names))
	}
	return fmt.Sprintf("%s in %s may not be ended: %s; publish again when they have gone", count, e.Database, strings.Join(names, ", "))
}

// The times of ending sessions.
const (
	// endEvery is how often new arrivals are looked for while the name is locked: nobody new gets in, so
	// that this catches those who were in the doorway.
	endEvery = 20 * time.Millisecond
	// endGrace is how long a short transaction may go on once new connections wait. Half a second is
	// longer than what a web request's transaction takes, and short enough for who waits.
	endGrace = 500 * time.Millisecond
	// drainEvery is how often draining looks whether transactions have ended.
	drainEvery = 50 * time.Millisecond
)

// ender ends the sessions of databases from a connection of its own.
type ender struct {
	opts TargetOptions
	conn *pgx.Conn
	oids []int64

	mu   sync.Mutex
	seen map[int]bool // pids that were ended, our own aside
}

func newEnder(ctx context.Context, opts TargetOptions, oids ...uint32) (*ender, error) {
	conn, err := connect(ctx, opts.DSN, opts.session(opts.Maintenance))
	if err != nil {
		return nil, err
	}
	e := &ender{opts: opts, conn: conn, seen: map[int]bool{}}
	for _, oid := range oids {
		e.oids = append(e.oids, int64(oid))
	}
	return e, nil
}

func (e *ender) close() { closeNow(e.conn) }

// ended returns how many sessions of others were ended.
func (e *ender) ended() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.seen)
}

// list returns who is connected. Processes that go by themselves are left out: autovacuum yields to a
// rename, parallel workers end with their leader. Who is in a transaction is seen by the lock that every
// transaction holds on itself: the state of other roles' sessions is shown to few, their locks to all.
func (e *ender) list(ctx context.Context) ([]Session, error) {
	const query = `WITH l AS MATERIALIZED (SELECT pid, virtualxid FROM pg_locks WHERE locktype = 'virtualxid' AND granted AND mode = 'ExclusiveLock')
		SELECT a.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''), coalesce(a.backend_type, ''),
			coalesce((SELECT min(virtualxid) FROM l WHERE l.pid = a.pid), ''), coalesce(r.rolsuper, false),
			coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false)
				OR (NOT coalesce(r.rolsuper, true) AND (pg_has_role(current_user, a.usesysid, 'USAGE')
					OR pg_has_role(current_user, 'pg_signal_backend', 'USAGE')))
		FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
		WHERE a.datid = ANY ($1::bigint[]::oid[]) AND a.usesysid IS NOT NULL
			AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'parallel worker')
		ORDER BY a.pid`
	result, err := e.conn.Query(ctx, query, e.oids)
	if err != nil {
		return nil, sanitize(fmt.Errorf("list sessions: %w", err))
	}
	var sessions []Session
	var s Session
	var super bool
	_, err = pgx.ForEachRow(result, []any{&s.PID, &s.Role, &s.Application, &s.Kind, &s.transaction, &super, &s.free}, func() error {
		s.ours = s.Application == e.opts.applicationName()
		switch {
		case super && !s.free:
			s.Reason = "a superuser, whom our role may not end"
		case !s.free:
			s.Reason = "whom our role may not end without pg_signal_backend"
		default:
			s.Reason = "connected"
		}
		sessions = append(sessions, s)
		return nil
	})
	return sessions, sanitize(err)
}

// admissible fails by name when somebody is connected who may not be ended, or, under Refuse, when
// anybody is.
func (e *ender) admissible(ctx context.Context, database string) error {
	sessions, err := e.list(ctx)
	if err != nil {
		return err
	}
	var inTheWay []Session
	for _, s := range sessions {
		if !s.free || (e.opts.Sessions.Mode == Refuse && !s.ours) {
			inTheWay = append(inTheWay, s)
		}
	}
	if len(inTheWay) > 0 {
		return &SessionsError{Database: database, Sessions: inTheWay}
	}
	return nil
}

// drain waits, as long as configured, until every transaction that runs now has ended. Those that begin
// meanwhile are not waited for: a busy database is never idle.
func (e *ender) drain(ctx context.Context, event func(Event)) error {
	if e.opts.Sessions.Mode != Drain {
		return nil
	}
	deadline := time.NewTimer(e.opts.Sessions.Drain)
	defer deadline.Stop()
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	var running map[string]bool
	for {
		sessions, err := e.list(ctx)
		if err != nil {
			return err
		}
		now := make(map[string]bool)
		for _, s := range sessions {
			if busy(s) && (running == nil || running[s.transaction]) {
				now[s.transaction] = true
			}
		}
		if running = now; len(running) == 0 {
			return nil
		}
		event(Event{Phase: "drain", Object: fmt.Sprintf("%d transactions", len(running))})
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return nil
		case <-tick.C:
		}
	}
}

// busy reports whether a session is in a transaction.
func busy(s Session) bool { return !s.ours && s.transaction != "" }

// clear ends everybody until there is an instant at which nobody is connected. Under Drain it begins,
// within the grace, when no transaction runs. Under Refuse it ends nobody.
func (e *ender) clear(ctx context.Context, deadline time.Time) error {
	for patient := e.opts.Sessions.Mode == Drain; ; {
		sessions, err := e.list(ctx)
		switch {
		case err != nil:
			return err
		case len(sessions) == 0:
			return nil
		case time.Now().After(deadline):
			return nil // the rename will tell
		case e.opts.Sessions.Mode == Refuse:
			if slices.ContainsFunc(sessions, func(s Session) bool { return !s.ours }) {
				return nil
			}
			continue // our probe, which goes by itself
		}
		if patient = patient && slices.ContainsFunc(sessions, busy) && time.Until(deadline) > quickBudget*2/3; patient {
			continue
		}
		if err := e.endAll(ctx, sessions); err != nil {
			return err
		}
	}
}

// start ends sessions until the function returned is called, which waits for it to be over. What cannot
// be ended is left: the rename, which it keeps waiting, gives up.
func (e *ender) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if e.opts.Sessions.Mode == Refuse {
			return
		}
		began := time.Now()
		tick := time.NewTicker(endEvery)
		defer tick.Stop()
		for {
			patient := e.opts.Sessions.Mode == Drain && time.Since(began) < endGrace
			if err := e.end(ctx, patient); err != nil {
				return // the connection is gone, or we are done: the rename tells how it ended
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// end ends all sessions that may be ended; the patient way only those that do nothing.
func (e *ender) end(ctx context.Context, patient bool) error {
	sessions, err := e.list(ctx)
	if err != nil {
		return err
	}
	if patient {
		sessions = slices.DeleteFunc(sessions, busy)
	}
	return e.endAll(ctx, sessions)
}

// endAll ends those of the sessions that may be ended, all at once.
func (e *ender) endAll(ctx context.Context, sessions []Session) error {
	var pids []int64
	for _, s := range sessions {
		if s.free {
			pids = append(pids, int64(s.PID))
		}
	}
	// Looked up again, so that a process id that means somebody else by now is left alone.
	const end = `SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY ($1::bigint[]::int[]) AND datid = ANY ($2::bigint[]::oid[])`
	result, err := e.conn.Query(ctx, end, pids, e.oids)
	if err != nil {
		return sanitize(fmt.Errorf("end sessions: %w", err))
	}
	var pid int
	var ended bool
	_, err = pgx.ForEachRow(result, []any{&pid, &ended}, func() error {
		ours := slices.ContainsFunc(sessions, func(s Session) bool { return s.PID == pid && s.ours })
		if ended && !ours {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.seen[pid] = true
		}
		return nil
	})
	if hasCode(err, "42501") {
		return nil // somebody changed roles meanwhile: the rename will meet them
	}
	return sanitize(err)
}
