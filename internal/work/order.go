package work

import (
	"cmp"
	"slices"
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
