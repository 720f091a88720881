package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// Snapshot is one instant of a source. It lives as long as the function that WithSnapshot calls; its
// methods may be called from several goroutines at once, with the context that function was given.
type Snapshot struct {
	source  *Source
	id      string
	time    time.Time
	lsn     string
	remote  net.Addr
	catalog *catalog.Catalog
	tables  map[catalog.Name]*catalog.Table
	groups  []*lockGroup
	readers *pool
	meter   *meter
	// sent is how many rows the server said it sent of what it was asked for in one statement.
	sent sentRows
}

// ID returns the name under which other sessions import the snapshot.
func (s *Snapshot) ID() string { return s.id }

// Time returns when the snapshot was taken, by the source's clock.
func (s *Snapshot) Time() time.Time { return s.time }

// LSN returns the position in the write-ahead log that the snapshot was taken at: of what was written, or
// on a standby of what was replayed.
func (s *Snapshot) LSN() string { return s.lsn }

// Catalog returns the catalog under the snapshot. The caller must not change it.
func (s *Snapshot) Catalog() *catalog.Catalog { return s.catalog }

// Source says which instant of which database this is.
func (s *Snapshot) Source() work.Source {
	return work.Source{
		Name: s.source.opts.Name, SystemIdentifier: s.source.identity.SystemIdentifier,
		Database: s.source.identity.Database, Time: s.time.Format(time.RFC3339Nano), LSN: s.lsn,
	}
}

// WithSnapshot calls fn with one instant of the source at which the catalog is c, and on which the given
// tables can be read until fn returns: they are locked against TRUNCATE, DROP and ALTER, but not against
// reading and writing, before the snapshot is taken. When c is not what the database holds any more the
// error is a ChangedError; a policy that would hide rows is a RowSecurityError. The context given to fn
// ends, and so does the run, when the snapshot or the locks are lost (LostError), when somebody waits too
// long for the run (YieldError), when the snapshot gets too old (AgeError) or production too busy
// (LoadError): that is the error, whatever fn returned.
func (s *Source) WithSnapshot(ctx context.Context, c *catalog.Catalog, tables []catalog.Name, fn func(context.Context, *Snapshot) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h := &holding{source: s, cancel: cancel, began: time.Now(), meter: &meter{throttle: throttle{rate: s.opts.Rate, now: time.Now}}}
	defer h.close()
	err := h.take(ctx, c, tables)
	if err == nil {
		err = fn(ctx, h.snapshot)
		h.unwatch()
		if err == nil && context.Cause(ctx) == nil {
			err = h.snapshot.alive(ctx, h.conn)
		}
		if !ours(context.Cause(ctx)) && !ours(err) {
			return err
		}
	}
	if cause := context.Cause(ctx); ours(cause) {
		err = cause
	}
	return fmt.Errorf("source %s: %w", s.opts.Name, err)
}

// ours reports whether an error is one that ends a run from within.
func ours(err error) bool {
	_, lost := errors.AsType[*LostError](err)
	_, yielded := errors.AsType[*YieldError](err)
	_, old := errors.AsType[*AgeError](err)
	_, busy := errors.AsType[*LoadError](err)
	return lost || yielded || old || busy
}

// export starts the transaction that holds the snapshot, ending one that it tried before, and tells others
// the snapshot's name.
func (s *Source) export(ctx context.Context, conn *pgx.Conn) (*Snapshot, error) {
	if conn.PgConn().TxStatus() != 'I' {
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			return nil, sanitize(fmt.Errorf("roll back: %w", err))
		}
	}
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return nil, sanitize(fmt.Errorf("begin: %w", err))
	}
	snapshot := &Snapshot{source: s, remote: conn.PgConn().Conn().RemoteAddr(), tables: map[catalog.Name]*catalog.Table{}}
	const query = `SELECT pg_export_snapshot(), statement_timestamp(), CASE WHEN pg_is_in_recovery()
		THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_lsn() END::text`
	if err := conn.QueryRow(ctx, query).Scan(&snapshot.id, &snapshot.time, &snapshot.lsn); err != nil {
		return nil, sanitize(fmt.Errorf("export snapshot: %w", err))
	}
	snapshot.time = snapshot.time.UTC()
	return snapshot, nil
}

// check reads the catalog under the snapshot, compares it with what was decided about, and looks for
// policies that would hide rows: under row_security = off such a query fails, but only once it runs.
func (s *Snapshot) check(ctx context.Context, conn *pgx.Conn, decided *catalog.Catalog, tables []catalog.Name) error {
	now, err := readCatalog(ctx, conn)
	if err != nil {
		return err
	}
	if object := firstDifference(decided, now); object != "" {
		return &ChangedError{Object: object}
	}
	s.catalog = now
	for i := range now.Tables {
		s.tables[now.Tables[i].Name] = &now.Tables[i]
	}
	oids := make([]uint32, 0, len(tables))
	for _, name := range tables {
		oids = append(oids, s.tables[name].OID)
	}
	var oid uint32
	var role string
	const query = `SELECT t.oid, current_user::text FROM unnest($1::oid[]) t (oid) WHERE row_security_active(t.oid) LIMIT 1`
	switch err := conn.QueryRow(ctx, query, oids).Scan(&oid, &role); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return sanitize(fmt.Errorf("look for row security: %w", err))
	}
	for _, name := range tables {
		if s.tables[name].OID == oid {
			return &RowSecurityError{Table: name, Role: role}
		}
	}
	return fmt.Errorf("look for row security: the server named another table")
}

// alive asks every session that held something whether it still does. A session may have ended in the
// moment between its last use and the end of the watching.
func (s *Snapshot) alive(ctx context.Context, holder *pgx.Conn) error {
	if err := holder.Ping(ctx); err != nil {
		return &LostError{What: "snapshot", Err: sanitize(err)}
	}
	for _, group := range s.groups {
		if group.finished() {
			continue
		}
		if err := group.conn.Ping(ctx); err != nil {
			return &LostError{What: "locks", Err: sanitize(err)}
		}
	}
	return nil
}

// Done says that a table will not be read any more, so that its lock may be let go early, with those of
// the tables locked together with it. Reading or counting it afterwards may find another table.
func (s *Snapshot) Done(table catalog.Name) {
	for _, group := range s.groups {
		group.done(table)
	}
}

// inside runs f on a reader's session, in a transaction that sees the snapshot and holds the locks of the table and
// of those that it is joined with, and no other. Somebody who waits to alter the table makes the run give way: without NOWAIT it
// would queue behind them, and they behind the run's own locks.
func (s *Snapshot) inside(ctx context.Context, name catalog.Name, joins []work.Join, f func(conn *pgx.Conn) error) error {
	table := s.tables[name]
	if table == nil {
		return errors.New("the catalog has no such table")
	}
	lock := ""
	if table.Kind != catalog.Foreign && table.Kind != catalog.MaterialisedView {
		relations := []string{"ONLY " + name.SQL()}
		for _, join := range joins {
			relations = append(relations, joinedRelation(join))
		}
		lock = "LOCK TABLE " + strings.Join(distinctNames(relations), ", ") + " IN ACCESS SHARE MODE NOWAIT"
	}
	return s.under(ctx, name, lock, f)
}

// under runs f on a reader's session, in a transaction that sees the snapshot, after the statement that
// locks, if any. Errors tell of the name.
func (s *Snapshot) under(ctx context.Context, name catalog.Name, lock string, f func(conn *pgx.Conn) error) error {
	if err := s.meter.gate.pass(ctx); err != nil {
		return err
	}
	conn, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	defer func() { s.readers.give(conn) }()
	begin := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + quoteLiteral(s.id)
	if _, err := conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return s.failed(ctx, name, fmt.Errorf("import snapshot: %w", err), true)
	}
	if lock != "" {
		if _, err := conn.Exec(ctx, lock); err != nil {
			return s.failed(ctx, name, fmt.Errorf("lock: %w", err), false)
		}
	}
	if err := f(conn); err != nil {
		return s.failed(ctx, name, err, false)
	}
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil { // nothing was written
		closeNow(conn)
		return s.failed(ctx, name, err, false)
	}
	return nil
}

// failed says what an error on a reader's session means for the run.
func (s *Snapshot) failed(ctx context.Context, name catalog.Name, err error, importing bool) error {
	switch {
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case hasCode(err, lockNotAvailable):
		return &YieldError{Table: name, Err: sanitize(err)}
	case isLost(err, importing):
		return &LostError{What: "snapshot", Err: sanitize(err)}
	}
	return brokenOff(sanitize(err))
}
