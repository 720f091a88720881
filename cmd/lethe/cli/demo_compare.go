package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/leak"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
)

// login returns a role's connection string to a database of the demonstration's server.
func (d *demonstration) login(database, role string) string {
	u, err := url.Parse(d.server.DSN(database))
	if err != nil {
		return d.server.DSN(database)
	}
	u.User = url.UserPassword(role, rolePassword)
	return u.String()
}

// roles makes the two least-privileged roles by the very SQL that check --grants prints, and an empty
// staging that belongs to the one that builds.
func (d *demonstration) roles(ctx context.Context) error {
	source, err := pg.OpenSource(ctx, pg.SourceOptions{Name: "production", DSN: d.server.DSN("production"), Run: "demo"})
	if err != nil {
		return err
	}
	defer source.Close()
	c, err := source.Catalog(ctx)
	if err != nil {
		return err
	}
	grants := preflight.Grants(c, preflight.GrantOptions{Source: reader, Target: builder, Environment: "staging"})
	sql := fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; CREATE ROLE %s LOGIN PASSWORD '%s';\n", reader, rolePassword, builder, rolePassword)
	if err := d.script(ctx, d.server.DSN("production"), sql+grants); err != nil {
		return err
	}
	return d.script(ctx, d.server.DSN("postgres"), "CREATE DATABASE staging OWNER "+builder+";")
}

// rowsOf reads tables of a database in one snapshot. A nil list reads every table that holds rows.
func (d *demonstration) rowsOf(ctx context.Context, database string, names []string, see func(t *catalog.Table, columns []string, row [][]byte) error) error {
	source, err := pg.OpenSource(ctx, pg.SourceOptions{Name: database, DSN: d.server.DSN(database), Run: "demo", Connections: 1})
	if err != nil {
		return err
	}
	defer source.Close()
	c, err := source.Catalog(ctx)
	if err != nil {
		return err
	}
	var tables []catalog.Name
	for _, t := range c.Tables {
		if names == nil || slices.Contains(names, t.Name.Name) {
			tables = append(tables, t.Name)
		}
	}
	return source.WithSnapshot(ctx, c, tables, func(ctx context.Context, snapshot *pg.Snapshot) error {
		for _, name := range tables {
			if err := readTable(ctx, snapshot, c.Table(name), see); err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
		}
		return nil
	})
}

func readTable(ctx context.Context, snapshot *pg.Snapshot, t *catalog.Table, see func(*catalog.Table, []string, [][]byte) error) error {
	columns := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		columns = append(columns, c.Name)
	}
	var out bytes.Buffer
	query := pg.Query{Table: t.Name, Columns: columns, Range: work.Range{Kind: work.Whole}}
	if _, err := snapshot.CopyOut(ctx, query, &out); err != nil {
		return err
	}
	return eachRow(out.Bytes(), len(columns), func(row [][]byte) error { return see(t, columns, row) })
}

// shown are the customers whose rows are shown: one with a note, one without.
func shown() []string { return []string{"5", "8"} }

// compare shows customers before and after, column by column.
func (d *demonstration) compare(ctx context.Context) error {
	var columns []string
	cells := map[string]map[string][][]byte{}
	for _, database := range []string{"production", "staging"} {
		cells[database] = map[string][][]byte{}
		err := d.rowsOf(ctx, database, []string{"customers"}, func(_ *catalog.Table, names []string, row [][]byte) error {
			columns = names
			if slices.Contains(shown(), string(row[0])) {
				cells[database][string(row[0])] = row
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if d.json {
		return nil
	}
	// What is left of a line beside the names, for two values.
	width := max((d.Width-16)/2, 30)
	for _, id := range shown() {
		before, after := cells["production"][id], cells["staging"][id]
		if before == nil || after == nil {
			return fmt.Errorf("compare customer %s: one side does not have the row", id)
		}
		rows := make([]table.Row, 0, len(columns))
		for i, name := range columns {
			rows = append(rows, table.Row{name, cell(before[i], width), cell(after[i], width)})
		}
		d.grid(d.Out, table.Row{"customers", "production", "staging"}, nil, rows, nil)
		fmt.Fprintln(d.Out)
	}
	return nil
}

func cell(value []byte, width int) string {
	if value == nil {
		return "NULL"
	}
	return text.WrapSoft(printable(string(value)), width)
}

// search remembers everything in production that identifies somebody and looks for it in every value of
// staging.
func (d *demonstration) search(ctx context.Context) error {
	originals := leak.New()
	err := d.rowsOf(ctx, "production", []string{"customers", "employees", "sessions"}, func(_ *catalog.Table, columns []string, row [][]byte) error {
		remember(originals, columns, row)
		return nil
	})
	if err != nil {
		return err
	}
	places := map[string]int{}
	var rows int64
	err = d.rowsOf(ctx, "staging", nil, func(t *catalog.Table, columns []string, row [][]byte) error {
		rows++
		for _, hit := range originals.Look(row) {
			places[t.Name.Column(columns[hit.Field])+" ("+hit.Kind+")"]++
			d.doc.Found++
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.doc.Identifying, d.doc.Searched = originals.Len(), rows
	if d.json {
		return nil
	}
	list := make([]table.Row, 0, len(originals.Kinds()))
	for _, kind := range originals.Kinds() {
		list = append(list, table.Row{kind.Name, countText(int64(kind.Count))})
	}
	d.grid(d.Out, table.Row{"looked for", "values"}, []int{2}, list, table.Row{"altogether", countText(int64(originals.Len()))})
	for place, n := range places {
		fmt.Fprintf(d.Out, "%s %s: %d\n", d.paintOut(red, "found in"), place, n)
	}
	return nil
}

// remember adds what identifies the person of one row.
func remember(o *leak.Originals, columns []string, row [][]byte) {
	value := func(name string) []byte {
		if i := slices.Index(columns, name); i >= 0 {
			return row[i]
		}
		return nil
	}
	for column, kind := range map[string]string{
		"email": "e-mail addresses", "phone": "phone numbers", "street": "streets", "username": "usernames",
		"password": "password hashes", "token": "session tokens", "address": "IP addresses",
	} {
		o.Add(kind, value(column))
	}
	o.AddPair("first and last name together", value("first_name"), value("last_name"))
}
