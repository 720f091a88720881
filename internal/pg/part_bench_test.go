//go:build unix

package pg

import (
	"context"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// benchRows is how many rows a part of these benchmarks has: enough that opening the part does not count.
const benchRows = 200_000

// benchTable is a table to carry, and the masks of its columns.
type benchTable struct {
	name, columns, rows string
	masks               map[string]string
}

// benchTables are a person's row, wide and with all that is personal, and two narrow ones of keys.
func benchTables() []benchTable {
	return []benchTable{
		{
			"customers", `id bigint, email text, full_name text, phone text, birth_date date, national_id text, address text, notes text, country text,
				status text, balance numeric(12,2), created_at timestamptz, updated_at timestamptz, tags text[]`,
			`g, 'user' || g || '@mail.example', 'Mary Smith' || g % 977, '(212) 736-' || lpad((g % 10000)::text, 4, '0'), date '1950-01-01' + g % 20000,
				'ID-' || lpad(g::text, 9, '0'), g % 900 || ' Fifth Avenue', 'Called on Monday about the late delivery; Mary asked for a refund of order ' || g,
				'US', 'active', (g % 100000) / 7.0, '2020-01-01'::timestamptz + g * '1.37 s'::interval, '2024-01-01'::timestamptz + g * '1.91 s'::interval, ARRAY['new', 'web']`,
			map[string]string{
				"email": "email", "full_name": "full_name", "phone": "phone", "birth_date": "date_shift", "national_id": "token",
				"address": "street", "notes": "redact_text",
			},
		},
		{
			"orders", `id bigint, customer_id bigint, status text, total numeric(12,2), placed_at timestamptz, ship_name text, ship_address text`,
			`g, g % 20000, 'shipped', (g % 100000) / 7.0, '2020-01-01'::timestamptz + g * '1.37 s'::interval, 'Mary Smith' || g % 977, g % 900 || ' Fifth Avenue'`,
			map[string]string{"ship_name": "full_name", "ship_address": "street"},
		},
		{"items", `id bigint, order_id bigint, product_id int, quantity int, price numeric(10,2)`, `g, g / 3, g % 5000, 1 + g % 5, (g % 10000) / 100.0`, nil},
	}
}

// BenchmarkPart carries one part from a source to a target, as a run does, and says what a row costs: in
// all, and of this process's time. The rest is the servers'.
func BenchmarkPart(b *testing.B) {
	source, target := pgtest.New(b), pgtest.New(b)
	for _, bt := range benchTables() {
		source.Exec(b, fmt.Sprintf("CREATE TABLE %s (%s); INSERT INTO %s SELECT %s FROM generate_series(1, %d) g; ANALYZE %s",
			bt.name, bt.columns, bt.name, bt.rows, benchRows, bt.name))
		target.Exec(b, fmt.Sprintf("CREATE UNLOGGED TABLE %s (%s)", bt.name, bt.columns))
	}
	from, err := OpenSource(b.Context(), SourceOptions{Name: "production", DSN: source.DSN(), Run: "bench", Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	into, err := connect(b.Context(), target.DSN(), session{name: "lethe/bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer closeNow(into)
	c, err := from.Catalog(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	err = from.WithSnapshot(b.Context(), c, allTables(c), func(ctx context.Context, snap *Snapshot) error {
		for _, bt := range benchTables() {
			for _, binary := range []bool{false, true} {
				for _, masks := range []bool{false, true} {
					if masks && bt.masks == nil {
						continue
					}
					name := strings.Join([]string{bt.name, string(formatOf(work.Table{Binary: binary})), map[bool]string{false: "kept", true: "masked"}[masks]}, "/")
					b.Run(name, func(b *testing.B) { benchPart(ctx, b, bt, c, snap, into, binary, masks) })
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func benchPart(ctx context.Context, b *testing.B, bt benchTable, c *catalog.Catalog, snap *Snapshot, into *pgx.Conn, binary, masks bool) {
	table := c.Table(public(bt.name))
	order := work.Table{Table: table, Columns: orderTable(table)[0].Columns, Binary: binary}
	if !masks {
		bt.masks = nil
	}
	masker := maskerOf(b, table, binary, bt.masks, map[string][]string{"notes": {"full_name", "email"}})
	query := Query{Table: table.Name, Columns: order.Columns, Range: work.Range{Kind: work.Whole}, Binary: binary}
	b.ReportAllocs()
	var used time.Duration
	var bytes int64
	for b.Loop() {
		b.StopTimer()
		if _, err := into.Exec(ctx, "TRUNCATE public."+bt.name); err != nil {
			b.Fatal(err)
		}
		before := processTime(b)
		b.StartTimer()
		count, err := copyIn(ctx, into, order, false, masker.Rows(func(w io.Writer) (int64, error) {
			return snap.CopyOut(ctx, query, w)
		}), nil)
		if err != nil || count.Rows != benchRows {
			b.Fatal(count, err)
		}
		used += processTime(b) - before
		bytes = count.Bytes
	}
	rows := float64(b.N) * benchRows
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows, "ns/row")
	b.ReportMetric(float64(used.Nanoseconds())/rows, "cpu-ns/row")
	b.ReportMetric(float64(bytes)/benchRows, "bytes/row")
	b.ReportMetric(rows/b.Elapsed().Seconds()/1000, "krows/s")
}

// processTime is what the process has used of its processors.
func processTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
