package pg

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// adoptable returns the index behind a key that may be built before the constraint is added: adding the
// constraint as the archive does locks the table, so that no other index of it could be built meanwhile.
func (s *schedule) adoptable(table catalog.Name, e entry) *catalog.Index {
	known := s.order.Catalog.Table(table)
	if e.kind != "CONSTRAINT" || known == nil || s.archive.instead[e.id] != "" {
		return nil
	}
	for i := range known.Indexes {
		if known.Indexes[i].Adoptable == e.oid && e.oid != 0 {
			return &known.Indexes[i]
		}
	}
	return nil
}

// planKey makes the two tasks of a key, the index and the constraint that adopts it, and returns the second.
// Both may be done twice: a resumed run does.
func (s *schedule) planKey(o *owner, e entry, index *catalog.Index) *task {
	failed := func(err error) error {
		if err == nil {
			return nil
		}
		return &EntryError{ID: e.id, Object: e.String(), Err: sanitize(err)}
	}
	build := s.put(&task{
		table: o.name, cost: o.bytes / 2, builds: true, locks: map[catalog.Name]mode{o.name: share},
		run: func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, strings.Replace(index.Definition, "CREATE UNIQUE INDEX ", "CREATE UNIQUE INDEX IF NOT EXISTS ", 1))
			return failed(err)
		},
	}, s.loaded(o)...)
	return s.put(&task{
		table: o.name, entries: []entry{e}, locks: map[catalog.Name]mode{o.name: accessExclusive},
		run: func(ctx context.Context, conn *pgx.Conn) error {
			there, err := isLinked(ctx, conn, o.name, index.Name)
			if err != nil || there {
				return failed(err)
			}
			kind := "UNIQUE"
			if index.Primary {
				kind = "PRIMARY KEY"
			}
			_, err = conn.Exec(ctx, fmt.Sprintf("ALTER TABLE ONLY %s ADD CONSTRAINT %s %s USING INDEX %[2]s", o.name.SQL(), quoted(index.Name), kind))
			return failed(err)
		},
	}, build)
}
