package work

import (
	"cmp"
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
)

// LargestFirst returns the tables in the order in which they are read where none waits for another: what takes
// longest must not come last.
func LargestFirst(tables []Table) []Table {
	sorted := slices.Clone(tables)
	slices.SortStableFunc(sorted, func(a, b Table) int {
		return cmp.Or(-cmp.Compare(a.Table.Size.Bytes, b.Table.Size.Bytes), a.Table.Name.Compare(b.Table.Name))
	})
	return sorted
}

const (
	// leastWhole is how large a table is that is worth being emptied once more: below it the server's new
	// files cost more than frozen rows save.
	leastWhole = 64 << 20
	// mostWhole bounds what is read and loaded anew when the one part breaks off: some minutes' work.
	mostWhole = 16 << 30
	// saturated is how many jobs one stream of rows keeps busy: the server that sends, the masks and the
	// server that loads work at once.
	saturated = 2
)

// ChooseWhole sets which tables are loaded whole, so that their rows arrive frozen: the passes that build
// indexes and count need not look up and note whether each row's transaction committed, and the first VACUUM
// finds its work done. It costs the table its other streams: with more jobs than one stream keeps busy, it is
// done for tables that are small beside what each job has to do.
func ChooseWhole(tables []Table, jobs int) {
	var all int64
	for _, table := range tables {
		if !table.Empty {
			all += table.Table.Size.Bytes
		}
	}
	most := int64(mostWhole)
	if jobs > saturated {
		most = min(most, all/int64(jobs)/2)
	}
	for i := range tables {
		t := &tables[i]
		own := t.Into.IsZero() || t.Into == t.Table.Name
		t.Whole = !t.Empty && t.Table.Kind == catalog.Ordinary && t.Table.Made() && own &&
			t.Table.Size.Bytes >= leastWhole && t.Table.Size.Bytes <= most
	}
}
