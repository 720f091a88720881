package pg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// swapAttempts is how often a swap is tried that holds the name until everybody is gone. Each waits for a
// second and a half at most.
const swapAttempts = 3

// quickBudget is how long the swap looks for an instant at which nobody is connected. It is bounded
// because clients that connect in a loop without a pooler leave no such instant and are ended meanwhile
// again and again.
const quickBudget = 300 * time.Millisecond

// settleTimeout bounds finding out how a swap ended whose answer was lost.
const settleTimeout = 30 * time.Second

// attempts swaps in one of two ways.
//
// Whoever connects while the name is locked waits, has looked the name up already, and is told after the
// swap that his database is gone. A client tries again; a pooler does not for a while (PgBouncer for
// server_login_retry, 15 s by default). So the swap is tried first at an instant at which nobody is
// connected, in a millisecond, and taken back when somebody waits for it. Where there is no such instant
// the name is held until all have gone, and who waits then must try again.
func (s *swap) attempts(ctx context.Context, ender *ender) error {
	deadline := time.Now().Add(quickBudget)
	err := s.quick(ctx, ender, deadline)
	for err != nil && inTheWay(err) && time.Now().Before(deadline) && ctx.Err() == nil {
		err = s.quick(ctx, ender, deadline)
	}
	for range swapAttempts {
		if err == nil || !inTheWay(err) || ctx.Err() != nil || s.t.opts.Sessions.Mode == Refuse {
			break
		}
		err = s.patient(ctx, ender)
	}
	switch {
	case err == nil || s.settled(ctx):
		return nil
	case !inTheWay(err):
		return sanitize(err)
	}
	if sessions, listErr := ender.list(ctx); listErr == nil && len(sessions) > 0 {
		return &SessionsError{Database: s.serving, Sessions: sessions}
	}
	return sanitize(err)
}

// inTheWay reports whether a swap failed because of somebody else, for the time being.
func inTheWay(err error) bool {
	return hasCode(err, "55006", "55P03", "57014", "22012")
}

// quick ends everybody, and swaps at the instant when the last is gone.
func (s *swap) quick(ctx context.Context, ender *ender, deadline time.Time) error {
	if err := ender.clear(ctx, deadline); err != nil {
		return err
	}
	s.replaced = s.t.opts.Now().UTC()
	handOver, err := s.handOver()
	if err != nil {
		return err
	}
	statements := []string{
		// A rename that meets somebody sleeps for 100 ms with the name locked: it must not get that far.
		"BEGIN", "SET LOCAL lock_timeout = '10ms'", "SET LOCAL statement_timeout = '10ms'",
		// The disk is waited for afterwards, with the name free again.
		"SET LOCAL synchronous_commit = off",
		"ALTER DATABASE " + quoted(s.serving) + " RENAME TO " + quoted(s.outgoing),
		"ALTER DATABASE " + quoted(s.incoming) + " RENAME TO " + quoted(s.serving),
		"SET LOCAL statement_timeout = '1s'",
	}
	statements = append(statements, handOver...)
	// Division by zero when somebody waits for the name: 1262 is pg_database on every server.
	statements = append(statements, fmt.Sprintf(`SELECT 1 / (count(*) = 0)::int FROM pg_locks
		WHERE locktype = 'object' AND classid = 1262 AND objid = %d AND NOT granted`, s.old.oid), "COMMIT")
	conn := s.t.lock.conn
	// One message, so that no round trip is spent with the name locked.
	if _, err := conn.PgConn().Exec(ctx, strings.Join(statements, "; ")).ReadAll(); err != nil {
		s.undo(ctx)
		return fmt.Errorf("swap names: %w", err)
	}
	// A commit of its own takes the swap to the disk with it; it must write something, or it would not wait
	// either. The swap has happened: what fails here is answered by looking.
	if _, err := conn.Exec(ctx, handOver[len(handOver)-1]); err != nil {
		return fmt.Errorf("wait for the disk: %w", err)
	}
	return nil
}

// undo rolls back what is open on the lock's session. It is teardown: the caller's context may be what
// ended, and an open transaction keeps clients waiting.
func (s *swap) undo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if _, err := s.t.lock.conn.Exec(ctx, "ROLLBACK"); err != nil {
		closeNow(s.t.lock.conn)
	}
}

// patient holds the name until everybody is gone: the first rename takes the database's lock, so that
// from then on new connections wait, and then waits itself until the sessions, which the ender ends from
// another connection, are gone. Nothing here is ever half done: until COMMIT the old database serves, and
// a session of ours that dies leaves it as it was.
func (s *swap) patient(ctx context.Context, ender *ender) error {
	s.replaced = s.t.opts.Now().UTC()
	statements, err := s.handOver()
	if err != nil {
		return err
	}
	tx, err := s.t.lock.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	committed := false
	defer func() {
		if !committed {
			s.undo(ctx)
		}
	}()
	stop := ender.start(ctx)
	defer stop()
	statements = append([]string{
		// Who holds the database's lock longer is somebody who alters it, and clients queue behind our wait.
		"SET LOCAL lock_timeout = '1s'",
		// Clients wait as long as we do, and a rename whose lethe was killed would wait for sessions that
		// nobody ends any more: five seconds, if the server had its way.
		"SET LOCAL statement_timeout = '1500ms'", "SET LOCAL idle_in_transaction_session_timeout = '2s'",
		"ALTER DATABASE " + quoted(s.serving) + " RENAME TO " + quoted(s.outgoing),
		"ALTER DATABASE " + quoted(s.incoming) + " RENAME TO " + quoted(s.serving),
	}, statements...)
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("swap names: %w", err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

// handOver returns the statements that open the new database to whom the old one was open, close the old
// one, and, last, note when it was replaced; that one may be repeated.
func (s *swap) handOver() ([]string, error) {
	n := note{Environment: s.t.marker.ID, Run: s.outgoingRun, Replaced: &s.replaced, ReplacedBy: s.run}
	if s.t.opts.Keep.For > 0 {
		until := s.replaced.Add(s.t.opts.Keep.For)
		n.KeptUntil = &until
	}
	comment, err := n.comment()
	if err != nil {
		return nil, err
	}
	statements := append(s.old.open(s.serving), s.old.shut(s.outgoing)...)
	return append(statements, "COMMENT ON DATABASE "+quoted(s.outgoing)+" IS "+quoteLiteral(comment)), nil
}

// settled finds out whether the swap happened although it seemed to fail: its answer may have been lost
// with the lock's session. That is ended for good first, so that nothing can still happen afterwards.
func (s *swap) settled(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var name string
	err := s.t.maintain(ctx, func(conn *pgx.Conn) error {
		if lost := s.t.lock.conn; lost.IsClosed() {
			if err := endSession(ctx, conn, lost.PgConn().PID(), s.t.opts.applicationName()); err != nil {
				return err
			}
		}
		return conn.QueryRow(ctx, `SELECT datname FROM pg_database WHERE oid = $1`, s.newOID).Scan(&name)
	})
	return err == nil && name == s.serving
}

// endSession ends a session of ours and waits until it is gone.
func endSession(ctx context.Context, conn *pgx.Conn, pid uint32, application string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var alive int64
		const end = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = $1::int AND application_name = $2`
		if err := conn.QueryRow(ctx, end, int64(pid), application).Scan(&alive); err != nil || alive == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
