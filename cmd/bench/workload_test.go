package main

import (
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// small makes the workload at a thousandth in a database of its own.
func small(t *testing.T) (workload, *pgtest.DB) {
	t.Helper()
	db := pgtest.New(t)
	at, err := url.Parse(db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	binaries, err := programs(t.Context(), os.Stderr)
	if err != nil {
		pgtest.Skip(t, err.Error())
	}
	s := &server{binaries: binaries, host: at.Hostname(), port: at.Port()}
	s.password, _ = at.User.Password()
	w := workload{database: db.Name(), dir: "../../testdata/bench", scale: 0.001, server: s, talk: io.Discard}
	if err := w.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w, db
}

// TestTheWorkloadHasItsShape holds what the table of a bench says of the data it copied, and that rounds
// measured on two days copied the same rows.
func TestTheWorkloadHasItsShape(t *testing.T) {
	w, db := small(t)
	_, again := small(t)
	second := pgtest.AllRows(t, again.DSN())
	for table, rows := range pgtest.AllRows(t, db.DSN()) {
		if second[table] != rows {
			t.Errorf("%s differs between two loads", table)
		}
	}
	for query, want := range map[string]int64{
		"SELECT count(*) FROM customers":                                                                                                       2000,
		"SELECT count(*) FROM orders":                                                                                                          5000,
		"SELECT count(*) FROM order_items":                                                                                                     10000,
		"SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'":                                                                          8,
		"SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated":                                                              2,
		"SELECT count(*) FROM pg_constraint WHERE contype = 'u' AND connamespace = 'public'::regnamespace":                                     2,
		"SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace":                                                             0,
		"SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.contact_email <> c.email":                              0,
		"SELECT (count(*) BETWEEN 1000 AND 1900)::int FROM (SELECT DISTINCT customer_id FROM orders) AS o":                                     1,
		"SELECT (count(*) > 200)::int FROM customers WHERE notes LIKE '%' || email || '%'":                                                     1,
		"SELECT (count(*) > 200)::int FROM customers WHERE notes LIKE '%' || full_name || '%'":                                                 1,
		"SELECT (count(*) BETWEEN 1 AND 400)::int FROM customers WHERE phone IS NULL":                                                          1,
		"SELECT (max(c) > 2)::int FROM (SELECT count(*) AS c FROM orders GROUP BY customer_id) AS o":                                           1,
		"SELECT (count(*) < 0.6 * 1999)::int FROM (SELECT national_id < lag(national_id) OVER (ORDER BY id) AS d FROM customers) AS n WHERE d": 1,
	} {
		if got := db.QueryInt(t, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	var listed []string
	for _, table := range tables() {
		for _, c := range table.columns {
			listed = append(listed, table.name+"."+c.name)
		}
	}
	there := db.QueryStrings(t, "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'")
	slices.Sort(listed)
	slices.Sort(there)
	if !slices.Equal(listed, there) {
		t.Errorf("the rules name %v, the tables have %v", listed, there)
	}
	values, err := w.maskedValues(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := db.QueryInt(t, "SELECT count(email) + count(full_name) + count(phone) + count(birth_date) + count(national_id) + count(address) + count(notes) FROM customers") + 2*5000
	if values != want {
		t.Errorf("%d values have masks, want %d", values, want)
	}
}

// TestRulesMaskNineColumnsOrNone holds what the contestants are called by.
func TestRulesMaskNineColumnsOrNone(t *testing.T) {
	for _, c := range []struct {
		masked bool
		alone  string
		kept   int
		empty  int
	}{{true, "", 28 - 9, 0}, {false, "", 28, 0}, {true, "customers", 14 - 7, 2}} {
		text := rules(c.masked, c.alone)
		if got := strings.Count(text, "keep:"); got != c.kept {
			t.Errorf("masked %v, alone %q: %d columns are kept, want %d", c.masked, c.alone, got, c.kept)
		}
		if got := strings.Count(text, "rows: none"); got != c.empty {
			t.Errorf("masked %v, alone %q: %d tables arrive empty, want %d", c.masked, c.alone, got, c.empty)
		}
	}
}
