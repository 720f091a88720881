package pg

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// finish does all that needs every table: sequences, foreign keys and the rest of the schema, rights,
// materialised views, statistics. Each may be done twice: a resumed run does.
func (b *build) finish(ctx context.Context) error {
	for _, step := range []struct {
		phase string
		do    func(context.Context) error
	}{
		{"large objects", b.checkLargeObjects},
		{"sequences", b.sequences},
		{"policies", b.createPolicies},
		{"constraints", b.constraints},
		{"wiring", b.wireUp},
		{"columns", b.recompute},
		{"views", b.refreshViews},
		{"statistics", b.analyse},
		{"functions", b.returnPath},
		{"owners", b.giveOwnership},
	} {
		b.t.opts.Event(Event{Phase: step.phase})
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("finish %s: %w", step.phase, sanitize(err))
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complete = true
	return nil
}

// each calls f for every item, with a session of the build's pool, on Jobs sessions at once.
func each[T any](ctx context.Context, b *build, items []T, f func(ctx context.Context, conn *pgx.Conn, item T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.t.opts.Jobs)
	for _, item := range items {
		group.Go(func() error {
			conn, err := b.sessions.take(ctx)
			if err != nil {
				return err
			}
			if err := f(ctx, conn, item); err != nil {
				closeNow(conn)
				return sanitize(err)
			}
			b.sessions.give(conn)
			return nil
		})
	}
	return group.Wait()
}

// sequences sets every sequence to where the source's stands, and past the data where that is further:
// a mask may have moved the keys it feeds.
func (b *build) sequences(ctx context.Context) error {
	err := each(ctx, b, b.order.Sequences, func(ctx context.Context, conn *pgx.Conn, s work.SequenceValue) error {
		exists, err := hasTable(ctx, conn, s.Name.SQL())
		if err != nil || !exists {
			return err // dropped with its table; a sequence that is lost is found by Verify
		}
		if _, err := conn.Exec(ctx, `SELECT setval($1::regclass, $2, $3)`, s.Name.SQL(), s.Last, s.Called); err != nil {
			return fmt.Errorf("set sequence %s: %w", s.Name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, b, b.feeding(), pastTheData)
}

// feeding returns the sequences that feed an integer column of a table that arrives.
func (b *build) feeding() []catalog.Sequence {
	var feeding []catalog.Sequence
	for _, s := range b.order.Catalog.Sequences {
		table, arrives := b.tables[s.Table]
		if !arrives || s.Extension != "" && !table.Table.Configuration {
			continue
		}
		for _, c := range table.Table.Columns {
			if c.Name == s.Column && c.Type.Class() == catalog.ClassInteger {
				feeding = append(feeding, s)
			}
		}
	}
	return feeding
}

// pastTheData moves a sequence past the values of the column it feeds. One that cycles meets old values
// by design and stays.
func pastTheData(ctx context.Context, conn *pgx.Conn, s catalog.Sequence) error {
	last, furthest, up, err := sequenceState(ctx, conn, s)
	if err != nil {
		return fmt.Errorf("look up sequence %s: %w", s.Name, err)
	}
	if furthest == nil || last == nil || (up && *last >= *furthest) || (!up && *last <= *furthest) {
		return nil
	}
	if _, err := conn.Exec(ctx, `SELECT setval($1::regclass, $2, true)`, s.Name.SQL(), *furthest); err != nil {
		return fmt.Errorf("set sequence %s past the data of %s: %w", s.Name, s.Table.Column(s.Column), err)
	}
	return nil
}

// sequenceState returns where a sequence stands (nil when it cycles), the furthest value in its
// direction of the column it feeds (nil for none), and whether it goes up. A sequence that was not
// called yet stands one step before its value.
func sequenceState(ctx context.Context, conn *pgx.Conn, s catalog.Sequence) (last, furthest *int64, up bool, err error) {
	var value, step int64
	var called, cycles bool
	query := `SELECT v.last_value, v.is_called, q.seqincrement, q.seqcycle FROM ` + s.Name.SQL() + ` v, pg_sequence q WHERE q.seqrelid = $1::regclass`
	err = withRight(ctx, conn, "SEQUENCE", s.Name.SQL(), func(q rowQuerier) error {
		return q.QueryRow(ctx, query, s.Name.SQL()).Scan(&value, &called, &step, &cycles)
	})
	if err != nil {
		return nil, nil, false, err
	}
	up = step > 0
	if !called && ((up && value > math.MinInt64+step) || (!up && value < math.MaxInt64+step)) {
		value -= step
	}
	if !cycles {
		last = &value
	}
	aggregate := "max"
	if !up {
		aggregate = "min"
	}
	column := quoted(s.Column)
	from, err := localRows(ctx, conn, s.Table, column)
	if err != nil {
		return nil, nil, false, err
	}
	err = withRight(ctx, conn, "TABLE", s.Table.SQL(), func(q rowQuerier) error {
		return q.QueryRow(ctx, "SELECT "+aggregate+"("+column+")::bigint FROM "+from).Scan(&furthest)
	})
	return last, furthest, up, err
}

// analyse gathers the planner's statistics of all tables that hold rows here. Foreign tables would be
// asked over the wire, and are not.
func (b *build) analyse(ctx context.Context) error {
	var names []catalog.Name
	above := aboveForeign(b.order.Catalog)
	b.skipped = append(b.skipped, unanalysed(above)...)
	for _, table := range b.order.Tables {
		if b.schedule.known[table.Table.Name] || above[table.Table.Name] {
			continue // gathered beside other work, or not to be gathered
		}
		if (table.Table.Kind == catalog.Ordinary || table.Table.Kind == catalog.Partitioned) && table.Table.Made() {
			names = append(names, table.Table.Name)
		}
	}
	for _, table := range b.order.Catalog.Tables {
		if table.Kind == catalog.MaterialisedView && table.Populated && table.Extension == "" {
			names = append(names, table.Name)
		}
	}
	// A statement for each of thousands of small tables would mostly wait for the wire.
	const together = 50
	var groups []string
	for len(names) > 0 {
		n := min(together, len(names))
		list := make([]string, n)
		for i, name := range names[:n] {
			list[i] = name.SQL()
		}
		groups, names = append(groups, strings.Join(list, ", ")), names[n:]
	}
	return each(ctx, b, groups, func(ctx context.Context, conn *pgx.Conn, list string) error {
		_, err := conn.Exec(ctx, "ANALYZE "+list)
		return err
	})
}
