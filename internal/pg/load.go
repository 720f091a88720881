package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

// ErrPartTaken says that a part was loaded by another worker while this one was loading it. Nothing of
// this attempt stays.
var ErrPartTaken = errors.New("the part was loaded by another worker meanwhile")

// Write loads one part: its rows and its line in the list of parts commit together, so that a part is
// loaded once however often it is tried. A part that is on the list already is not loaded again, its
// rows stay unread, and its count is returned. Rows that are not what was ordered are an error.
func (t *Target) Write(ctx context.Context, part work.Part, rows *masked.Rows) (work.Count, error) {
	b := t.current()
	if b == nil {
		return work.Count{}, errNotBegun
	}
	table, ok := b.tables[part.Table]
	switch {
	case !ok || table.Empty:
		return work.Count{}, fmt.Errorf("load %s: the table was not ordered", part)
	case part.Run != b.order.Run:
		return work.Count{}, fmt.Errorf("load %s: it belongs to run %s", part, part.Run)
	}
	want := masked.Header{Table: part.Table, Columns: table.Columns, Format: formatOf(table), Plan: b.order.Digests.Plan}
	if err := rows.Header().Check(want); err != nil {
		return work.Count{}, err
	}
	conn, err := b.sessions.take(ctx)
	if err != nil {
		return work.Count{}, b.brokenOff(ctx, fmt.Errorf("load %s: %w", part, err))
	}
	count, err := b.loadPart(ctx, conn, table, part, rows)
	if err != nil {
		closeNow(conn)
		if cause := context.Cause(ctx); cause != nil {
			err = cause // what a connection says that was cut for it is noise
		}
		return work.Count{}, b.brokenOff(ctx, sanitize(fmt.Errorf("load %s: %w", part, err)))
	}
	b.sessions.give(conn)
	return count, nil
}

// loadPart runs the transaction that loads a part.
func (b *build) loadPart(ctx context.Context, conn *pgx.Conn, table work.Table, part work.Part, rows *masked.Rows) (work.Count, error) {
	done, found, err := partLoaded(ctx, conn, part)
	if err != nil || found {
		b.schedule.proofs.lose(table.Table.Name)
		return done, err
	}
	var see io.Writer
	keys := b.schedule.proofs.watch(table)
	if keys != nil {
		see = keys
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return work.Count{}, err
	}
	if table.Into == pagesView() {
		if err := b.letPagesBeWritten(ctx, tx); err != nil {
			return work.Count{}, err
		}
	}
	frozen, err := b.empty(ctx, tx, table, part)
	if err != nil {
		return work.Count{}, err
	}
	count, err := copyIn(ctx, conn, table, frozen, rows, see)
	if err != nil {
		return work.Count{}, err
	}
	// The line comes last: whoever takes this part over meanwhile does not wait for our rows.
	if err := b.list(ctx, tx, part, count); err != nil {
		return work.Count{}, err
	}
	if err := tx.Commit(ctx); err != nil {
		return work.Count{}, fmt.Errorf("commit: %w", err)
	}
	b.schedule.proofs.keep(table, keys)
	return count, nil
}

// empty empties a table that is loaded whole, for rows can be frozen in the transaction alone that did so. It
// reports whether it has: our role may lack the right, and then rows arrive as others do. Another worker that
// hangs with the table locked is ended, as in list.
func (b *build) empty(ctx context.Context, tx pgx.Tx, table work.Table, part work.Part) (bool, error) {
	if !table.Whole || part.Range.Kind != work.Whole {
		return false, nil
	}
	var may bool
	if err := tx.QueryRow(ctx, `SELECT pg_catalog.has_table_privilege($1, 'TRUNCATE')`, table.Table.Name.SQL()).Scan(&may); err != nil || !may {
		return false, err
	}
	return true, b.unhung(ctx, tx, func() error {
		_, err := tx.Exec(ctx, "TRUNCATE ONLY "+table.Table.Name.SQL())
		return err
	})
}

// partLoaded looks a part up in the list.
func partLoaded(ctx context.Context, conn *pgx.Conn, part work.Part) (work.Count, bool, error) {
	var c work.Count
	const query = `SELECT rows, bytes FROM lethe.part WHERE run = $1 AND part = $2`
	err := conn.QueryRow(ctx, query, part.Run, part.String()).Scan(&c.Rows, &c.Bytes)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, false, nil
	}
	return c, err == nil, err
}

// list writes the part's line. Another transaction that wrote the same line and did not end is a worker
// that hangs: after the lock timeout its session is ended and this one goes on.
func (b *build) list(ctx context.Context, tx pgx.Tx, part work.Part, count work.Count) error {
	const write = `INSERT INTO lethe.part (run, part, rows, bytes) VALUES ($1, $2, $3, $4)`
	err := b.unhung(ctx, tx, func() error {
		_, err := tx.Exec(ctx, write, part.Run, part.String(), count.Rows, count.Bytes)
		return err
	})
	if hasCode(err, "23505") {
		return fmt.Errorf("%w: %w", ErrPartTaken, sanitize(err))
	}
	return err
}

// unhung runs a statement of tx, and meanwhile ends sessions of this run that keep it waiting.
func (b *build) unhung(ctx context.Context, tx pgx.Tx, statement func() error) error {
	done := make(chan struct{})
	var watching sync.WaitGroup
	var watchErr error
	pid := tx.Conn().PgConn().PID()
	watching.Go(func() { watchErr = b.endHanging(ctx, done, pid) })
	err := statement()
	close(done)
	watching.Wait()
	return errors.Join(err, watchErr)
}

// endHanging ends sessions of this run that keep pid waiting, each time the lock timeout passes, until
// done is closed.
func (b *build) endHanging(ctx context.Context, done <-chan struct{}, pid uint32) error {
	timer := time.NewTicker(b.t.opts.LockTimeout)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return nil // the statement itself ends with the context and says why
		case <-timer.C:
		}
		err := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
			const end = `SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a
				WHERE a.pid = ANY (pg_blocking_pids($1::int)) AND a.application_name = $2`
			_, err := conn.Exec(ctx, end, int64(pid), b.t.opts.applicationName())
			return err
		})
		if err != nil {
			return fmt.Errorf("end the worker that hangs: %w", err)
		}
	}
}

// loaders keeps sessions in the database under construction for reuse. It opens as many as are in use at
// once; its callers bound that.
type loaders struct {
	open func(ctx context.Context) (*pgx.Conn, error)
	mu   sync.Mutex
	idle []*pgx.Conn
	done bool
}

// take returns an idle session, or a new one.
func (p *loaders) take(ctx context.Context) (*pgx.Conn, error) {
	p.mu.Lock()
	for len(p.idle) > 0 {
		conn := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !conn.IsClosed() {
			p.mu.Unlock()
			return conn, nil
		}
	}
	p.mu.Unlock()
	return p.open(ctx)
}

// give puts a session back that has nothing open.
func (p *loaders) give(conn *pgx.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		closeNow(conn)
		return
	}
	p.idle = append(p.idle, conn)
}

// close ends all idle sessions, and those that are given back later.
func (p *loaders) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.idle {
		closeNow(conn)
	}
	p.idle, p.done = nil, true
}

// CopyOut pushes the columns of a table of the database under construction in the text form of COPY, for
// checks that read what arrived. It may be called between the last Finish and Commit.
func (t *Target) CopyOut(ctx context.Context, table catalog.Name, columns []string, w io.Writer) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = quoted(c)
	}
	return t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		statement := "COPY (SELECT " + strings.Join(list, ", ") + " FROM " + table.SQL() + ") TO STDOUT (FORMAT text)"
		if _, err := copyOut(ctx, conn, statement, w); err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
		return nil
	})
}
