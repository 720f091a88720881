package refresh

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// finish completes tables as they land, until there are no more to come.
func (r *run) finish(ctx context.Context, landed <-chan catalog.Name) error {
	for table := range landed {
		if err := r.job.Into.Finish(ctx, table); err != nil {
			return fmt.Errorf("finish %s: %w", table, err)
		}
		if r.job.Schedule == nil {
			r.finished(table)
		}
	}
	return nil
}

func (r *run) finished(table catalog.Name) { r.job.Events(Event{Table: table, Finished: true}) }

// next tells which table is loaded next, as Schedule.Next does.
type next func(ctx context.Context) (table catalog.Name, ok bool, err error)

// largestFirst is the order for tables that do not wait for each other: what takes longest must not come
// last, when nothing is left to do beside it.
func largestFirst(order *work.Order) next {
	tables := work.LargestFirst(order.Tables)
	return func(context.Context) (catalog.Name, bool, error) {
		if len(tables) == 0 {
			return catalog.Name{}, false, nil
		}
		name := tables[0].Table.Name
		tables = tables[1:]
		return name, true, nil
	}
}

// copy moves every part, table after table, and hands each table on when its last part landed. The source's
// rows are counted beside that: nothing waits for the number but the verdict.
func (r *run) copy(ctx context.Context, from Producer, next next, landed chan<- catalog.Name) error {
	tables := make(map[catalog.Name]work.Table, len(r.order.Tables))
	for _, table := range r.order.Tables {
		tables[table.Table.Name] = table
	}
	whole, ctx := errgroup.WithContext(ctx)
	toCount := make(chan work.Table, len(r.order.Tables)) // every table fits: moving never waits for counting
	whole.Go(func() error {
		for table := range toCount {
			if err := r.count(ctx, from, table); err != nil {
				return err
			}
		}
		return nil
	})
	whole.Go(func() error {
		defer close(toCount)
		return r.moveAll(ctx, from, tables, next, func(table work.Table) {
			r.job.Events(Event{Table: table.Table.Name, Landed: true})
			landed <- table.Table.Name
			toCount <- table
		}, landed)
	})
	return whole.Wait()
}

// moveAll moves the tables' parts, Workers at once. done is told of each table whose rows are all there.
func (r *run) moveAll(ctx context.Context, from Producer, tables map[catalog.Name]work.Table, next next, done func(work.Table), landed chan<- catalog.Name) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.job.Workers)
	for ctx.Err() == nil {
		name, ok, err := next(ctx)
		if err != nil {
			return errors.Join(group.Wait(), err)
		}
		if !ok {
			break
		}
		table, ordered := tables[name]
		if !ordered {
			return errors.Join(fmt.Errorf("load %s: the table was not ordered, or is loaded already", name), group.Wait())
		}
		delete(tables, name)
		if err := r.start(ctx, group, from, table, done, landed); err != nil {
			return errors.Join(group.Wait(), err)
		}
	}
	// Waiting ends the context too: only now does it tell whether tables are left that nobody began.
	stopped := context.Cause(ctx)
	if err := group.Wait(); err != nil {
		return err
	}
	return stopped
}

// start queues the parts of one table; an empty one is landed at once.
func (r *run) start(ctx context.Context, group *errgroup.Group, from Producer, table work.Table, done func(work.Table), landed chan<- catalog.Name) error {
	name := table.Table.Name
	// A relation without rows of its own: a partitioned table's partitions stand in the order too.
	if table.Empty || table.Table.Kind != catalog.Ordinary {
		r.track(name, &progress{})
		landed <- name
		return nil
	}
	if known := r.job.Landed; known != nil {
		there, ok := known.Tables[name]
		if !ok {
			return fmt.Errorf("resume %s: it had not arrived", name)
		}
		r.track(name, &progress{count: there.Count, expected: there.Expected})
		landed <- name
		return nil
	}
	parts, err := from.Parts(ctx, table)
	if err != nil {
		return fmt.Errorf("divide %s: %w", name, err)
	}
	if len(parts) == 0 {
		return fmt.Errorf("divide %s: no part was made, so its rows would be lost", name)
	}
	r.track(name, &progress{left: len(parts), began: r.job.Now()})
	for _, part := range parts {
		group.Go(func() error {
			last, err := r.move(ctx, from, part)
			if err == nil && last {
				done(table)
			}
			return err
		})
	}
	return nil
}

// move copies one part and reports whether it was its table's last. A part that a lost session broke off is
// copied again: the source's instant still stands, and of the attempt nothing stayed.
func (r *run) move(ctx context.Context, from Producer, part work.Part) (last bool, err error) {
	var count work.Count
	for attempt := 1; ; attempt++ {
		count, err = r.attempt(ctx, from, part)
		if err == nil || attempt == partAttempts || !transient(err) {
			break
		}
		if err := r.job.Pause(ctx, attempt); err != nil {
			return false, err
		}
		r.mu.Lock()
		r.report.Retried++
		r.mu.Unlock()
	}
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.tables[part.Table]
	p.count = p.count.Add(count)
	p.took = r.job.Now().Sub(p.began)
	p.left--
	return p.left == 0, nil
}

// attempt copies one part, once. What it told of its progress is taken back when it fails.
func (r *run) attempt(ctx context.Context, from Producer, part work.Part) (work.Count, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	rows, err := from.Rows(reading, part)
	if err != nil {
		return work.Count{}, fmt.Errorf("read %s: %w", part, err)
	}
	rows.OnAbandon(stop)
	var told work.Count
	rows.Observe(func(bytes, rows int) {
		told = told.Add(work.Count{Bytes: int64(bytes), Rows: int64(rows)})
		r.job.Events(Event{Table: part.Table, Bytes: int64(bytes), Rows: int64(rows)})
	})
	count, err := r.job.Into.Write(ctx, part, rows)
	if err != nil {
		r.job.Events(Event{Table: part.Table, Bytes: -told.Bytes, Rows: -told.Rows})
		return work.Count{}, fmt.Errorf("copy %s: %w", part, err)
	}
	return count, nil
}

// partAttempts is how often a part is tried: a restarted pooler or a cut cable is over by then, and what
// fails a third time is no accident.
const partAttempts = 3

// transient reports whether an error says of itself that the same part may be tried again at once.
func transient(err error) bool {
	again, ok := errors.AsType[interface {
		error
		Transient() bool
	}](err)
	return ok && again.Transient()
}

func (r *run) count(ctx context.Context, from Producer, table work.Table) error {
	n, err := from.Count(ctx, table)
	if err != nil {
		return fmt.Errorf("count %s: %w", table.Table.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tables[table.Table.Name].expected = n
	return nil
}
