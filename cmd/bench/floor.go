package main

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// floor is what copying costs when nobody looks at the rows: each table through a pipe between two psql, as
// many at once as there are jobs, the largest first; then pg_restore for all that stands on the rows.
func (c *contest) floor(ctx context.Context, m *measurement) error {
	archive := filepath.Join(c.dir, "schema.dump")
	if err := do(c.server.command(ctx, "pg_dump", "-Fc", "-s", "-f", archive, "-d", c.server.dsn(c.database))); err != nil {
		return err
	}
	if err := do(c.server.command(ctx, "pg_restore", "--section=pre-data", "-d", c.server.dsn(staging), archive)); err != nil {
		return err
	}
	names, err := c.server.sql(ctx, c.database, `SELECT oid::regclass FROM pg_class
		WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY pg_table_size(oid) DESC`)
	if err != nil {
		return err
	}
	began := time.Now()
	group, copying := errgroup.WithContext(ctx)
	group.SetLimit(c.jobs)
	for name := range strings.SplitSeq(names, "\n") {
		group.Go(func() error { return c.pipe(copying, name, "") })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	m.Phases = map[string]float64{"copy": time.Since(began).Seconds()}
	began = time.Now()
	if err := do(c.server.command(ctx, "pg_restore", "--section=post-data", "-j"+strconv.Itoa(c.jobs), "-d", c.server.dsn(staging), archive)); err != nil {
		return err
	}
	m.Phases["post-data"] = time.Since(began).Seconds()
	return nil
}
