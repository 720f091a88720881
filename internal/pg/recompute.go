package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// UpdateTriggers returns the names of a table's triggers that run before each row is updated, sorted: those that can
// compute a column of it again.
func (s *Source) UpdateTriggers(ctx context.Context, table catalog.Name) ([]string, error) {
	var names []string
	err := s.atHome(ctx, func(tx pgx.Tx) error {
		triggers, err := triggersOf(ctx, tx, table)
		for _, t := range triggers {
			if t.beforeUpdate() {
				names = append(names, t.Name)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read triggers of %s: %w", table, err)
	}
	slices.Sort(names)
	return names, nil
}

// trigger is one trigger of a table, the server's own left out.
type trigger struct {
	Name string
	// Enabled is tgenabled, Type tgtype.
	Enabled string
	Type    int32
	// Of are the columns whose update alone fires it; none for all.
	Of []string
}

// The bits of tgtype that say when a trigger runs.
const (
	triggerRow    = 1 << 0
	triggerBefore = 1 << 1
	triggerUpdate = 1 << 4
)

func (t trigger) beforeUpdate() bool {
	const all = triggerRow | triggerBefore | triggerUpdate
	return t.Type&all == all
}

// state is the word of ALTER TABLE that gives a trigger back the state it had.
func (t trigger) state() string {
	switch t.Enabled {
	case "D":
		return "DISABLE"
	case "R":
		return "ENABLE REPLICA"
	case "A":
		return "ENABLE ALWAYS"
	}
	return "ENABLE"
}

func triggersOf(ctx context.Context, conn querier, table catalog.Name) ([]trigger, error) {
	const query = `SELECT t.tgname::text, t.tgenabled::text, t.tgtype::int4,
			ARRAY(SELECT a.attname::text FROM unnest(t.tgattr::int2[]) n JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = n)
		FROM pg_trigger t WHERE t.tgrelid = $1::regclass AND NOT t.tgisinternal ORDER BY 1`
	rows, err := conn.Query(ctx, query, table.SQL())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[trigger])
}

// tryRecompute has the server judge the expressions while the tables are empty: that their types fit, and that all they
// name is there.
func (b *build) tryRecompute(ctx context.Context) error {
	return each(ctx, b, b.recomputed(), func(ctx context.Context, conn *pgx.Conn, table work.Table) error {
		of := table
		of.Recompute = slices.DeleteFunc(slices.Clone(table.Recompute), func(r work.Recompute) bool { return r.Trigger != "" })
		if len(of.Recompute) == 0 {
			return nil // triggers come with the rest of the schema
		}
		_, update, _, err := recomputation(of, nil)
		if err == nil {
			_, err = conn.Exec(ctx, "EXPLAIN "+update)
		}
		if err != nil {
			return fmt.Errorf("recompute columns of %s: %w; correct as: of the column", table.Table.Name, sanitize(err))
		}
		return nil
	})
}

// recomputed returns the tables with columns to compute again, those with rows of their own.
func (b *build) recomputed() []work.Table {
	var tables []work.Table
	for _, table := range b.order.Tables {
		if len(table.Recompute) > 0 && !table.Empty && table.Table.Kind == catalog.Ordinary {
			tables = append(tables, table)
		}
	}
	return tables
}

// recompute computes the columns that a rule says so of again, from rows that are masked by now: their triggers were
// not there when the rows were loaded. Each table is a transaction, which leaves its triggers as they were.
func (b *build) recompute(ctx context.Context) error {
	return each(ctx, b, b.recomputed(), func(ctx context.Context, conn *pgx.Conn, table work.Table) error {
		name := table.Table.Name
		b.t.opts.Event(Event{Phase: "recompute", Object: name.String()})
		what := "recompute " + name.String()
		if b.did(what) {
			return nil
		}
		if err := recomputeTable(ctx, conn, table); err != nil {
			return fmt.Errorf("recompute columns of %s: %w", name, err)
		}
		return b.note(ctx, what)
	})
}

// recomputeTable computes a table's columns again.
func recomputeTable(ctx context.Context, conn *pgx.Conn, table work.Table) error {
	triggers, err := triggersOf(ctx, conn, table.Table.Name)
	if err != nil {
		return err
	}
	before, update, after, err := recomputation(table, triggers)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range before {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		updated, err := tx.Exec(ctx, update)
		if err != nil {
			return err
		}
		if updated.RowsAffected() == 0 {
			var rows bool
			if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM ONLY "+table.Table.Name.SQL()+")").Scan(&rows); err != nil {
				return err
			}
			if rows {
				return errors.New("a rule of the table keeps its rows from being updated")
			}
		}
		for _, statement := range after {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// recomputation returns the statements that compute a table's columns again: the one update, and what makes that no
// trigger runs in it but those that are named.
func recomputation(table work.Table, triggers []trigger) (before []string, update string, after []string, err error) {
	of := " ONLY " + table.Table.Name.SQL()
	if len(triggers) > 0 {
		before = append(before, "ALTER TABLE"+of+" DISABLE TRIGGER USER")
	}
	var columns, set []string
	assign := func(column, value string) {
		if !slices.Contains(columns, column) {
			columns, set = append(columns, column), append(set, quoted(column)+" = "+value)
		}
	}
	for _, r := range table.Recompute {
		if r.Trigger == "" {
			assign(r.Column, "(\n"+r.As+"\n)")
		}
	}
	for _, r := range table.Recompute {
		if r.Trigger == "" {
			continue
		}
		i := slices.IndexFunc(triggers, func(t trigger) bool { return t.Name == r.Trigger && t.beforeUpdate() })
		if i < 0 {
			return nil, "", nil, fmt.Errorf("the trigger %s did not arrive", r.Trigger)
		}
		before = append(before, "ALTER TABLE"+of+" ENABLE ALWAYS TRIGGER "+quoted(r.Trigger))
		// A trigger on updates of some columns runs for those alone.
		for _, column := range append(slices.Clone(triggers[i].Of), r.Column) {
			assign(column, quoted(column))
		}
	}
	for _, t := range triggers {
		after = append(after, "ALTER TABLE"+of+" "+t.state()+" TRIGGER "+quoted(t.Name))
	}
	return before, "UPDATE" + of + " SET " + strings.Join(set, ", "), after, nil
}
