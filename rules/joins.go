package rules

import (
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// joins collects, for one table, the rows that it is read together with.
type joins struct {
	k       *compiler
	table   *table
	joins   []work.Join
	columns []joinedColumn
}

// joinedColumn is a column of such a row, and what its mask reads, by paths from the table.
type joinedColumn struct {
	path     string
	read     work.JoinedColumn
	column   *column
	siblings []string
}

// plan returns the decision for the column as the table that reads it has it.
func (j joinedColumn) plan() JoinedColumn {
	made := JoinedColumn{Path: j.path, Read: j.read, ColumnPlan: j.column.plan()}
	made.Siblings = j.siblings
	return made
}

// joinRows finds for every table what its masks read of other rows, and of those what their masks read in turn.
func (k *compiler) joinRows() {
	for _, t := range k.tables {
		if !t.hasRows() {
			continue
		}
		j := &joins{k: k, table: t}
		for _, c := range t.columns {
			if c.family.final != nil && !j.read(nil, t, c, nil) {
				break // a finding says why
			}
		}
		t.joins, t.joined = j.joins, j.columns
	}
}

// read adds what the mask of c, a column of at, reads of other rows; prefix is the way from the table to at, and
// through are the columns whose masks asked for it.
func (j *joins) read(prefix route, at *table, c *column, through []*column) bool {
	if slices.Contains(through, c) {
		j.k.report(finding.Finding{
			Code: "row-cycle", Place: c.family.final.place, Object: c.name(), Fix: "let one of the masks read fewer columns",
		}, "its mask reads what it makes itself, by way of other rows")
		return false
	}
	through = append(slices.Clone(through), c)
	for _, s := range c.family.siblings {
		if len(prefix) == 0 && len(s.path) == 1 {
			continue
		}
		way := j.k.quietly(at, s.path)
		if way == nil || !j.add(slices.Concat(prefix, s.path), way.column, through, s.place) {
			return false
		}
	}
	return true
}

// add adds the column at the end of full, once, and what its mask reads.
func (j *joins) add(full route, c *column, through []*column, at finding.Place) bool {
	name := full.String()
	if slices.ContainsFunc(j.columns, func(known joinedColumn) bool { return known.path == name }) {
		return true
	}
	if j.table.byName[name] != nil {
		j.k.report(finding.Finding{
			Code: "bad-path", Place: at, Object: j.table.name().Column(name), Fix: "reach it by another column",
		}, "a column of the table has that very name")
		return false
	}
	if c.family.final == nil {
		return false // why there is no decision is a finding already
	}
	if c.family.final.gathers() && j.k.losesRows(c.table) != nil {
		j.k.report(finding.Finding{
			Code: "bad-path", Place: at, Object: c.name(), Fix: "name another column, or let all rows of the table arrive",
		}, "the mask %s knows nothing of rows that do not arrive", c.family.final.definition.Name)
		return false
	}
	prefix := full[:len(full)-1]
	made := joinedColumn{path: name, read: work.JoinedColumn{Join: j.to(full), Column: c.catalog.Name}, column: c}
	for _, s := range c.family.siblings {
		made.siblings = append(made.siblings, slices.Concat(prefix, s.path).String())
	}
	j.columns = append(j.columns, made)
	return j.read(prefix, c.table, c, through)
}

// to returns the number of the join that finds the row which holds the end of full.
func (j *joins) to(full route) int {
	from := 0
	for _, s := range j.k.walk(finding.Place{}, j.table, full).steps {
		made := work.Join{
			From: from, Table: s.to.name(), Tree: s.to.catalog.Kind == catalog.Partitioned, Columns: s.columns, Referenced: s.referenced,
		}
		at := slices.IndexFunc(j.joins, func(known work.Join) bool {
			return known.From == made.From && known.Table == made.Table && slices.Equal(known.Columns, made.Columns) &&
				slices.Equal(known.Referenced, made.Referenced)
		})
		if at < 0 {
			at = len(j.joins)
			j.joins = append(j.joins, made)
		}
		from = at + 1
	}
	return from
}
