package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

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
	// Who held it while it was built wants to keep what serves.
	if err := t.free(ctx); err != nil {
		return Publication{}, err
	}
	if t.opts.Slots != nil {
		p, err := t.turn(ctx, incoming, run)
		if err == nil {
			p.Notes = append(p.Notes, t.carryHold(ctx, p.Previous, p.Database)...)
		}
		return p, err
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
	result.Notes = append(t.carryHold(ctx, result.Previous, result.Database), t.prune(ctx)...)
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
	// retained is when the own rows of what comes were copied; zero when none were.
	retained time.Time
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
		c, err := loadCertificate(ctx, conn)
		if err != nil {
			return err
		}
		if c.PublishedAt.IsZero() { // a database that comes back has served with these rows
			s.retained = c.RetainedAt
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
	if !s.retained.IsZero() {
		p.Unretained = s.replaced.Sub(s.retained)
	}
	if t.opts.Keep.For > 0 {
		p.KeptUntil = s.replaced.Add(t.opts.Keep.For)
	}
	return p, nil
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
