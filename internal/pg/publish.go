package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// swapAttempts is how often a swap is tried that somebody's new session got in the way of. Each waits up
// to the five seconds that the server itself gives sessions to go.
const swapAttempts = 3

// settleTimeout bounds finding out how a swap ended whose answer was lost.
const settleTimeout = 30 * time.Second

// Commit publishes what Verify accepted: the new database takes the name, the old one is kept. Either
// both happened or neither. When it fails the build stays, closed, and Publish can finish it: a
// SessionsError names who may not be ended.
func (t *Target) Commit(ctx context.Context) error {
	b := t.current()
	switch {
	case b == nil:
		return errNotBegun
	case b.published:
		return errors.New("publish: it was published already")
	case !b.verified:
		return errors.New("publish: the build was not verified")
	}
	b.attempted = true
	if err := b.close(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	result, err := t.publish(ctx, b.database, b.order.Run)
	if err != nil {
		return fmt.Errorf("publish %s: %w", b.database, err)
	}
	b.published, t.result = true, result
	return nil
}

// publish makes the incoming database serve.
func (t *Target) publish(ctx context.Context, incoming, run string) (Publication, error) {
	t.opts.Event(Event{Phase: "publish", Object: incoming})
	if err := t.lock.check(ctx); err != nil {
		return Publication{}, err
	}
	if t.opts.Slots != nil {
		return t.turn(ctx, incoming, run)
	}
	found, err := t.obstacles(ctx, t.base)
	if err != nil {
		return Publication{}, err
	}
	if found.HasErrors() {
		return Publication{}, &RefusedError{Findings: found}
	}
	s := &swap{t: t, serving: t.base, incoming: incoming, run: run}
	if err := s.prepare(ctx); err != nil {
		return Publication{}, err
	}
	result, err := s.do(ctx)
	if err != nil {
		return Publication{}, err
	}
	// It is published: what cannot be tidied up now is told and left to the next run.
	result.Notes = t.prune(ctx)
	return result, nil
}

// swap exchanges the names of two databases.
type swap struct {
	t                           *Target
	serving, incoming, outgoing string
	// run is the run whose data comes, outgoingRun that whose data goes, "" when no run made it.
	run, outgoingRun string
	old              databaseState
	newOID           uint32
	replaced         time.Time
}

// prepare does all that can be done before clients notice anything.
func (s *swap) prepare(ctx context.Context) error {
	t := s.t
	err := t.opts.within(ctx, s.serving, func(conn *pgx.Conn) error {
		c, err := loadCertificate(ctx, conn)
		if errors.Is(err, errNoCertificate) {
			return nil
		}
		s.outgoingRun = c.Run
		return err
	})
	if err != nil {
		return fmt.Errorf("read certificate of %s: %w", s.serving, err)
	}
	err = t.opts.within(ctx, s.incoming, func(conn *pgx.Conn) error {
		there, err := hasTable(ctx, conn, "lethe.certificate")
		if err != nil || !there {
			return err // an adopted database comes back by a rollback
		}
		_, err = conn.Exec(ctx, `UPDATE lethe.certificate SET published_at = $1`, t.opts.Now().UTC())
		return err
	})
	if err != nil {
		return fmt.Errorf("stamp certificate of %s: %w", s.incoming, err)
	}
	return t.maintain(ctx, func(conn *pgx.Conn) error {
		var err error
		if s.old, err = readState(ctx, conn, s.serving); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, `SELECT oid FROM pg_database WHERE datname = $1`, s.incoming).Scan(&s.newOID); err != nil {
			return fmt.Errorf("look up database %s: %w", s.incoming, err)
		}
		if s.outgoing, err = freeName(ctx, conn, previousName(s.serving, s.outgoingRun)); err != nil {
			return err
		}
		return s.old.carrySettings(ctx, conn, s.incoming)
	})
}

// freeName returns name, or name with a number when somebody else has it.
func freeName(ctx context.Context, conn *pgx.Conn, name string) (string, error) {
	for n := 1; ; n++ {
		candidate := name
		if n > 1 {
			candidate = derivedName(name, fmt.Sprintf("_%d", n))
		}
		exists, err := databaseExists(ctx, conn, candidate)
		if err != nil || !exists {
			return candidate, err
		}
	}
}

// do waits for sessions as configured, and swaps.
func (s *swap) do(ctx context.Context) (Publication, error) {
	t := s.t
	ender, err := newEnder(ctx, t.opts, s.old.oid, s.newOID)
	if err != nil {
		return Publication{}, err
	}
	defer ender.close()
	if err := ender.admissible(ctx, s.serving); err != nil {
		return Publication{}, err
	}
	if err := ender.drain(ctx, t.opts.Event); err != nil {
		return Publication{}, err
	}
	probe := startProbe(ctx, t.opts, s.serving)
	err = s.attempts(ctx, ender)
	outage := probe.stop()
	if err != nil {
		return Publication{}, err
	}
	p := Publication{Database: s.serving, Previous: s.outgoing, Run: s.run, Outage: outage, Ended: ender.ended()}
	if t.opts.Keep.For > 0 {
		p.KeptUntil = s.replaced.Add(t.opts.Keep.For)
	}
	return p, nil
}

// attempts runs the transaction until it commits or cannot.
func (s *swap) attempts(ctx context.Context, ender *ender) error {
	var err error
	for range swapAttempts {
		err = s.transaction(ctx, ender)
		if err == nil {
			return nil
		}
		if s.settled(ctx) {
			return nil
		}
		if !hasCode(err, "55006", "55P03", "57014") || ctx.Err() != nil {
			return sanitize(err)
		}
		if s.t.opts.Sessions.Mode == Refuse {
			break
		}
	}
	if inTheWay, listErr := ender.list(ctx); listErr == nil && len(inTheWay) > 0 {
		return &SessionsError{Database: s.serving, Sessions: inTheWay}
	}
	return sanitize(err)
}

// transaction does the swap. The first rename takes the database's lock, so that from then on new
// connections wait, and then waits itself until the sessions, which the ender ends from another
// connection, are gone. Nothing here is ever half done: until COMMIT the old database serves, and a
// session of ours that dies leaves it as it was.
func (s *swap) transaction(ctx context.Context, ender *ender) error {
	tx, err := s.t.lock.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		// Teardown: the caller's context may be what ended, and an open transaction keeps clients waiting.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
		defer cancel()
		_ = tx.Rollback(undo)
	}()
	// Who holds the database's lock longer is somebody who alters it, and clients queue behind our wait.
	limits := `SELECT set_config('lock_timeout', '1s', true)`
	if s.t.opts.Sessions.Mode == Refuse {
		// Nobody is ended, so that waiting would only keep new connections out.
		limits += `, set_config('statement_timeout', '1s', true)`
	}
	if _, err := tx.Exec(ctx, limits); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	stop := ender.start(ctx)
	defer stop()
	if _, err := tx.Exec(ctx, "ALTER DATABASE "+quoted(s.serving)+" RENAME TO "+quoted(s.outgoing)); err != nil {
		return fmt.Errorf("rename %s: %w", s.serving, err)
	}
	if _, err := tx.Exec(ctx, "ALTER DATABASE "+quoted(s.incoming)+" RENAME TO "+quoted(s.serving)); err != nil {
		return fmt.Errorf("rename %s: %w", s.incoming, err)
	}
	s.replaced = s.t.opts.Now().UTC()
	statements, err := s.handOver()
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("hand over rights: %w", err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// handOver returns the statements that open the new database to whom the old one was open, close the old
// one, and note when it was replaced.
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

// settled finds out whether the swap happened although its answer did not arrive: the lock's session was
// lost. It is ended for good first, so that nothing can still happen after the answer.
func (s *swap) settled(ctx context.Context) bool {
	lost := s.t.lock.conn
	if !lost.IsClosed() {
		return false // the server answered, and rolled back
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var name string
	err := s.t.maintain(ctx, func(conn *pgx.Conn) error {
		if err := endSession(ctx, conn, lost.PgConn().PID(), s.t.opts.applicationName()); err != nil {
			return err
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

// ping makes one connection as a client would, and closes it.
func (o TargetOptions) ping(ctx context.Context, database string) error {
	config, err := parse(o.DSN)
	if err != nil {
		return err
	}
	config.Database = database
	config.RuntimeParams = map[string]string{"application_name": o.applicationName()}
	conn, err := pgconn.ConnectConfig(ctx, &config.Config)
	if err != nil {
		return sanitize(err)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return conn.Close(closing)
}
