package cli

import (
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/work"
)

// sees reports whether a mask sees the values of a column.
func (r *refreshing) sees(table catalog.Name, column string) bool {
	t := r.plan.Table(table)
	return t == nil || t.Sees(column)
}

// formOf returns the form that the order has a table's rows travel in.
func formOf(tables []work.Table, name catalog.Name) masked.Format {
	for i := range tables {
		if tables[i].Table.Name == name && tables[i].Binary {
			return masked.Binary
		}
	}
	return masked.Text
}
