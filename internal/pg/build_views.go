package pg

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// viewReads lists each materialised view with what it reads, through plain views too: relations that are
// materialised views, foreign tables, and functions that reach other servers.
const viewReads = `WITH RECURSIVE ` + reachingOut + `, uses (view, class, object) AS (
		SELECT r.ev_class, d.refclassid, d.refobjid FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid
			JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refobjid <> r.ev_class
		WHERE c.relkind = 'm'
		UNION
		SELECT u.view, d.refclassid, d.refobjid FROM uses u JOIN pg_rewrite r ON u.class = 'pg_class'::regclass AND r.ev_class = u.object
			JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refobjid <> r.ev_class
	)
	SELECT n.nspname, c.relname,
		coalesce(array_agg(DISTINCT o.oid::bigint) FILTER (WHERE o.relkind = 'm'), '{}'),
		coalesce(min(o.relname) FILTER (WHERE o.relkind = 'f'), min(e.extname), min(f.name), ''), c.oid::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN uses u ON u.view = c.oid
		LEFT JOIN pg_class o ON u.class = 'pg_class'::regclass AND o.oid = u.object
		LEFT JOIN pg_depend x ON u.class = 'pg_proc'::regclass AND x.classid = u.class AND x.objid = u.object AND x.deptype = 'e'
			AND x.refclassid = 'pg_extension'::regclass
		LEFT JOIN pg_extension e ON e.oid = x.refobjid AND e.extname IN (` + outwardExtensions + `)
		LEFT JOIN reaching f ON u.class = 'pg_proc'::regclass AND f.oid = u.object
	WHERE c.relkind = 'm'
	GROUP BY n.nspname, c.relname, c.oid ORDER BY 1, 2`

// matview is a materialised view and what it reads.
type matview struct {
	name    catalog.Name
	oid     int64
	reads   []int64 // other materialised views
	outside string  // a foreign table or an extension that it reaches out through
}

// populatedViews returns the materialised views of the new database that hold data at the source, in an
// order in which each comes after those it reads.
func (b *build) populatedViews(ctx context.Context) ([]matview, error) {
	populated := make(map[catalog.Name]bool)
	for _, table := range b.order.Catalog.Tables {
		if table.Kind == catalog.MaterialisedView && table.Extension == "" {
			populated[table.Name] = table.Populated
		}
	}
	if len(populated) == 0 {
		return nil, nil
	}
	var views []matview
	err := b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		result, err := conn.Query(ctx, viewReads)
		if err != nil {
			return err
		}
		var v matview
		_, err = pgx.ForEachRow(result, []any{&v.name.Schema, &v.name.Name, &v.reads, &v.outside, &v.oid}, func() error {
			if populated[v.name] {
				copied := v
				copied.reads = slices.Clone(v.reads)
				views = append(views, copied)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what materialised views read: %w", err)
	}
	return inOrder(views), nil
}

// inOrder sorts views so that each comes after those it reads. The server allows no circles.
func inOrder(views []matview) []matview {
	byOID := make(map[int64]matview, len(views))
	for _, v := range views {
		byOID[v.oid] = v
	}
	var sorted []matview
	done := make(map[int64]bool, len(views))
	var visit func(v matview)
	visit = func(v matview) {
		if done[v.oid] {
			return
		}
		done[v.oid] = true
		for _, oid := range v.reads {
			if read, ok := byOID[oid]; ok {
				visit(read)
			}
		}
		sorted = append(sorted, v)
	}
	for _, v := range views {
		visit(v)
	}
	return sorted
}

// viewsStayInside refuses a materialised view that reads another server: refreshing it would fetch
// production's rows behind the masks.
func (b *build) viewsStayInside(ctx context.Context) error {
	views, err := b.populatedViews(ctx)
	if err != nil {
		return err
	}
	var found finding.List
	for _, v := range views {
		if v.outside != "" {
			found = append(found, finding.Finding{Code: "view-reaches-out", Object: v.name.String(),
				Message: fmt.Sprintf("the materialised view reads another server through %s: refreshing it would fetch rows that no mask has seen", v.outside),
				Fix:     "drop the view from the source, or leave it unpopulated there"})
		}
	}
	if len(found) > 0 {
		return &RefusedError{Findings: found}
	}
	return nil
}

// refreshViews fills the materialised views that hold data at the source.
func (b *build) refreshViews(ctx context.Context) error {
	views, err := b.populatedViews(ctx)
	if err != nil || len(views) == 0 {
		return err
	}
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		for _, v := range views {
			b.t.opts.Event(Event{Phase: "views", Object: v.name.String()})
			if _, err := conn.Exec(ctx, "REFRESH MATERIALIZED VIEW "+v.name.SQL()); err != nil {
				return fmt.Errorf("refresh %s: %w", v.name, err)
			}
		}
		return nil
	})
}
