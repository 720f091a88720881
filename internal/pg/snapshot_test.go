package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// everyKind holds a value of each type whose text depends on a setting.
const everyKind = `CREATE TABLE kinds (d date, ts timestamp, tz timestamptz, i interval, f float8, r real, b bytea, m money, x xml, n numeric, t text);
	INSERT INTO kinds VALUES
	('2024-02-29', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+05', '-1 year -2 mons +3 days 04:05:06', 0.1::float8 + 0.2, 1e10 / 3,
		'\x00ff5c', '-1234.5', '<a/>', 'NaN', E'a\tb\\c\nd'),
	('infinity', '0044-03-15 12:00:00 BC', '-infinity', 'P1Y2M3DT4H5M6S', 'NaN', '-Infinity', '', '0', 'text only', '1e-10', ''),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '\N')`

// kindsRows is how the pinned settings spell it.
const kindsRows = "2024-02-29\t2024-02-29 12:34:56.789\t2024-02-29 07:34:56.789+00\t-1 years -2 mons +3 days 04:05:06\t0.30000000000000004\t" +
	"3.3333332e+09\t\\\\x00ff5c\t-$1,234.50\t<a/>\tNaN\ta\\tb\\\\c\\nd\n" +
	"infinity\t0044-03-15 12:00:00 BC\t-infinity\t1 year 2 mons 3 days 04:05:06\tNaN\t-Infinity\t\\\\x\t$0.00\ttext only\t0.0000000001\t\n" +
	"\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n" +
	"\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\\\N\n"

// badDefaults are settings that change the text of values, hide rows, or end a run.
func badDefaults(major int64) []string {
	var newer []string
	if major >= 17 {
		newer = []string{"transaction_timeout = '100ms'"}
	}
	return append(newer,
		"datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'", "timezone = 'Asia/Kathmandu'", "extra_float_digits = 0",
		"bytea_output = 'escape'", "lc_monetary = 'C'", "xmloption = 'document'", "client_encoding = 'LATIN1'", "row_security = on",
		"search_path = 'other'", "synchronize_seqscans = on", "standard_conforming_strings = off", "default_transaction_read_only = off",
		"default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on", "transform_null_equals = on",
		"statement_timeout = '100ms'", "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '20ms'", "idle_session_timeout = '20ms'",
		"quote_all_identifiers = on", "enable_tidscan = off", "array_nulls = off",
	)
}

func TestARolesDefaultsNeitherAlterWhatArrivesNorEndTheRun(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, everyKind, "CREATE SCHEMA other", "CREATE TABLE other.kinds (wrong int)", "CREATE OPERATOR public.= (FUNCTION = int4ne, LEFTARG = int, RIGHTARG = int)")
	role := pgtest.Role(t, db, "")
	db.Exec(t, "GRANT SELECT ON kinds, other.kinds TO "+role.Name, "GRANT USAGE ON SCHEMA other TO "+role.Name)
	for i, setting := range badDefaults(db.QueryInt(t, `SELECT current_setting('server_version_num')::int / 10000`)) {
		db.Exec(t, "ALTER ROLE "+role.Name+" SET "+setting)
		if i%2 == 0 {
			db.Exec(t, "ALTER ROLE "+role.Name+" IN DATABASE "+db.Name()+" SET "+setting)
		}
	}
	columns := []string{"d", "ts", "tz", "i", "f", "r", "b", "m", "x", "n", "t"}
	err := within(t, openSource(t, role.DSN(db)), func(ctx context.Context, snap *Snapshot) error {
		// The condition takes longer than every timeout that the role has, and so do the idle sessions around it.
		slow := whole(public("kinds"), columns...)
		slow.Where = "NOT EXISTS (SELECT FROM pg_sleep(0.25) AS waited WHERE waited IS NULL)"
		if got := copyAll(ctx, t, snap, slow); got != kindsRows {
			t.Errorf("got\n%swant\n%s", got, kindsRows)
		}
		// transform_null_equals would turn this into IS NULL.
		if rows, err := snap.Count(ctx, public("kinds"), "t = NULL"); rows != 0 || err != nil {
			t.Errorf("t = NULL holds for %d rows, %v", rows, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOddTablesAreReadWhole(t *testing.T) {
	db := load(t, "catalog.sql")
	var wide []string
	for i := range 1600 {
		wide = append(wide, fmt.Sprintf("c%d", i+1))
	}
	db.Exec(t, `INSERT INTO "Foo Bar"."With a space" VALUES (1, 'mixed', 'quoted', 'ü')`, `INSERT INTO "Foo Bar"."select" VALUES (7)`,
		`INSERT INTO "Foo Bar"."äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüx" VALUES (8)`, `INSERT INTO nothing DEFAULT VALUES`, `INSERT INTO nothing DEFAULT VALUES`,
		`CREATE TABLE reckoned (a int, twice int GENERATED ALWAYS AS (2 * a) STORED)`, `INSERT INTO reckoned VALUES (21)`, `CREATE TABLE wide (`+strings.Join(wide, " bool, ")+` bool)`, `INSERT INTO wide (c1600) VALUES (true)`,
		`INSERT INTO parent VALUES (1, 1, 'own', NULL)`, `INSERT INTO heir VALUES (2, 2, 'child', NULL, 'more')`,
		`INSERT INTO hashed VALUES (1)`, `INSERT INTO measured VALUES ('2024-05-05', 1, 2, 'me'), ('2025-05-05', NULL, 4, 'you')`)
	foo := func(name string) catalog.Name { return catalog.Name{Schema: "Foo Bar", Name: name} }
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		for _, c := range []struct {
			query Query
			want  string
		}{
			{whole(foo("With a space"), "ünïcödé", "select", "quo\"te", "Mixed.Case"), "ü\t1\tquoted\tmixed\n"},
			{whole(foo("select"), `a " b`), "7\n"},
			{whole(foo("äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüx"), "äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüy"), "8\n"},
			{whole(public("nothing")), "\n\n"},
			{whole(public("scratch"), "id"), ""},
			{whole(public("reckoned"), "twice", "a"), "42\t21\n"},
			{whole(public("parent"), "a", "name"), "1\town\n"},
			{whole(public("heir"), "extra", "a"), "more\t2\n"},
			{whole(public("measured_2"), "v", "at"), "4\t2025-05-05\n"},
			{whole(public("wide"), wide...), strings.Repeat("\\N\t", 1599) + "t\n"},
			{Query{Table: public("nothing"), Range: work.Range{Kind: work.Whole}, Limit: 1}, "\n"},
		} {
			if got := copyAll(ctx, t, snap, c.query); got != c.want {
				t.Errorf("%s: got %q, want %q", c.query.Table, got, c.want)
			}
		}
		if _, err := snap.CopyOut(ctx, whole(public("measured"), "v"), io.Discard); err == nil || !strings.Contains(err.Error(), "partitions") {
			t.Errorf("a partitioned table was read as empty: %v", err)
		}
		if _, err := snap.Count(ctx, public("measured"), ""); err == nil {
			t.Error("a partitioned table was counted as empty")
		}
		if _, err := snap.CopyOut(ctx, whole(public("no such table"), "v"), io.Discard); err == nil {
			t.Error("a table that does not exist was read")
		}
		if _, err := snap.CopyOut(ctx, Query{Table: public("scratch"), Range: work.Range{Kind: work.Keys, Name: "x"}}, io.Discard); err == nil {
			t.Error("a database was read by keys")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAConditionCannotDoMoreThanChoose(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a (id int)`, `INSERT INTO a VALUES (1), (2)`, `CREATE TABLE hit (id int)`,
		`CREATE FUNCTION writes() RETURNS bool LANGUAGE sql AS 'INSERT INTO public.hit VALUES (1) RETURNING true'`)
	s := openSource(t, db.DSN())
	evil := map[string]string{
		"true)) TO STDOUT; COMMIT; SET default_transaction_read_only = off; INSERT INTO public.hit VALUES (1); COPY (SELECT (true": "42601",
		"true; DROP TABLE public.a":  "42601",
		"true) OR (true; SELECT 1":   "42601",
		"id = 1 /*":                  "42601",
		"no_such_column":             "42703",
		"id":                         "42804",
		"public.writes()":            "25006",
		"id IN (SELECT id FROM nix)": "42P01",
	}
	err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
		for where, code := range evil {
			q := whole(public("a"), "id")
			q.Where = where
			if _, err := snap.CopyOut(ctx, q, io.Discard); !hasCode(err, code) {
				t.Errorf("copy where %s: %v, want %s", where, err, code)
			}
			if code == "25006" {
				continue // found only by running it, which a check must not
			}
			if err := s.CheckWhere(ctx, public("a"), where); !hasCode(err, code) {
				t.Errorf("check where %s: %v, want %s", where, err, code)
			}
		}
		q := whole(public("a"), "id")
		q.Where = "id > 1 -- the rest"
		if got := copyAll(ctx, t, snap, q); got != "2\n" {
			t.Errorf("got %q", got)
		}
		return s.CheckWhere(ctx, public("a"), q.Where)
	})
	if err != nil {
		t.Error(err)
	}
	if got := db.QueryInt(t, `SELECT count(*) FROM hit`); got != 0 {
		t.Errorf("a condition wrote %d rows", got)
	}
}

func TestNoReaderSeesAPartOfTheRows(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE tenants (id int, tenant int)`, `INSERT INTO tenants SELECT i, i % 3 FROM generate_series(1, 300) i`,
		`ALTER TABLE tenants ENABLE ROW LEVEL SECURITY`, `CREATE POLICY mine ON tenants USING (tenant = 1)`)
	role := pgtest.Role(t, db, "")
	db.Exec(t, `GRANT SELECT ON tenants TO `+role.Name)
	read := func() (rows int64, err error) {
		err = within(t, openSource(t, role.DSN(db)), func(ctx context.Context, snap *Snapshot) (err error) {
			rows, err = snap.CopyOut(ctx, whole(public("tenants"), "id"), io.Discard)
			return err
		})
		return rows, err
	}
	rows, err := read()
	security, ok := errors.AsType[*RowSecurityError](err)
	if !ok || security.Table != public("tenants") || security.Role != role.Name || !strings.Contains(err.Error(), "BYPASSRLS") || rows != 0 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	db.Exec(t, `ALTER ROLE `+role.Name+` BYPASSRLS`)
	if rows, err = read(); err != nil || rows != 300 {
		t.Fatalf("with BYPASSRLS: %d rows, %v", rows, err)
	}
	// The right is taken away after the run has looked: the server refuses, nobody gets a smaller copy.
	err = within(t, openSource(t, role.DSN(db)), func(ctx context.Context, snap *Snapshot) error {
		db.Exec(t, `ALTER ROLE `+role.Name+` NOBYPASSRLS`)
		rows, err := snap.CopyOut(ctx, whole(public("tenants"), "id"), io.Discard)
		if rows != 0 {
			t.Errorf("%d rows came out", rows)
		}
		return err
	})
	if !hasCode(err, "42501") {
		t.Errorf("got %v", err)
	}
}

func TestPartsTileATableThatOthersWriteTo(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE busy (id int PRIMARY KEY, filler text) WITH (autovacuum_enabled = off)`,
		`INSERT INTO busy SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i`, `DELETE FROM busy WHERE id > 15000 OR id % 7 = 0`)
	s := openSource(t, db.DSN())
	err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
		want := copyAll(ctx, t, snap, whole(public("busy"), "id"))
		writers, stopping := errgroup.WithContext(ctx)
		stopping, stop := context.WithCancel(stopping)
		defer stop()
		for i, statements := range [][]string{
			{`INSERT INTO public.busy SELECT max(id) + 1, 'new' FROM public.busy`, `DELETE FROM public.busy WHERE id > 18000`},
			{`UPDATE public.busy SET filler = repeat('y', 300) WHERE id % 100 = 1`},
			{`VACUUM (TRUNCATE true) public.busy`},
		} {
			conn := open(t, db.DSN(), session{name: fmt.Sprintf("writer %d", i)})
			writers.Go(func() error {
				for stopping.Err() == nil {
					for _, statement := range statements {
						if _, err := conn.Exec(ctx, statement); err != nil {
							return err
						}
					}
				}
				return nil
			})
		}
		for _, size := range []int64{1, 7, 50, 1 << 20} {
			if got := tiled(ctx, t, snap, size); got != want {
				t.Errorf("parts of %d blocks: %d bytes of rows, want %d", size, len(got), len(want))
			}
		}
		stop()
		return writers.Wait()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestACountIsTheServersWhoeverReadBefore holds that what was read of a table changes no count of it.
func TestACountIsTheServersWhoeverReadBefore(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE counted (id int)`, `INSERT INTO counted SELECT generate_series(1, 1000)`)
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		few := whole(public("counted"), "id")
		few.Where = "id <= 300"
		limited, first := few, whole(public("counted"), "id")
		limited.Limit = 7
		first.Range = work.Range{Kind: work.Blocks, Hi: 1}
		for _, q := range []Query{limited, first, few, whole(public("counted"), "id")} {
			copyAll(ctx, t, snap, q)
			for where, want := range map[string]int64{"": 1000, few.Where: 300, "id > 990": 10} {
				got, err := snap.Count(ctx, q.Table, where)
				if err != nil {
					return err
				}
				assertEqual(t, "rows where "+where, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tiled reads a table in parts, a few at once, and puts them together in order.
func tiled(ctx context.Context, t *testing.T, snap *Snapshot, size int64) string {
	t.Helper()
	table := snap.tables[public("busy")]
	parts := snap.parts(work.Table{Table: table}, "run", size)
	if size == 1 && int64(len(parts)) != table.Size.Blocks {
		t.Errorf("%d parts of one block, of %d blocks", len(parts), table.Size.Blocks)
	}
	texts := make([]string, len(parts))
	var mu sync.Mutex
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(4) // more than the pool has
	for i, part := range parts {
		readers.Go(func() error {
			var out bytes.Buffer
			_, err := snap.CopyOut(ctx, Query{Table: part.Table, Columns: []string{"id"}, Range: part.Range}, &out)
			mu.Lock()
			defer mu.Unlock()
			texts[i] = out.String()
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(texts, "")
}

func TestPartsAreMadeOfWhatHoldsRows(t *testing.T) {
	heap := func(blocks int64) *catalog.Table {
		return &catalog.Table{Name: public("t"), Kind: catalog.Ordinary, AccessMethod: "heap", Size: catalog.Size{Blocks: blocks}}
	}
	one := []work.Range{{Kind: work.Whole}}
	for _, c := range []struct {
		name  string
		table work.Table
		want  []work.Range
	}{
		{"empty heap", work.Table{Table: heap(0)}, one},
		{"small heap", work.Table{Table: heap(10)}, one},
		{"large heap", work.Table{Table: heap(21)}, []work.Range{{Kind: work.Blocks, Hi: 10}, {Kind: work.Blocks, Lo: 10, Hi: 20}, {Kind: work.Blocks, Lo: 20}}},
		{"exact multiple", work.Table{Table: heap(20)}, []work.Range{{Kind: work.Blocks, Hi: 10}, {Kind: work.Blocks, Lo: 10}}},
		{"arrives empty", work.Table{Table: heap(21), Empty: true}, nil},
		{"partitioned", work.Table{Table: &catalog.Table{Kind: catalog.Partitioned}}, nil},
		{"materialised view", work.Table{Table: &catalog.Table{Kind: catalog.MaterialisedView, AccessMethod: "heap"}}, nil},
		{"foreign", work.Table{Table: &catalog.Table{Kind: catalog.Foreign}}, nil},
		{"columnar", work.Table{Table: &catalog.Table{Kind: catalog.Ordinary, AccessMethod: "columnar", Size: catalog.Size{Blocks: 99}}}, one},
	} {
		var got []work.Range
		for i, part := range (&Snapshot{}).parts(c.table, "run", 10) {
			if part.No != i || part.Run != "run" || part.Table != c.table.Table.Name {
				t.Errorf("%s: part %+v", c.name, part)
			}
			got = append(got, part.Range)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// failing refuses after some bytes, as a full disk or a closed pipe does.
type failing struct{ room int }

var errFull = errors.New("no room")

func (w *failing) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAWriterThatFailsStopsTheReadAndNothingElse(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a AS SELECT i AS id FROM generate_series(1, 200000) i`, `CREATE TABLE small AS SELECT 1 AS id`)
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		for _, room := range []int{0, 100_000} {
			if _, err := snap.CopyOut(ctx, whole(public("a"), "id"), &failing{room: room}); !errors.Is(err, errFull) {
				t.Errorf("got %v", err)
			}
			if _, err := snap.CopyOut(ctx, whole(public("small"), "id"), &failing{}); !errors.Is(err, errFull) {
				t.Errorf("a small table that was not written counts as read: %v", err)
			}
		}
		if got := copyAll(ctx, t, snap, whole(public("small"), "id")); got != "1\n" {
			t.Errorf("afterwards: %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestACancelledReadEndsOnTheServerToo(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE a AS SELECT 1 AS id`)
	ctx, cancel := context.WithCancel(t.Context())
	s := openSource(t, db.DSN())
	c := mustCatalog(t, s)
	err := s.WithSnapshot(ctx, c, allTables(c), func(ctx context.Context, snap *Snapshot) error {
		var group errgroup.Group
		group.Go(func() error {
			q := whole(public("a"), "id")
			q.Where = "EXISTS (SELECT FROM pg_sleep(600))"
			_, err := snap.CopyOut(ctx, q, io.Discard)
			return err
		})
		await(t, db, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = $1`, db.Name())
		cancel()
		return group.Wait()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	await(t, db, `SELECT count(*) FROM (SELECT 1) x WHERE NOT EXISTS (
		SELECT FROM pg_stat_activity WHERE datname = $1 AND application_name = 'lethe/test' AND state <> 'idle')`, db.Name())
}
