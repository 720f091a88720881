package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// tolerates reports whether an index of a table may be missing on the copy, because production's own rows
// violate it.
func (b *build) tolerates(table catalog.Name, index string) bool {
	return slices.Contains(b.t.opts.Tolerate, catalog.Name{Schema: table.Schema, Name: index}.String()) ||
		slices.Contains(b.t.opts.Tolerate, table.Column(index))
}

// tolerated is an index or a constraint of a table that may be missing.
type tolerated struct {
	// name is what the configuration calls it.
	name  string
	table *catalog.Table
	// One of them is set.
	index *catalog.Index
	check *catalog.Check
	key   *catalog.ForeignKey
}

// tolerations finds what is tolerated in a catalog. What refers to a key that is missing is missing with it.
func tolerations(names []string, tables []catalog.Table) []tolerated {
	var found []tolerated
	for i := range tables {
		table := &tables[i]
		for j := range table.Indexes {
			index := &table.Indexes[j]
			name := catalog.Name{Schema: table.Name.Schema, Name: index.Name}.String()
			if constraint := table.Name.Column(index.Name); slices.Contains(names, constraint) {
				name = constraint
			}
			if (index.Unique || index.Exclusion) && slices.Contains(names, name) {
				found = append(found, tolerated{name: name, table: table, index: index})
			}
		}
		for j := range table.Checks {
			if name := table.Name.Column(table.Checks[j].Name); slices.Contains(names, name) {
				found = append(found, tolerated{name: name, table: table, check: &table.Checks[j]})
			}
		}
		for j := range table.ForeignKeys {
			if name := table.Name.Column(table.ForeignKeys[j].Name); slices.Contains(names, name) {
				found = append(found, tolerated{name: name, table: table, key: &table.ForeignKeys[j]})
			}
		}
	}
	return found
}

// entry reports whether e is what makes the tolerated thing.
func (t tolerated) entry(e entry) bool {
	schema, table := t.table.Name.Schema+" ", t.table.Name.Name+" "
	switch {
	case t.index != nil && e.kind == "INDEX":
		return strings.HasPrefix(e.name, schema+t.index.Name+" ")
	case t.index != nil && e.kind == "CONSTRAINT":
		return strings.HasPrefix(e.name, schema+table+t.index.Name+" ")
	case t.check != nil && e.kind == "CHECK CONSTRAINT":
		return strings.HasPrefix(e.name, schema+table+t.check.Name+" ")
	case t.key != nil && e.kind == "FK CONSTRAINT":
		return strings.HasPrefix(e.name, schema+table+t.key.Name+" ")
	}
	return false
}

// definition reports whether d is of the tolerated thing: an index, the constraint that it stands behind, or a
// constraint alone. The server quotes a name where it must.
func (t tolerated) definition(d catalog.Definition) bool {
	name := ""
	switch {
	case t.index != nil:
		name = t.index.Name
	case t.check != nil:
		name = t.check.Name
	default:
		name = t.key.Name
	}
	switch {
	case d.On != t.table.OID:
		return false
	case d.Kind == "table constraint":
		return strings.HasPrefix(d.Identity, name+" on ") || strings.HasPrefix(d.Identity, quoted(name)+" on ")
	case d.Kind == "index" && t.index != nil:
		parts, err := catalog.SplitName(d.Identity)
		return err == nil && len(parts) == 2 && parts[1] == name
	}
	return false
}

// dropTolerated drops the checks that came with their tables and are tolerated.
func (b *build) dropTolerated(ctx context.Context) error {
	var statements []string
	for _, t := range tolerations(b.t.opts.Tolerate, b.order.Catalog.Tables) {
		if t.check != nil {
			statements = append(statements, "ALTER TABLE "+t.table.Name.SQL()+" DROP CONSTRAINT IF EXISTS "+quoted(t.check.Name))
		}
	}
	if len(statements) == 0 {
		return nil
	}
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("leave out what is tolerated: %w", err)
			}
		}
		return nil
	})
}

// toleratedStands refuses what is tolerated to be missing and stands in what an earlier attempt built: it would
// stay, and nobody who reads the configuration would think so.
func (b *build) toleratedStands(ctx context.Context, conn *pgx.Conn) (finding.List, error) {
	var found finding.List
	for _, t := range tolerations(b.t.opts.Tolerate, b.order.Catalog.Tables) {
		query, name := `SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2)`, ""
		switch {
		case t.index != nil:
			query, name = `SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass($1) AND indexrelid = to_regclass($2))`,
				catalog.Name{Schema: t.table.Name.Schema, Name: t.index.Name}.SQL()
		case t.check != nil:
			name = t.check.Name
		default:
			name = t.key.Name
		}
		var stands bool
		if err := conn.QueryRow(ctx, query, t.table.Name.SQL(), name).Scan(&stands); err != nil {
			return nil, fmt.Errorf("look for %s: %w", t.name, err)
		}
		if stands {
			found = append(found, finding.Finding{Code: "tolerate", Object: t.name,
				Message: "it was made before the run failed, and would stay",
				Fix:     fmt.Sprintf("take it out of tolerate:, or start a new run: lethe refresh %s", b.t.opts.Environment)})
		}
	}
	return found, nil
}

// withoutTolerated returns the tables as they are to arrive: without what is tolerated, and without references
// to keys that are.
func withoutTolerated(names []string, tables []catalog.Table) []catalog.Table {
	if len(names) == 0 {
		return tables
	}
	tables = slices.Clone(tables)
	type key struct {
		table   catalog.Name
		columns string
	}
	gone := make(map[key]bool)
	for _, t := range tolerations(names, tables) {
		if t.index != nil {
			var columns []string
			for _, part := range t.index.Columns {
				columns = append(columns, part.Column)
			}
			gone[key{t.table.Name, strings.Join(columns, "\x00")}] = true
		}
	}
	for i := range tables {
		table := tables[i]
		is := func(name string) bool { return slices.Contains(names, name) }
		table.Indexes = slices.DeleteFunc(slices.Clone(table.Indexes), func(index catalog.Index) bool {
			return (index.Unique || index.Exclusion) && (is(catalog.Name{Schema: table.Name.Schema, Name: index.Name}.String()) || is(table.Name.Column(index.Name)))
		})
		table.Checks = slices.DeleteFunc(slices.Clone(table.Checks), func(check catalog.Check) bool { return is(table.Name.Column(check.Name)) })
		table.ForeignKeys = slices.DeleteFunc(slices.Clone(table.ForeignKeys), func(f catalog.ForeignKey) bool {
			return is(table.Name.Column(f.Name)) || gone[key{f.References, strings.Join(f.ReferencedColumns, "\x00")}]
		})
		tables[i] = table
	}
	return tables
}

// violations counts the keys of a unique index that several rows have.
func violations(ctx context.Context, conn *pgx.Conn, table *catalog.Table, index *catalog.Index) (int64, error) {
	var keys, present []string
	for _, part := range index.Columns {
		key := part.Expression
		if key == "" {
			key = quoted(part.Column)
		}
		keys = append(keys, "("+key+")")
		if !index.NullsNotDistinct {
			present = append(present, "("+key+") IS NOT NULL")
		}
	}
	if index.Predicate != "" {
		present = append(present, "("+index.Predicate+")")
	}
	where := ""
	if len(present) > 0 {
		where = " WHERE " + strings.Join(present, " AND ")
	}
	var n int64
	err := conn.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM "+table.Name.SQL()+where+" GROUP BY "+strings.Join(keys, ", ")+" HAVING count(*) > 1) AS twice").Scan(&n)
	return n, sanitize(err)
}

// tellTolerated says of each tolerated thing how many keys violate it, as a warning.
func (b *build) tellTolerated(ctx context.Context, conn *pgx.Conn) (finding.List, error) {
	var found finding.List
	for _, t := range tolerations(b.t.opts.Tolerate, b.order.Catalog.Tables) {
		message := "left out: production's own rows may violate it"
		if t.index != nil && t.index.Unique {
			n, err := violations(ctx, conn, t.table, t.index)
			if err != nil {
				return nil, fmt.Errorf("count the keys that violate %s: %w", t.name, err)
			}
			message = fmt.Sprintf("left out: %d of its keys are there more than once", n)
			if n == 0 {
				message = "left out, though no key is there more than once: it need not be tolerated any more"
			}
		}
		found = append(found, finding.Finding{Code: "tolerated", Severity: finding.Warning, Object: t.name, Message: message})
	}
	return found, nil
}

// KeyError says that rows violate a unique index, and how many keys do; it holds none of them.
type KeyError struct {
	// Index is the index, as tolerate names it.
	Index string
	Keys  int64
	Err   error
}

// Error names the index and counts the keys.
func (e *KeyError) Error() string {
	return fmt.Sprintf("%d keys of unique index %s are there more than once: %v", e.Keys, e.Index, e.Err)
}

// Unwrap returns the failure that it explains.
func (e *KeyError) Unwrap() error { return e.Err }

// countKeys makes a KeyError of the failure to restore a unique index whose keys are not.
func (b *build) countKeys(ctx context.Context, err error) error {
	failed, ok := errors.AsType[*EntryError](err)
	if !ok {
		return err
	}
	for i := range b.order.Catalog.Tables {
		table := &b.order.Catalog.Tables[i]
		for j := range table.Indexes {
			index := &table.Indexes[j]
			t := tolerated{table: table, index: index}
			at := slices.IndexFunc(b.archive.entries, func(e entry) bool { return e.String() == failed.Object && t.entry(e) })
			if !index.Unique || at < 0 {
				continue
			}
			var n int64
			counting := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) (err error) {
				n, err = violations(ctx, conn, table, index)
				return err
			})
			if counting != nil || n == 0 {
				return err
			}
			return &KeyError{Index: catalog.Name{Schema: table.Name.Schema, Name: index.Name}.String(), Keys: n, Err: err}
		}
	}
	return err
}
