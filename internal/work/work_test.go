package work

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
)

// TestAPartTravelsWhole holds that another machine gets the part that was meant.
func TestAPartTravelsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Part{
			Run:   rapid.StringMatching(`[a-z0-9]{13}`).Draw(t, "run"),
			Table: catalog.Name{Schema: rapid.StringMatching(`[a-zA-Z ."ü]{1,12}`).Draw(t, "schema"), Name: rapid.StringMatching(`[a-zA-Z ."ü]{1,12}`).Draw(t, "table")},
			No:    rapid.IntRange(0, 1000).Draw(t, "no"),
			Range: Range{
				Kind: rapid.SampledFrom([]RangeKind{Whole, Blocks, Keys, Ordinals, Stored}).Draw(t, "kind"),
				Lo:   rapid.Int64Range(0, 1<<40).Draw(t, "lo"), Hi: rapid.Int64Range(0, 1<<40).Draw(t, "hi"), Name: rapid.String().Draw(t, "name"),
			},
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Part
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestPartsAreNamedForMessages(t *testing.T) {
	p := Part{Run: "r", Table: catalog.Name{Schema: "public", Name: "with.dot"}, No: 3}
	if got, want := p.String(), `public."with.dot"#3`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := (Count{1, 2}).Add(Count{3, 4}), (Count{4, 6}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTablesAreLoadedWholeWhereThatCostsNoStream(t *testing.T) {
	table := func(name string, size int64) Table {
		return Table{Table: &catalog.Table{Name: catalog.Name{Schema: "public", Name: name}, Kind: catalog.Ordinary, Size: catalog.Size{Bytes: size}}}
	}
	const gigabyte = 1 << 30
	empty, through, leaf, foreign := table("empty", gigabyte), table("through", gigabyte), table("leaf", gigabyte), table("extension", gigabyte)
	empty.Empty, through.Into, foreign.Table.Extension = true, catalog.Name{Schema: "public", Name: "root"}, "postgis"
	leaf.Into = leaf.Table.Name
	tables := []Table{table("small", 1<<20), table("big", 15*gigabyte), table("huge", 17*gigabyte), table("some", gigabyte), empty, through, leaf, foreign}
	for jobs, want := range map[int]string{1: "big some leaf", 2: "big some leaf", 4: "some leaf", 32: ""} {
		ChooseWhole(tables, jobs)
		var got []string
		for _, table := range tables {
			if table.Whole {
				got = append(got, table.Table.Name.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("with %d jobs: %v, want %s", jobs, got, want)
		}
	}
}
