package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// verified is what is recorded once a copy has passed: nothing that stands on its rows is left to do.
const verified = "verified"

// onceWord begins the names of what Once did, in the list of what was done.
const onceWord = "once "

// Progress is what an earlier attempt of a run recorded as done to what it built.
type Progress struct {
	// Mapped reports that user mappings were made, with the options they have now.
	Mapped bool
	// Once is what Once did, by the names that it was given.
	Once []string
}

// progress reads the list of what was done.
func (b *build) progress() Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := Progress{Mapped: b.done[mapped]}
	for what := range b.done {
		if name, ok := strings.CutPrefix(what, onceWord); ok {
			p.Once = append(p.Once, name)
		}
	}
	slices.Sort(p.Once)
	return p
}

// Landed says that every row has arrived and that enough is kept elsewhere to go on from here: after a
// failure that is not the data's, Abort leaves what was built, closed, until the next run.
func (t *Target) Landed() error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.landed = true
	return nil
}

// Resumable reports whether Abort leaves what was built, to be gone on with.
func (t *Target) Resumable() bool {
	b := t.current()
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.landed && !b.refuted
}

// refute notes that what was built is not the source's data: there is nothing to go on with.
func (b *build) refute() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuted = true
}

// Once calls do, unless an earlier attempt of this run did the same to what is being built. It is remembered
// in the database under construction, by its name, once do has returned without an error. The name stays there
// until the build is complete, and so must not spell what is secret.
func (t *Target) Once(ctx context.Context, what string, do func(ctx context.Context) error) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	what = onceWord + what
	if b.did(what) {
		return nil
	}
	if err := do(ctx); err != nil {
		return err
	}
	err := b.note(ctx, what)
	if hasCode(err, "42P01", "3F000") { // the list is gone
		return errors.Join(t.Sound(ctx), err)
	}
	return err
}

// did reports whether an earlier attempt of this run recorded something as done.
func (b *build) did(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done[what]
}

// note records what was done, so that a resumed run does not do it again.
func (b *build) note(ctx context.Context, what ...string) error {
	if len(what) == 0 {
		return nil
	}
	conn, err := b.sessions.take(ctx) // not one of its own: each piece of work is recorded
	if err != nil {
		return fmt.Errorf("record what was done: %w", err)
	}
	const record = `INSERT INTO lethe.done (what) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`
	if _, err := conn.Exec(ctx, record, what); err != nil {
		closeNow(conn)
		return sanitize(fmt.Errorf("record what was done: %w", err))
	}
	b.sessions.give(conn)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range what {
		b.done[w] = true
	}
	return nil
}

// noteSQL is note as a statement, for a transaction that does the work too.
func noteSQL(what string) string {
	return "INSERT INTO lethe.done (what) VALUES (" + quoteLiteral(what) + ") ON CONFLICT DO NOTHING"
}

// noteEntries is note for entries of the archive.
func (b *build) noteEntries(ctx context.Context, entries []entry) error {
	what := make([]string, len(entries))
	for i, e := range entries {
		what[i] = e.word()
	}
	return b.note(ctx, what...)
}

// word names an entry in the list of what was done.
func (e entry) word() string { return "entry " + strconv.Itoa(e.id) }

// undone returns the entries that no earlier attempt made.
func (b *build) undone(entries []entry) []entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return b.did(e.word()) })
}

// restoreOnce makes entries that stand on the rows, and records that. In a resumed run one that was made and
// not yet recorded is made anew.
func (b *build) restoreOnce(ctx context.Context, entries []entry, how restoring) error {
	entries, how.again = b.undone(entries), b.resumed
	if err := b.archive.restore(ctx, b.database, entries, how); err != nil {
		return err
	}
	return b.noteEntries(ctx, entries)
}

// findLanded is Begin for a run that goes on: the database stands, with all of its rows.
func (b *build) findLanded(ctx context.Context) error {
	t := b.t
	b.database, b.resumed = buildName(t.base, b.order.Run), true
	if t.opts.Slots != nil {
		b.database = t.opts.Slots.other(t.base)
	}
	gone := refuse("not-resumable", b.database, "what run "+b.order.Run+" had built is not there any more", "start a new run")
	exists := false
	err := t.maintain(ctx, func(conn *pgx.Conn) (err error) {
		exists, err = databaseExists(ctx, conn, b.database)
		return err
	})
	if err != nil {
		return err
	}
	if !exists {
		return gone
	}
	var stands finding.List
	err = t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		cert, err := loadCertificate(ctx, conn)
		if errors.Is(err, errNoCertificate) {
			return gone
		}
		if err != nil {
			return err
		}
		listed, err := hasTable(ctx, conn, "lethe.done")
		if err != nil {
			return err
		}
		if cert.Environment != t.marker.ID || cert.Run != b.order.Run || cert.Digests != b.order.Digests || !listed {
			return gone
		}
		b.cert = cert
		done, err := column(ctx, conn, `SELECT what FROM lethe.done`)
		if err != nil {
			return err
		}
		for _, what := range done {
			b.done[what] = true
		}
		stands, err = b.toleratedStands(ctx, conn)
		return err
	})
	if err != nil {
		return err
	}
	if len(stands) > 0 {
		return &RefusedError{Findings: stands}
	}
	if err := b.retainsAsBefore(ctx); err != nil {
		return err
	}
	if t.opts.Found != nil {
		if err := t.opts.Found(b.progress()); err != nil {
			return err
		}
	}
	b.landed = true // should this attempt fail too, there is what to go on with
	return nil
}

// goOn makes the order of work of a resumed run. Nobody saw the keys pass, so foreign keys are asked for.
func (b *build) goOn(ctx context.Context) error {
	err := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error { return b.readMeans(ctx, conn) })
	if err != nil {
		return err
	}
	b.schedule = newSchedule(b.archive, b.order, b.replica, b.t.opts.big)
	for _, table := range b.order.Tables {
		b.schedule.proofs.lose(table.Table.Name)
	}
	if b.did(verified) {
		return nil
	}
	// What stands on the rows may have failed for want of another path, or after it was taken back.
	if err := b.returnPath(ctx); err != nil {
		return err
	}
	return b.lendPath(ctx)
}

// isLinked reports whether a table has the constraint already: one that an earlier attempt added.
func isLinked(ctx context.Context, conn *pgx.Conn, table catalog.Name, constraint string) (bool, error) {
	var exists bool
	const query = `SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2)`
	err := conn.QueryRow(ctx, query, table.SQL(), constraint).Scan(&exists)
	return exists, err
}
