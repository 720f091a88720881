package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// LargeObjects lists the large objects under the snapshot. Only with their sizes does it look into the table
// of their pages, which the role must then be allowed to read. Who owns them and who may read them is told
// with every other object's owner and rights.
func (s *Snapshot) LargeObjects(ctx context.Context, sizes bool) (work.LargeObjects, error) {
	all := work.LargeObjects{List: make([]work.LargeObject, 0, s.catalog.LargeObjects)}
	size := "0"
	if sizes {
		// The last page alone tells how far an object reaches: holes before it have none.
		size = `coalesce((SELECT p.pageno::int8 * b.size + length(p.data) FROM pg_largeobject p WHERE p.loid = m.oid ORDER BY p.pageno DESC LIMIT 1), 0)`
	}
	query := `SELECT m.oid, ` + size + `, coalesce(d.description, '') FROM (SELECT current_setting('block_size')::int8 / 4 AS size) b
		CROSS JOIN pg_largeobject_metadata m
		LEFT JOIN pg_description d ON d.classoid = 'pg_largeobject'::regclass AND d.objoid = m.oid AND d.objsubid = 0 ORDER BY m.oid`
	err := s.under(ctx, catalog.LargeObjectPages(), "", func(conn *pgx.Conn) error {
		if err := conn.QueryRow(ctx, `SELECT current_setting('block_size')::int8 / 4`).Scan(&all.Page); err != nil {
			return err
		}
		found, err := conn.Query(ctx, query)
		if err != nil {
			return err
		}
		var object work.LargeObject
		_, err = pgx.ForEachRow(found, []any{&object.OID, &object.Size, &object.Comment}, func() error {
			all.List = append(all.List, object)
			return nil
		})
		return err
	})
	if err != nil {
		return work.LargeObjects{}, fmt.Errorf("list large objects: %w", err)
	}
	return all, nil
}
