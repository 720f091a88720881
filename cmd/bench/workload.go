package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Rows of each table at scale 1.
const (
	customersAtOne = 2_000_000
	ordersAtOne    = 5_000_000
	itemsAtOne     = 10_000_000
)

// workload is a shop of a given size: three tables, eight indexes, two foreign keys.
type workload struct {
	// database is its name on the server.
	database string
	dir      string
	scale    float64
	server   *server
	talk     io.Writer
}

// column is one of the workload's, with the rule that masks it; "" is kept.
type column struct{ name, rule string }

// table is one of the workload's with its columns, as the rules need them.
type table struct {
	name    string
	columns []column
}

// tables lists the workload's tables, the widest first. Nine columns have masks.
func tables() []table {
	return []table{
		{"customers", []column{
			{"id", ""}, {"email", "email"}, {"full_name", "full_name"}, {"phone", "phone"},
			{"birth_date", "{mask: date_shift, entity: id, days: 60}"}, {"national_id", "token"}, {"address", "street"},
			{"city", ""}, {"country", ""}, {"notes", "{mask: redact_text, known: [full_name, email]}"},
			{"balance", ""}, {"newsletter", ""}, {"preferences", ""}, {"created_at", ""},
		}},
		{"orders", []column{
			{"id", ""}, {"customer_id", ""}, {"status", ""}, {"ordered_at", ""}, {"total", ""},
			{"contact_email", "email"}, {"recipient", "full_name"}, {"express", ""},
		}},
		{"order_items", []column{
			{"id", ""}, {"order_id", ""}, {"product_id", ""}, {"quantity", ""}, {"price", ""}, {"discount", ""},
		}},
	}
}

// rules writes the rules of a run: masked or with every column kept, of all tables or of one with the
// others empty.
func rules(masked bool, alone string) string {
	var b strings.Builder
	b.WriteString("version: 1\ntables:\n")
	for _, t := range tables() {
		fmt.Fprintf(&b, "  public.%s:\n", t.name)
		if alone != "" && t.name != alone {
			b.WriteString("    rows: none\n")
			continue
		}
		b.WriteString("    columns:\n")
		for _, c := range t.columns {
			rule := c.rule
			if rule == "" || !masked {
				rule = `{keep: "the rows of a bench are nobody's"}`
			}
			fmt.Fprintf(&b, "      %s: %s\n", c.name, rule)
		}
	}
	return b.String()
}

// rows returns how many rows the tables have at this scale, at least one each.
func (w workload) rows() (customers, orders, items int64) {
	at := func(n float64) int64 { return max(1, int64(math.Round(n*w.scale))) }
	return at(customersAtOne), at(ordersAtOne), at(itemsAtOne)
}

// load makes the source, on two connections: what is measured comes later.
func (w workload) load(ctx context.Context) error {
	began := time.Now()
	fmt.Fprintf(w.talk, "loading %s, scale %g\n", w.database, w.scale)
	if _, err := w.server.sql(ctx, "postgres", "CREATE DATABASE "+w.database+" TEMPLATE template0"); err != nil {
		return err
	}
	if err := w.fill(ctx); err != nil {
		return err
	}
	size, err := w.size(ctx)
	if err != nil {
		return err
	}
	customers, orders, items := w.rows()
	fmt.Fprintf(w.talk, "loaded %d customers, %d orders, %d items: %d MB in %.0f s\n", customers, orders, items, size>>20, time.Since(began).Seconds())
	return nil
}

// fill makes tables, rows, indexes and keys in a database that is empty.
func (w workload) fill(ctx context.Context) error {
	customers, orders, items := w.rows()
	base := map[string]int64{"customers": customers, "orders": orders, "items": items}
	if err := w.script(ctx, "schema", nil); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return w.table(inner, "orders", base) })
	group.Go(func() error {
		if err := w.table(inner, "customers", base); err != nil {
			return err
		}
		return w.table(inner, "order_items", map[string]int64{"orders": orders, "items": items, "first": 1, "last": items})
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if err := w.script(ctx, "finish", nil); err != nil {
		return err
	}
	// Hint bits and the visibility map are written now, not by whoever happens to read first.
	_, err := w.server.sql(ctx, w.database, "VACUUM (ANALYZE)", "CHECKPOINT")
	return err
}

// table writes the rows of a table, then its keys and indexes.
func (w workload) table(ctx context.Context, table string, variables map[string]int64) error {
	if err := w.script(ctx, table, variables); err != nil {
		return err
	}
	return w.script(ctx, table+"_keys", nil)
}

func (w workload) script(ctx context.Context, name string, variables map[string]int64) error {
	return w.server.script(ctx, w.database, filepath.Join(w.dir, name+".sql"), variables)
}

// size returns the bytes of the source, indexes included.
func (w workload) size(ctx context.Context) (int64, error) {
	text, err := w.server.sql(ctx, w.database, "SELECT pg_database_size(current_database())")
	if err != nil {
		return 0, err
	}
	var bytes int64
	_, err = fmt.Sscan(text, &bytes)
	return bytes, err
}

// maskedValues counts the values that the masks of a run meet, NULLs aside.
func (w workload) maskedValues(ctx context.Context) (int64, error) {
	var sum int64
	for _, t := range tables() {
		var counts []string
		for _, c := range t.columns {
			if c.rule != "" {
				counts = append(counts, "count("+c.name+")")
			}
		}
		if len(counts) == 0 {
			continue
		}
		text, err := w.server.sql(ctx, w.database, "SELECT "+strings.Join(counts, "+")+" FROM "+t.name)
		if err != nil {
			return 0, err
		}
		var n int64
		if _, err := fmt.Sscan(text, &n); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
