package pg

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// pagesView is what the pages of large objects are copied into: a view of our own whose trigger writes each
// page into its object, so that content arrives as any table's rows do, in parts, once, and streamed.
func pagesView() catalog.Name { return catalog.Name{Schema: ownSchema, Name: "large_object_page"} }

// largeObjectSchema makes the view; $PAGE stands for how many bytes a full page holds at the source. A page
// without content is written only where an object ends with one: it then says how far the object reaches.
const largeObjectSchema = `CREATE VIEW lethe.large_object_page AS SELECT NULL::oid AS loid, NULL::int4 AS pageno, NULL::bytea AS data WHERE false;
	CREATE FUNCTION lethe.write_page() RETURNS trigger LANGUAGE plpgsql AS $body$
	DECLARE
		start int8 := new.pageno::int8 * $PAGE;
		fd int4;
	BEGIN
		IF pg_catalog.length(new.data) > 0 THEN
			PERFORM pg_catalog.lo_put(new.loid, start, new.data);
		ELSE
			fd := pg_catalog.lo_open(new.loid, 393216);
			IF pg_catalog.lo_lseek64(fd, 0, 2) < start THEN
				PERFORM pg_catalog.lo_truncate64(fd, start);
			END IF;
			PERFORM pg_catalog.lo_close(fd);
		END IF;
		RETURN new;
	END $body$;
	CREATE TRIGGER write INSTEAD OF INSERT ON lethe.large_object_page FOR EACH ROW EXECUTE FUNCTION lethe.write_page();
	CREATE FUNCTION lethe.large_object_size(object oid) RETURNS int8 LANGUAGE plpgsql AS $body$
	DECLARE
		fd int4 := pg_catalog.lo_open(object, 262144);
		size int8 := pg_catalog.lo_lseek64(fd, 0, 2);
	BEGIN
		PERFORM pg_catalog.lo_close(fd);
		RETURN size;
	END $body$`

// largeObjectBatch is how many objects one statement or transaction works on: comments and owners take a lock
// for each, and the lock table has room for some thousands.
const largeObjectBatch = 500

// makeLargeObjects makes the objects, empty, with the identity they have at the source, and what their
// content is written through. The objects are ours until all rights are given.
func (b *build) makeLargeObjects(ctx context.Context) error {
	if len(b.order.LargeObjects.List) == 0 {
		return nil
	}
	b.t.opts.Event(Event{Phase: "large objects"})
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		make := strings.ReplaceAll(largeObjectSchema, "$PAGE", strconv.FormatInt(b.order.LargeObjects.Page, 10))
		if _, err := conn.PgConn().Exec(ctx, make).ReadAll(); err != nil {
			return fmt.Errorf("make the view of large objects: %w", err)
		}
		for batch := range slices.Chunk(b.order.LargeObjects.List, largeObjectBatch) {
			oids := []uint32{}
			var comments strings.Builder
			for _, object := range batch {
				oids = append(oids, object.OID)
				if object.Comment != "" {
					fmt.Fprintf(&comments, "COMMENT ON LARGE OBJECT %d IS %s;", object.OID, quoteLiteral(object.Comment))
				}
			}
			if _, err := conn.Exec(ctx, `SELECT count(lo_create(o)) FROM unnest($1::oid[]) o`, oids); err != nil {
				return fmt.Errorf("make large objects: %w", err)
			}
			if comments.Len() > 0 {
				if _, err := conn.PgConn().Exec(ctx, comments.String()).ReadAll(); err != nil {
					return fmt.Errorf("comment on large objects: %w", err)
				}
			}
		}
		return nil
	})
}

// letPagesBeWritten has the view's trigger act in a transaction of a session in which triggers do not.
func (b *build) letPagesBeWritten(ctx context.Context, tx pgx.Tx) error {
	if !b.replica {
		return nil
	}
	_, err := tx.Exec(ctx, "SET LOCAL session_replication_role = origin")
	return err
}

// largeObjectsArrived is what is known of large objects once all their pages are there.
type largeObjectsArrived struct {
	// pages is how many rows the parts that were loaded had.
	pages int64
	found finding.List
}

// checkLargeObjects asks every object how far it reaches, while all of them are ours to ask, and takes away
// what their content was written through.
func (b *build) checkLargeObjects(ctx context.Context) error {
	if len(b.order.LargeObjects.List) == 0 {
		return nil
	}
	b.largeObjects = largeObjectsArrived{}
	const pages = `SELECT coalesce(sum(rows), 0)::int8 FROM lethe.part WHERE run = $1 AND starts_with(part, $2)`
	return b.t.opts.within(ctx, b.database, func(conn *pgx.Conn) error {
		if err := conn.QueryRow(ctx, pages, b.order.Run, catalog.LargeObjectPages().String()+"#").Scan(&b.largeObjects.pages); err != nil {
			return fmt.Errorf("count pages of large objects: %w", err)
		}
		if asked, err := hasTable(ctx, conn, pagesView().SQL()); err != nil || !asked {
			return err // an earlier attempt of this run asked, and nothing was wanting
		}
		for batch := range slices.Chunk(b.order.LargeObjects.List, largeObjectBatch) {
			if err := b.checkSizes(ctx, conn, batch); err != nil {
				return fmt.Errorf("measure large objects: %w", err)
			}
		}
		_, err := conn.PgConn().Exec(ctx, `DROP VIEW lethe.large_object_page; DROP FUNCTION lethe.write_page(); DROP FUNCTION lethe.large_object_size(oid)`).ReadAll()
		return err
	})
}

// checkSizes compares the sizes of some objects with the source's.
func (b *build) checkSizes(ctx context.Context, conn *pgx.Conn, batch []work.LargeObject) error {
	oids := []uint32{}
	for _, object := range batch {
		oids = append(oids, object.OID)
	}
	found, err := conn.Query(ctx, `SELECT CASE WHEN m.oid IS NULL THEN -1 ELSE lethe.large_object_size(m.oid) END
		FROM unnest($1::oid[]) WITH ORDINALITY o (oid, no) LEFT JOIN pg_largeobject_metadata m ON m.oid = o.oid ORDER BY o.no`, oids)
	if err != nil {
		return err
	}
	sizes, err := pgx.CollectRows(found, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for i, object := range batch {
		switch name := "large object " + strconv.FormatUint(uint64(object.OID), 10); {
		case sizes[i] < 0:
			b.largeObjects.found = append(b.largeObjects.found, mismatch("lost", name, "the large object did not arrive"))
		case sizes[i] != object.Size:
			b.largeObjects.found = append(b.largeObjects.found, mismatch("large-object", name, "%d bytes arrived of %d", sizes[i], object.Size))
		}
	}
	return nil
}

// verify judges the large objects, of which the source counted so many pages.
func (l largeObjectsArrived) verify(pages int64) finding.List {
	found := slices.Clone(l.found)
	if l.pages != pages {
		found = append(found, mismatch("count", catalog.LargeObjectPages().String(), "%d pages of large objects arrived of %d", l.pages, pages))
	}
	return found
}
