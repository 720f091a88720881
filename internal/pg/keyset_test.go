package pg

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/pgtest"
)

// TestKeysAreReadAsTheyPass holds for rows in pieces of any size: the sets are exactly the columns' values.
func TestKeysAreReadAsTheyPass(t *testing.T) {
	number := rapid.OneOf(rapid.Int64Range(-5, 70000), rapid.Int64(), rapid.Just(int64(math.MinInt64)), rapid.Just(int64(math.MaxInt64)))
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 4).Draw(t, "columns")
		read := rapid.SliceOfN(rapid.Bool(), columns, columns).Draw(t, "read")
		r := &keyReader{most: 1 << 30}
		want := make([]map[int64]bool, columns)
		for i := range read {
			if read[i] {
				r.sets = append(r.sets, make([]*keySet, i+1-len(r.sets))...)
				r.sets[i], want[i] = &keySet{}, map[int64]bool{}
			}
		}
		var text strings.Builder
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			for i := range columns {
				field := rapid.SampledFrom([]string{`\N`, `a\tb`, ``, `12x`, `\\`}).Draw(t, "field")
				if read[i] && field != `\N` || rapid.Bool().Draw(t, "numeric") {
					v := number.Draw(t, "value")
					field = strconv.FormatInt(v, 10)
					if read[i] {
						want[i][v] = true
					}
				}
				text.WriteString(field + map[bool]string{true: "\n", false: "\t"}[i == columns-1])
			}
		}
		for rest := text.String(); rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if took, err := r.Write([]byte(rest[:n])); took != n || err != nil {
				t.Fatalf("took %d of %d, %v", took, n, err)
			}
			rest = rest[n:]
		}
		if r.broken {
			t.Fatal("nothing was wrong with the keys")
		}
		for i, set := range r.sets {
			if set == nil {
				continue
			}
			exact := &keySet{}
			for v := range want[i] {
				exact.add(v)
			}
			if !set.within(exact) || !exact.within(set) {
				t.Fatalf("column %d: other keys than those that passed", i)
			}
		}
	})
}

// TestKeysOfTheBinaryFormAreThoseOfTheText holds for what the server itself writes.
func TestKeysOfTheBinaryFormAreThoseOfTheText(t *testing.T) {
	db := pgtest.New(t)
	conn, err := connect(t.Context(), db.DSN(), session{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeNow(conn)
	const rows = `SELECT i::bigint * (CASE i % 3 WHEN 0 THEN -1 ELSE 4000000000 END), CASE i % 5 WHEN 0 THEN NULL ELSE repeat('x', i) END,
		CASE i % 7 WHEN 0 THEN NULL ELSE (i - 50)::int2 END, i * -3, now() FROM generate_series(1, 300) i`
	read := func(format string, piece int) *keyReader {
		r := &keyReader{most: 1 << 30, sets: []*keySet{{}, nil, {}, {}}}
		if format == "binary" {
			r.binary = newBinaryFields()
		}
		var all bytes.Buffer
		if _, err := conn.PgConn().CopyTo(t.Context(), &all, "COPY ("+rows+") TO STDOUT (FORMAT "+format+")"); err != nil {
			t.Fatal(err)
		}
		for all.Len() > 0 {
			_, _ = r.Write(all.Next(piece))
		}
		return r
	}
	want := read("text", 100)
	for _, piece := range []int{1, 3, 19, 64, 1 << 20} {
		got := read("binary", piece)
		if got.broken || got.rows != 300 {
			t.Fatalf("pieces of %d: %d rows, broken %v", piece, got.rows, got.broken)
		}
		for i, set := range got.sets {
			if set != nil && (!set.within(want.sets[i]) || !want.sets[i].within(set)) {
				t.Errorf("pieces of %d: column %d has other keys", piece, i)
			}
		}
	}
}

func TestOneKeyTooManyIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOf(rapid.Int64()).Draw(t, "keys")
		extra := rapid.Int64().Draw(t, "extra")
		var parent, part, child keySet
		known := false
		for i, v := range keys {
			if i%2 == 0 {
				parent.add(v)
			} else {
				part.add(v)
			}
			child.add(v)
			known = known || v == extra
		}
		parent.merge(&part)
		if !child.within(&parent) {
			t.Fatal("keys that are there were not found")
		}
		child.add(extra)
		if child.within(&parent) != known {
			t.Fatal("a key that dangles was not seen")
		}
	})
}

func TestKeysThatAreNoIntegersOrTooManyProveNothing(t *testing.T) {
	for what, rows := range map[string]string{"text": "12x\n", "nothing": "\n", "many": strings.Repeat("1\n", 4095) + "99999999\n", "too long": "123456789012345678901\n"} {
		r := &keyReader{most: pageBytes, sets: []*keySet{{}}}
		if _, err := r.Write([]byte(rows)); err != nil || !r.broken {
			t.Errorf("%s: taken as keys", what)
		}
	}
}

func BenchmarkKeyReader(b *testing.B) {
	row := "1234567\t1234567\t1234\t3\t17.50\t0.15\n"
	rows := []byte(strings.Repeat(row, 1000))
	b.SetBytes(int64(len(rows)))
	for b.Loop() {
		r := &keyReader{most: 1 << 20, sets: []*keySet{{}, {}}}
		_, _ = r.Write(rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}
