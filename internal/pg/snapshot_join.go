package pg

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// joined returns the SELECT of a query with joins. The table's own rows are picked in a query inside, where a
// condition from the rules sees no name but theirs, and a limit is a limit on them.
func joined(q Query) (string, error) {
	inside := slices.Clone(q.Columns)
	for _, join := range q.Joins {
		if join.From == 0 {
			inside = append(inside, join.Columns...)
		}
	}
	inner, err := selection(q, columnList(distinctNames(inside)))
	if err != nil {
		return "", err
	}
	list := make([]string, 0, len(q.Columns)+len(q.Joined))
	for _, column := range q.Columns {
		list = append(list, columnOf(0, column))
	}
	for _, column := range q.Joined {
		list = append(list, columnOf(column.Join, column.Column))
	}
	query := "SELECT " + strings.Join(list, ", ") + " FROM (" + inner + "\n) AS " + rowAlias(0)
	for i, join := range q.Joins {
		var on []string
		for j, column := range join.Columns {
			on = append(on, columnOf(i+1, join.Referenced[j])+" = "+columnOf(join.From, column))
		}
		query += " LEFT JOIN " + joinedRelation(join) + " AS " + rowAlias(i+1) + " ON " + strings.Join(on, " AND ")
	}
	return query, nil
}

// joinedRelation names the rows that may be referred to: a foreign key never looks at those of inheriting tables.
func joinedRelation(join work.Join) string {
	if join.Tree {
		return join.Table.SQL()
	}
	return "ONLY " + join.Table.SQL()
}

// rowAlias is what the n-th row of a query with joins is called.
func rowAlias(n int) string { return "row" + strconv.Itoa(n) }

// columnOf names a column of the n-th row.
func columnOf(n int, column string) string {
	return rowAlias(n) + "." + catalog.QuoteIdentifier(column)
}

func distinctNames(names []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}
