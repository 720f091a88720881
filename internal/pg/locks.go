package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// mostGroups is how many sessions hold locks: enough that the locks of what is read first are let go
// long before the last table is, few enough that connections are not spent on waiting.
const mostGroups = 4

// groupSize is how many tables are worth a lock session of their own.
const groupSize = 16

// lockPause is the wait between two attempts to lock; whoever queued behind the last attempt gets
// through in it.
const lockPause = time.Second

// lockGroup is a session that holds ACCESS SHARE on some tables, in a transaction of its own, until the
// last of them has been read.
type lockGroup struct {
	conn  *pgx.Conn
	names []catalog.Name
	watch *watcher

	mu    sync.Mutex
	left  map[catalog.Name]bool // those of names that are still to be read
	ended bool
}

// closure returns the tables that must be locked so that the given ones are read as they are: they
// themselves, and for partitions and partitioned tables all of their tree, in the order given.
func closure(c *catalog.Catalog, tables []catalog.Name) ([]catalog.Name, error) {
	byName := make(map[catalog.Name]*catalog.Table, len(c.Tables))
	children := map[catalog.Name][]catalog.Name{}
	for i := range c.Tables {
		table := &c.Tables[i]
		byName[table.Name] = table
		for _, parent := range table.Parents {
			children[parent] = append(children[parent], table.Name)
		}
	}
	var all []catalog.Name
	seen := map[catalog.Name]bool{}
	var add func(name catalog.Name)
	add = func(name catalog.Name) {
		table := byName[name]
		if table == nil || seen[name] {
			return
		}
		seen[name] = true
		all = append(all, name)
		if table.IsPartition {
			for _, parent := range table.Parents {
				add(parent)
			}
		}
		if table.Kind == catalog.Partitioned {
			for _, child := range children[name] {
				add(child)
			}
		}
	}
	for _, name := range tables {
		if byName[name] == nil {
			return nil, fmt.Errorf("lock %s: the catalog has no such table", name)
		}
		add(name)
	}
	return all, nil
}

// lockTables takes ACCESS SHARE on names, which are the tables and what is locked with them, in count groups. It waits politely: an attempt that takes
// longer than LockTimeout for one table lets go of all, so that nobody waits for us who waits for
// somebody else, and starts over after a pause.
func (s *Source) lockTables(ctx context.Context, c *catalog.Catalog, tables, names []catalog.Name, count int) (groups []*lockGroup, err error) {
	if count == 0 {
		return nil, nil
	}
	defer func() {
		if err != nil {
			for _, group := range groups {
				closeNow(group.conn)
			}
			groups = nil
		}
	}()
	kinds := make(map[catalog.Name]catalog.Kind, len(c.Tables))
	for _, table := range c.Tables {
		kinds[table.Name] = table.Kind
	}
	for i := range count {
		how := s.session()
		how.waits = true
		conn, err := s.open(ctx, how)
		if err != nil {
			return groups, err
		}
		group := &lockGroup{conn: conn, names: names[i*len(names)/count : (i+1)*len(names)/count], left: map[catalog.Name]bool{}}
		for _, name := range group.names {
			if slices.Contains(tables, name) {
				group.left[name] = true
			}
		}
		groups = append(groups, group)
	}
	err = s.politely(ctx, func() error {
		err := lockAll(ctx, groups, kinds)
		if hasCode(err, lockNotAvailable) {
			err = errors.Join(err, letGo(ctx, groups))
		}
		return err
	})
	return groups, err
}

// lockNotAvailable is what the server answers when lock_timeout passed, or at once to NOWAIT.
const lockNotAvailable = "55P03"

// politely tries something that needs locks again, after a pause, as long as it ends by lock_timeout and
// retries are left.
func (s *Source) politely(ctx context.Context, try func() error) error {
	for attempt := 0; ; attempt++ {
		err := try()
		if !hasCode(err, lockNotAvailable) || attempt >= s.opts.LockRetries {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(s.pause):
		}
	}
}

// letGo gives back what the groups have locked.
func letGo(ctx context.Context, groups []*lockGroup) error {
	for _, group := range groups {
		if _, err := group.conn.Exec(ctx, "ROLLBACK"); err != nil {
			return sanitize(fmt.Errorf("let go of locks: %w", err))
		}
	}
	return nil
}

// lockAll is one attempt to lock the tables of all groups.
func lockAll(ctx context.Context, groups []*lockGroup, kinds map[catalog.Name]catalog.Kind) error {
	for _, group := range groups {
		if _, err := group.conn.Exec(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"); err != nil {
			return sanitize(fmt.Errorf("begin: %w", err))
		}
		batch := &pgx.Batch{}
		for _, name := range group.names {
			batch.Queue(lockStatement(name, kinds[name]))
		}
		if err := sendLocks(ctx, group.conn, batch, group.names); err != nil {
			return err
		}
	}
	return nil
}

// sendLocks sends the statements at once: one round trip for hundreds of tables.
func sendLocks(ctx context.Context, conn *pgx.Conn, batch *pgx.Batch, names []catalog.Name) (err error) {
	results := conn.SendBatch(ctx, batch)
	defer func() {
		if closing := results.Close(); err == nil && closing != nil {
			err = sanitize(fmt.Errorf("lock tables: %w", closing))
		}
	}()
	for _, name := range names {
		_, err := results.Exec()
		switch {
		case err == nil:
		case hasCode(err, "42P01", "3F000"):
			return &ChangedError{Object: "table " + name.String()}
		default:
			return sanitize(fmt.Errorf("lock %s: %w", name, err))
		}
	}
	return nil
}

// lockStatement returns the statement that takes ACCESS SHARE on one relation. LOCK TABLE knows tables
// only; anything else is locked by a query that reads nothing.
func lockStatement(name catalog.Name, kind catalog.Kind) string {
	if kind == catalog.Foreign || kind == catalog.MaterialisedView {
		return "SELECT FROM ONLY " + name.SQL() + " WHERE false"
	}
	return "LOCK TABLE ONLY " + name.SQL() + " IN ACCESS SHARE MODE"
}

// done marks a table as read and ends the group when it was the last.
func (g *lockGroup) done(table catalog.Name) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.left[table] {
		return
	}
	delete(g.left, table)
	if len(g.left) == 0 {
		g.watch.stop()
		closeNow(g.conn)
		g.ended = true
	}
}

// finished reports whether the group has let go of its locks.
func (g *lockGroup) finished() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended
}

// watcher waits on a session that nobody uses for the moment at which the server ends it.
type watcher struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// watch calls lost, once, when the session ends before stop is called. The session must have been opened
// with waits, and is not to be used until stop has returned.
func watch(ctx context.Context, conn *pgx.Conn, lost func(error)) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for {
			// Notices and changed settings wake it; only an error ends it.
			if _, err := conn.WaitForNotification(ctx); err != nil {
				if ctx.Err() == nil {
					lost(sanitize(err))
				}
				return
			}
		}
	}()
	return w
}

// stop ends the watching and waits for it. It may be called more than once.
func (w *watcher) stop() {
	w.cancel()
	<-w.ended
}

// ChangedError says that the schema is not the one that was decided about.
type ChangedError struct {
	// Object names the first difference, such as "table public.customer".
	Object string
}

// Error names the object and what to do.
func (e *ChangedError) Error() string {
	return e.Object + " changed while the run was prepared; start the run again"
}

// LostError says that the snapshot or the locks that a run stands on are gone. What was read before
// stays true; nothing more can be read at the same instant.
type LostError struct {
	// What was lost: "snapshot", "locks", "lookout", or "environment's lock".
	What string
	// Err is why, free of values; may be nil.
	Err error
}

// Code is a stable word for what was lost.
func (e *LostError) Code() string {
	if e.What == lostLock {
		return "lock-lost"
	}
	return "snapshot-lost"
}

// Error names what was lost, the reason and what to do.
func (e *LostError) Error() string {
	holds := "holds the " + e.What
	if e.What == lostLookout {
		holds = "watches whom the run keeps waiting"
	}
	if e.Err == nil {
		return "the session that " + holds + " ended; start the run again"
	}
	return fmt.Sprintf("the session that %s ended: %v; start the run again", holds, e.Err)
}

// Unwrap returns the reason.
func (e *LostError) Unwrap() error { return e.Err }

// RowSecurityError says that a policy would hide rows of a table from the role that reads it.
type RowSecurityError struct {
	Table catalog.Name
	Role  string
}

// Error names the table, the role and the remedy.
func (e *RowSecurityError) Error() string {
	return fmt.Sprintf("row security hides rows of %s from role %s; run ALTER ROLE %s BYPASSRLS as a superuser, or leave the table out by a rule",
		e.Table, e.Role, catalog.QuoteIdentifier(e.Role))
}

// isLost tells the errors of a server that mean that a snapshot cannot be read any more: a recovery
// conflict on a standby, and an import that came too late.
func isLost(err error, importing bool) bool {
	return hasCode(err, "40001", "72000") || importing && hasCode(err, "22023", "55000", "42704")
}
