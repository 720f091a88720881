package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// trial is one way to copy without looking at the rows. The zero trial is what anybody would do.
type trial struct {
	// binary takes the binary form of COPY; freeze writes rows that VACUUM needs not touch again, which the
	// server allows in the transaction that emptied the table; unlogged leaves the WAL alone.
	binary, freeze, unlogged bool
	// settings are those of the sessions that build indexes and constraints, as PGOPTIONS has them.
	settings string
}

// trials are ways to copy that are measured when -only names them.
func (c *contest) trials() []contestant {
	var list []contestant
	for _, t := range []struct {
		name, title string
		trial       trial
	}{
		{"floor-binary", "raw floor, binary form", trial{binary: true}},
		{"floor-freeze", "raw floor, COPY FREEZE", trial{freeze: true}},
		{"floor-unlogged", "raw floor, unlogged tables", trial{unlogged: true}},
		{"floor-memory-64", "raw floor, maintenance_work_mem 64 MB", trial{settings: "-c maintenance_work_mem=64MB"}},
		{"floor-memory-1024", "raw floor, maintenance_work_mem 1 GB", trial{settings: "-c maintenance_work_mem=1GB"}},
		{"floor-parallel-0", "raw floor, no parallel index workers", trial{settings: "-c max_parallel_maintenance_workers=0"}},
		{"floor-parallel-1", "raw floor, one parallel index worker", trial{settings: "-c max_parallel_maintenance_workers=1"}},
	} {
		list = append(list, contestant{t.name, t.title, nil, func(ctx context.Context, m *measurement) error { return c.floor(ctx, m, t.trial) }})
	}
	return list
}

// floor is what copying costs when nobody looks at the rows: each table through a pipe between two psql, as
// many at once as there are jobs, the largest first; then pg_restore for all that stands on the rows.
func (c *contest) floor(ctx context.Context, m *measurement, t trial) error {
	archive := filepath.Join(c.dir, "schema.dump")
	if err := do(c.server.command(ctx, "pg_dump", "-Fc", "-s", "-f", archive, "-d", c.server.dsn(c.database))); err != nil {
		return err
	}
	if err := do(c.server.command(ctx, "pg_restore", "--section=pre-data", "-d", c.server.dsn(staging), archive)); err != nil {
		return err
	}
	text, err := c.server.sql(ctx, c.database, `SELECT oid::regclass FROM pg_class
		WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY pg_table_size(oid) DESC`)
	if err != nil {
		return err
	}
	names := strings.Split(text, "\n")
	if t.unlogged {
		for _, name := range names {
			if _, err := c.server.sql(ctx, staging, "ALTER TABLE "+name+" SET UNLOGGED"); err != nil {
				return err
			}
		}
	}
	began := time.Now()
	group, copying := errgroup.WithContext(ctx)
	group.SetLimit(c.jobs)
	for _, name := range names {
		group.Go(func() error { return c.pipe(copying, name, t) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	m.Phases = map[string]float64{"copy": time.Since(began).Seconds()}
	began = time.Now()
	restore := c.server.command(ctx, "pg_restore", "--section=post-data", "-j"+strconv.Itoa(c.jobs), "-d", c.server.dsn(staging), archive)
	restore.Env = append(restore.Env, "PGOPTIONS="+t.settings)
	if err := do(restore); err != nil {
		return err
	}
	m.Phases["post-data"] = time.Since(began).Seconds()
	return nil
}

// pipe copies a table from one psql into another.
func (c *contest) pipe(ctx context.Context, table string, t trial) error {
	var options []string
	if t.binary {
		options = append(options, "FORMAT binary")
	}
	read := []string{"COPY " + table + " TO STDOUT" + with(options)}
	var write []string
	if t.freeze {
		options = append(options, "FREEZE")
		write = append(write, "BEGIN", "TRUNCATE "+table)
	}
	write = append(write, "COPY "+table+" FROM STDIN"+with(options))
	if t.freeze {
		write = append(write, "COMMIT")
	}
	out := c.server.command(ctx, "psql", c.server.statements(c.database, read)...)
	in := c.server.command(ctx, "psql", c.server.statements(staging, write)...)
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	out.Stdout, in.Stdin = to, from
	done := make(chan error, 1)
	go func() {
		err := do(in)
		_ = from.Close()
		done <- err
	}()
	err = do(out)
	_ = to.Close()
	if inErr := <-done; inErr != nil {
		return inErr
	}
	return err
}

// with writes the options of a COPY.
func with(options []string) string {
	if len(options) == 0 {
		return ""
	}
	return " WITH (" + strings.Join(options, ", ") + ")"
}
