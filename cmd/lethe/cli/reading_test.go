package cli

import (
	"slices"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// TestATableStaysLockedUntilItsLastReaderIsDone: rows that vanish before would be read as if there were none.
func TestATableStaysLockedUntilItsLastReaderIsDone(t *testing.T) {
	name := func(s string) catalog.Name { return catalog.Name{Schema: "s", Name: s} }
	table := func(s string, joins ...string) work.Table {
		made := work.Table{Table: &catalog.Table{Name: name(s)}}
		for _, join := range joins {
			made.Joins = append(made.Joins, work.Join{Table: name(join)})
		}
		return made
	}
	part := table("part")
	part.Table.IsPartition, part.Table.Parents = true, []catalog.Name{name("parent")}
	own, order, item := table("own", "own"), table("order", "parent"), table("item", "order", "parent", "parent")
	r := newReaders([]work.Table{table("parent"), part, own, order, item})
	for _, step := range []struct {
		table work.Table
		want  []catalog.Name
	}{
		{own, []catalog.Name{name("own")}},
		{table("parent"), nil},
		{part, nil},
		{order, nil},
		{item, []catalog.Name{name("item"), name("order"), name("parent"), name("part")}},
	} {
		got := r.done(step.table)
		slices.SortFunc(got, catalog.Name.Compare)
		if !slices.Equal(got, step.want) {
			t.Errorf("after %s: %v may be let go of, want %v", step.table.Table.Name, got, step.want)
		}
	}
}
