package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/work"
)

// ChooseForms sets which tables travel in the binary form of COPY: those whose types have one that both
// servers share and whose rows cost less in it. sees reports whether a mask sees the values of a column.
// Servers of different majors speak text.
func (t *Target) ChooseForms(ctx context.Context, source catalog.Server, tables []work.Table, sees func(table catalog.Name, column string) bool) error {
	var major int
	err := t.opts.maintain(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int4 / 10000`).Scan(&major)
	})
	if err != nil {
		return fmt.Errorf("ask for the server's version: %w", err)
	}
	for i := range tables {
		table := &tables[i]
		name := table.Table.Name
		table.Binary = major == source.Major() && !table.Empty && !table.TextOnly && table.Table.Kind == catalog.Ordinary && name != catalog.LargeObjectPages() &&
			copybinary.Prefer(table.Table, table.Columns, func(column string) bool { return sees(name, column) })
	}
	return nil
}
