package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// Next returns the table whose rows may be loaded next: its foreign keys that come before the rows are in
// place. ok is false when every table of the order was returned.
func (t *Target) Next(ctx context.Context) (table catalog.Name, ok bool, err error) {
	b := t.current()
	if b == nil {
		return catalog.Name{}, false, errNotBegun
	}
	s := b.schedule
	for {
		s.mu.Lock()
		next, more, changed := s.agenda.takeLoad(), s.agenda.loads > 0, s.changed
		s.mu.Unlock()
		if next != nil {
			return next.table, true, nil
		}
		if !more {
			return catalog.Name{}, false, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return catalog.Name{}, false, context.Cause(ctx)
		}
	}
}

// release lets the rows that are still to come be loaded, whatever they wait for: what they wait for will not
// be done, or only in a later attempt.
func (s *schedule) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agenda.release()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Finish notes that a table's last part has landed: what waited for its rows is done by Work. It is called
// once for each table of the order, tables without rows included.
func (t *Target) Finish(_ context.Context, table catalog.Name) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	s := b.schedule
	s.proofs.landed(table)
	s.mu.Lock()
	defer s.mu.Unlock()
	load := s.loads[table]
	if load == nil {
		return fmt.Errorf("finish %s: it was not ordered, or was finished before", table)
	}
	delete(s.loads, table)
	if !load.running { // it was loaded without being asked for
		s.agenda.takeThis(load)
	}
	s.finished([]*task{load})
	return nil
}

// Work does what stands on the rows, as tables are finished and as each piece becomes possible: indexes and
// keys, foreign keys, statistics, and at the end what needs everything. It returns when all but publishing
// is done, or with the first error: an index or constraint that cannot be made is an EntryError that names
// it. It is called once, after Begin, and runs beside Next, Write and Finish; finished is told of each table
// that nothing is left to be done for, from several goroutines, and may be nil.
func (t *Target) Work(ctx context.Context, finished func(catalog.Name)) error {
	b := t.current()
	if b == nil {
		return errNotBegun
	}
	if finished == nil {
		finished = func(catalog.Name) {}
	}
	group, working := errgroup.WithContext(ctx)
	for range t.opts.Jobs {
		group.Go(func() error { return b.labour(working, finished) })
	}
	if err := group.Wait(); err != nil {
		b.schedule.release()
		return err
	}
	if b.did(verified) {
		b.complete = true
		return nil
	}
	return b.finish(ctx)
}

// labour does tasks until none is left.
func (b *build) labour(ctx context.Context, finished func(catalog.Name)) error {
	s := b.schedule
	for {
		s.mu.Lock()
		tasks, open, changed := s.agenda.takeWork(b.t.opts.Jobs), s.agenda.open, s.changed
		serial := s.agenda.busy(b.t.opts.Jobs)
		s.mu.Unlock()
		if len(tasks) == 0 && open == 0 {
			return nil
		}
		if len(tasks) == 0 {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := b.do(ctx, tasks, serial); err != nil {
			return err
		}
		s.mu.Lock()
		complete := s.finished(tasks)
		s.mu.Unlock()
		for _, table := range complete {
			finished(table)
		}
	}
}

// do does tasks that were taken together: what comes from the archive in one go. A serial one gets no more
// than one process of the server's.
func (b *build) do(ctx context.Context, tasks []*task, serial bool) error {
	if b.did(verified) {
		return nil // in an earlier attempt
	}
	if tasks[0].run == nil {
		b.t.opts.Event(Event{Phase: "indexes", Object: namesOf(tasks)})
		settings := b.memory.settings()
		if serial {
			settings = append(settings, "max_parallel_maintenance_workers=0")
		}
		if err := b.restoreOnce(ctx, b.schedule.entriesOf(tasks), restoring{together: true, settings: settings}); err != nil {
			return fmt.Errorf("build indexes: %w", b.countKeys(ctx, err))
		}
		return nil
	}
	conn, err := b.sessions.take(ctx)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if err := b.runTask(ctx, conn, t, serial); err != nil {
			closeNow(conn)
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return b.countKeys(ctx, sanitize(err))
		}
	}
	b.sessions.give(conn)
	return nil
}

// runTask does a task that is not the archive's, and records the entries that it stands for.
func (b *build) runTask(ctx context.Context, conn *pgx.Conn, t *task, serial bool) error {
	if len(t.entries) > 0 && len(b.undone(t.entries)) == 0 {
		return nil
	}
	if t.builds {
		b.t.opts.Event(Event{Phase: "indexes", Object: t.table.String()})
		workers := "RESET max_parallel_maintenance_workers"
		if serial {
			workers = "SET max_parallel_maintenance_workers = 0"
		}
		if _, err := conn.Exec(ctx, workers); err != nil {
			return err
		}
	}
	if err := t.run(ctx, conn); err != nil {
		return err
	}
	return b.noteEntries(ctx, t.entries)
}

// constraints restores what is left of the archive: small tables' foreign keys, triggers, rules, policies
// and rights. A foreign key that does not hold is a DanglingError.
func (b *build) constraints(ctx context.Context) error {
	err := b.restoreOnce(ctx, b.schedule.after, restoring{jobs: b.t.opts.Jobs, settings: b.memory.settings()})
	failed, ok := errors.AsType[*EntryError](err)
	if !ok {
		return err
	}
	i := slices.IndexFunc(b.schedule.keys, func(k *foreignKey) bool { return k.way == KeyLast && k.entry.id == failed.ID })
	if i < 0 {
		return b.countKeys(ctx, err)
	}
	k := b.schedule.keys[i]
	if known := b.ask(ctx, k); known != nil {
		return errors.Join(err, known)
	}
	if k.dangles {
		b.refute()
		return &DanglingError{Table: k.table.Name, Constraint: k.Name, References: k.References}
	}
	return err
}

// ask lets the server look whether a foreign key that could not be made is one that does not hold.
func (b *build) ask(ctx context.Context, k *foreignKey) error {
	if k.table.Kind == catalog.Partitioned {
		return nil // it could only be made at once
	}
	return each(ctx, b, []*foreignKey{k}, func(ctx context.Context, conn *pgx.Conn, k *foreignKey) error {
		if err := k.link(ctx, conn); err != nil {
			return err
		}
		return k.validate(ctx, conn)
	})
}

// DanglingError says that rows refer to none: a foreign key that holds at the source, by its word, does not
// hold in what arrived.
type DanglingError struct {
	Table      catalog.Name
	Constraint string
	References catalog.Name
}

// Error names the constraint.
func (e *DanglingError) Error() string { return e.finding().String() }

// Findings is what verification would have said.
func (e *DanglingError) Findings() finding.List { return finding.List{e.finding()} }

func (e *DanglingError) finding() finding.Finding {
	return finding.Finding{Code: "dangling", Object: e.Table.Column(e.Constraint),
		Message: fmt.Sprintf("rows refer to none of %s: the foreign key does not hold", e.References),
		Fix:     "find them at the source: its triggers were off when they were written; mend them, or make the constraint NOT VALID there"}
}
