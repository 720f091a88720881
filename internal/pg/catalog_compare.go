package pg

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
)

// firstDifference names the first object in which two catalogs differ in more than size and statistics,
// and "" when they are the same. Tables come first: it is they that are read.
func firstDifference(a, b *catalog.Catalog) string {
	if name := firstOther(a.Tables, b.Tables, func(t catalog.Table) string { return "table " + t.Name.String() }); name != "" {
		return name
	}
	if name := firstOther(a.Schemas, b.Schemas, func(s catalog.Schema) string { return "schema " + s.Name }); name != "" {
		return name
	}
	if name := firstOther(a.Sequences, b.Sequences, func(s catalog.Sequence) string { return "sequence " + s.Name.String() }); name != "" {
		return name
	}
	if name := firstOther(a.Extensions, b.Extensions, func(e catalog.Extension) string { return "extension " + e.Name }); name != "" {
		return name
	}
	if a.Server != b.Server || a.Database != b.Database {
		return "database " + a.Database
	}
	return ""
}

// firstOther compares two sorted lists of objects as the digest of a catalog sees them, and names the
// first that only one of them has or that differs.
func firstOther[T any](a, b []T, name func(T) string) string {
	has := func(list []T, wanted string) bool {
		return slices.ContainsFunc(list, func(object T) bool { return name(object) == wanted })
	}
	for i := range max(len(a), len(b)) {
		switch {
		case i < len(a) && i < len(b) && bytes.Equal(lasting(a[i]), lasting(b[i])):
		case i < len(b) && !has(a, name(b[i])):
			return name(b[i])
		default:
			return name(a[i]) // gone, or changed: what b has beyond a was named above
		}
	}
	return ""
}

// lasting is an object as JSON, without what changes while the schema stands still.
func lasting(object any) []byte {
	if table, ok := object.(catalog.Table); ok {
		table.Size = catalog.Size{}
		columns := make([]catalog.Column, len(table.Columns))
		for i, column := range table.Columns {
			column.Stats = catalog.Stats{}
			columns[i] = column
		}
		table.Columns = columns
		object = table
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil // plain data always marshals; nil equals nothing but another failure of the same kind
	}
	return text
}
