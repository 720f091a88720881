package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// aboveForeign returns the tables that a foreign table is a partition or a child of, at any depth. Who analyses one,
// or reads it without ONLY, asks the other server.
func aboveForeign(c *catalog.Catalog) map[catalog.Name]bool {
	above := make(map[catalog.Name]bool)
	var rise func(t *catalog.Table)
	rise = func(t *catalog.Table) {
		for _, parent := range t.Parents {
			if known := c.Table(parent); known != nil && !above[parent] {
				above[parent] = true
				rise(known)
			}
		}
	}
	for i := range c.Tables {
		if c.Tables[i].Kind == catalog.Foreign {
			rise(&c.Tables[i])
		}
	}
	return above
}

// unanalysed tells which tables have no statistics of the planner's: the server gathers them with those of all that
// is below a table, and a foreign table would be read for them.
func unanalysed(above map[catalog.Name]bool) finding.List {
	var found finding.List
	for name := range above {
		found = append(found, finding.Finding{Code: "no-statistics", Severity: finding.Warning, Object: name.String(),
			Message: "not analysed: a foreign table is below it, and would be read"})
	}
	slices.SortFunc(found, func(a, b finding.Finding) int { return strings.Compare(a.Object, b.Object) })
	return found
}

// localRows returns what to select from to see a column of a table and of all below it that are in this database.
func localRows(ctx context.Context, conn *pgx.Conn, table catalog.Name, column string) (string, error) {
	local, err := textColumn(ctx, conn, `WITH RECURSIVE tree (oid) AS (SELECT $1::regclass::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.oid = i.inhparent),
			kinds (oid, kind) AS (SELECT c.oid, c.relkind FROM tree JOIN pg_class c USING (oid))
		SELECT format('SELECT %s FROM ONLY %s', $2::text, oid::regclass) FROM kinds WHERE kind = 'r' AND EXISTS (SELECT FROM kinds WHERE kind = 'f')
		UNION ALL SELECT format('SELECT %s FROM %s WHERE false', $2::text, $1::regclass) FROM kinds WHERE kind = 'f' ORDER BY 1`, table.SQL(), column)
	if err != nil {
		return "", fmt.Errorf("look for foreign tables below %s: %w", table, err)
	}
	if len(local) == 0 {
		return table.SQL(), nil // all of it is here
	}
	return "(" + strings.Join(local, " UNION ALL ") + ") local", nil
}
