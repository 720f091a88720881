package builtin_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

// shuffled is one row of a table with a primary key of two columns, a column to stay within, and a column to shuffle.
type shuffled struct{ id, part, within, value string }

func (r shuffled) row() masktest.Row {
	ins := [][]byte{[]byte(r.id), []byte(r.part), []byte(r.within)}
	if r.within == "NULL" {
		ins[2] = nil
	}
	return masktest.Row{Ins: ins, Outs: ins}
}

func (r shuffled) of() anonymize.Value {
	return anonymize.Value{Text: []byte(r.value), Null: r.value == "NULL", Row: r.row()}
}

func shuffleArgs(column string, params map[string]any) anonymize.Args {
	a := args("text", params)
	a.Column, a.Table, a.RowKey = column, catalog.Name{Schema: "public", Name: "people"}, []string{"id", "part"}
	a.Siblings = map[string]int{"id": 0, "part": 1, "within": 2}
	return a
}

// shuffle shows a mask the rows, in any order, and returns what each becomes, in the order given.
func shuffle(t interface {
	Helper()
	Fatal(...any)
}, m anonymize.Mask, dir string, rows []shuffled) []string {
	t.Helper()
	g := m.(anonymize.Gatherer).Gather(dir)
	defer func() { _ = g.Close() }()
	for _, i := range rand.Perm(len(rows)) {
		if err := g.See(rows[i].of()); err != nil {
			t.Fatal(err)
		}
	}
	ready, err := g.Done()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(rows))
	for _, i := range rand.Perm(len(rows)) {
		text, err := ready.Append([]byte("before"), rows[i].of())
		switch {
		case err != nil:
			t.Fatal(err)
		case text == nil:
			out[i] = "NULL"
		default:
			out[i] = string(text[len("before"):])
		}
	}
	if len(rows) > 0 {
		other := rows[0]
		other.id += " of another"
		if _, err := ready.Append(nil, other.of()); err == nil {
			t.Fatal("a row that was not seen was masked")
		}
	}
	return out
}

// TestShuffleIsAPermutation: whatever the rows, every value stays as often as it is, also within groups that are large
// enough, nobody keeps the own one, and the order of reading does not matter.
func TestShuffleIsAPermutation(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		least := rapid.IntRange(2, 6).Draw(r, "least")
		var rows []shuffled
		sizes := map[string]int{}
		for g, size := range rapid.SliceOfN(rapid.IntRange(0, 12), 1, 12).Draw(r, "groups") {
			for range size {
				i := len(rows)
				within := fmt.Sprint("g", g)
				if g == 0 {
					within = "NULL"
				}
				sizes[within]++
				// Values say whose they are, so that one that stays is seen.
				rows = append(rows, shuffled{fmt.Sprint(i / 3), fmt.Sprint(i % 3), within, fmt.Sprintf("of %d in %s %s", i, within, strings.Repeat("x", i*37%200))})
			}
		}
		params := map[string]any{"least": int64(least)}
		if rapid.Bool().Draw(r, "grouped") {
			params["within"] = []string{"within"}
		}
		m := made(t, "shuffle", shuffleArgs("name", params), 0)
		if len(rows) > 0 && len(rows) < least {
			g := m.(anonymize.Gatherer).Gather(dir)
			defer func() { _ = g.Close() }()
			for _, row := range rows {
				if err := g.See(row.of()); err != nil {
					r.Fatal(err)
				}
			}
			if _, err := g.Done(); err == nil {
				r.Fatalf("%d rows were shuffled among %d", len(rows), least)
			}
			return
		}
		out := shuffle(r, m, dir, rows)
		if again := shuffle(r, m, dir, rows); !slices.Equal(out, again) {
			r.Fatal("another order of reading gave another result")
		}
		outside := 0
		for i, row := range rows {
			if out[i] == row.value {
				r.Fatalf("row %d keeps its value", i)
			}
			var from int
			var of string
			if _, err := fmt.Sscanf(out[i], "of %d in %s", &from, &of); err != nil {
				r.Fatal(err)
			}
			if params["within"] != nil && of != row.within {
				outside++
				if sizes[row.within] >= least && sizes[of] >= least {
					r.Fatalf("a value went from a group of %d to one of %d, though %d are enough", sizes[of], sizes[row.within], least)
				}
			}
		}
		var all []string
		for _, row := range rows {
			all = append(all, row.value)
		}
		if slices.Sort(all); !slices.Equal(all, slices.Sorted(slices.Values(out))) {
			r.Fatal("values were lost or came twice")
		}
	})
}

func TestShuffleMovesColumnsOfAGroupTogether(t *testing.T) {
	var names, cities, alone []shuffled
	for i := range 500 {
		id := fmt.Sprint(i)
		names = append(names, shuffled{id, "", "", "name " + id})
		cities = append(cities, shuffled{id, "", "", id})
		alone = append(alone, shuffled{id, "", "", id})
	}
	names[7].value, cities[7].value = "NULL", "NULL"
	together := map[string]any{"group": "address"}
	name := shuffle(t, made(t, "shuffle", shuffleArgs("name", together), 0), t.TempDir(), names)
	city := shuffle(t, made(t, "shuffle", shuffleArgs("city", together), 0), t.TempDir(), cities)
	apart := shuffle(t, made(t, "shuffle", shuffleArgs("city", nil), 0), t.TempDir(), alone)
	otherKey := shuffle(t, made(t, "shuffle", shuffleArgs("city", together), 1), t.TempDir(), alone)
	met, same := 0, 0
	for i := range names {
		if name[i] != "name "+city[i] && name[i] != city[i] {
			t.Fatalf("row %d has %q with %q", i, name[i], city[i])
		}
		if city[i] == apart[i] {
			met++
		}
		if city[i] == otherKey[i] {
			same++
		}
	}
	if met > 10 || same > 10 {
		t.Errorf("of 500 values %d came alike to a column that moves alone, %d under another key", met, same)
	}
}

func TestShuffleRefusesWhatItCannotKeep(t *testing.T) {
	d := lookup(t, "shuffle")
	a := shuffleArgs("name", map[string]any{"least": int64(10)})
	if err := d.Check(a); err != nil {
		t.Error(err)
	}
	a.RowKey = nil
	if d.Check(a) == nil {
		t.Error("a table without a primary key was taken")
	}
	if d.Check(shuffleArgs("name", map[string]any{"least": int64(1)})) == nil {
		t.Error("least: 1 was taken")
	}
	if out, err := made(t, "shuffle", shuffleArgs("name", nil), 0).Append(nil, (shuffled{id: "1", part: "2"}).of()); err == nil {
		t.Errorf("without a look at the column it wrote %q", out)
	}
	if out := shuffle(t, made(t, "shuffle", shuffleArgs("name", nil), 0), t.TempDir(), nil); len(out) > 0 {
		t.Errorf("of no rows it made %q", out)
	}
}

// TestShuffleSpills holds for more rows than fit into memory.
func TestShuffleSpills(t *testing.T) {
	const rows = 300_000
	m := made(t, "shuffle", shuffleArgs("name", nil), 0)
	value := func(i int) shuffled {
		return shuffled{fmt.Sprint(i), "", "", fmt.Sprintf("a text of some length, number %d, to fill memory", i)}
	}
	g := m.(anonymize.Gatherer).Gather(t.TempDir())
	defer func() { _ = g.Close() }()
	for i := range rows {
		if err := g.See(value(i).of()); err != nil {
			t.Fatal(err)
		}
	}
	ready, err := g.Done()
	if err != nil {
		t.Fatal(err)
	}
	seen := make([]bool, rows)
	for i := range rows {
		out, err := ready.Append(nil, value(i).of())
		if err != nil {
			t.Fatal(err)
		}
		var from int
		if _, err := fmt.Sscanf(string(out), "a text of some length, number %d,", &from); err != nil || seen[from] || from == i {
			t.Fatalf("row %d got %q", i, out)
		}
		seen[from] = true
	}
}

// BenchmarkShuffle prices a value of a column that was looked at: of one that fits into memory, and of one that does not.
func BenchmarkShuffle(b *testing.B) {
	for name, rows := range map[string]int{"memory": 50_000, "file": 2_000_000} {
		m := made(b, "shuffle", shuffleArgs("name", nil), 0)
		g := m.(anonymize.Gatherer).Gather(b.TempDir())
		values := make([]anonymize.Value, rows)
		for i := range values {
			values[i] = shuffled{fmt.Sprint(i), "", "", "a value"}.of()
			if err := g.See(values[i]); err != nil {
				b.Fatal(err)
			}
		}
		ready, err := g.Done()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 64)
			for i := 0; b.Loop(); i++ {
				if _, err := ready.Append(dst, values[i%rows]); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := g.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
