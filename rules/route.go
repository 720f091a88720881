package rules

import (
	"fmt"
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// route names a column that a mask reads: a column of its table, or a way over columns that refer to other rows, such
// as customer_id.email.
type route []string

// String spells p as rules write it; a column alone is spelled as the catalog has it.
func (p route) String() string {
	if len(p) == 1 {
		return p[0]
	}
	return catalog.Spell(p...)
}

// step is one row that a path goes on to.
type step struct {
	to *table
	// columns refer to referenced, pairwise.
	columns, referenced []string
}

// walked is a path that was followed: the steps, and the column at its end.
type walked struct {
	steps  []step
	column *column
}

// walk follows p from t. It reports what stands in the way, at, and returns nil then.
func (k *compiler) walk(at finding.Place, t *table, p route) *walked {
	w := &walked{}
	for _, name := range p[:len(p)-1] {
		next := k.step(at, t, name)
		if next == nil {
			return nil
		}
		w.steps = append(w.steps, *next)
		t = next.to
	}
	last := p[len(p)-1]
	if !k.checkColumn(at, t, last) {
		return nil
	}
	w.column = t.byName[last]
	return w
}

// readable reports whether the mask on c can read s, after saying why not.
func (k *compiler) readable(s sibling, c *column) bool {
	w := k.walk(s.place, c.table, s.path)
	if w == nil {
		return false
	}
	if final := w.column.family.final; final != nil && final.definition != nil && final.definition.Name == recomputeMask {
		k.report(finding.Finding{
			Code: "bad-path", Place: s.place, Object: c.name(), Fix: "name another column, or compute this one in the new database too",
		}, "the mask reads %s, which is computed only when all rows are there", w.column.name())
		return false
	}
	return true
}

// quietly is walk for a path that is checked elsewhere.
func (k *compiler) quietly(t *table, p route) *walked {
	known := len(k.findings)
	w := k.walk(finding.Place{}, t, p)
	k.findings = k.findings[:known]
	return w
}

// step finds the row that a column of t refers to.
func (k *compiler) step(at finding.Place, t *table, name string) *step {
	if !t.hasColumn(name) {
		k.checkColumn(at, t, name)
		return nil
	}
	ways := k.ways(t, name)
	f := finding.Finding{Code: "bad-path", Place: at, Object: t.name().Column(name)}
	if len(ways) == 0 {
		f.Fix = "name a column with a foreign key, or declare the reference under references:"
		k.report(f, "the column refers to no row that a mask could read")
		return nil
	}
	if len(ways) > 1 {
		f.Fix = "name a column that only one of them holds"
		k.report(f, "the column refers to rows of %s and of %s", ways[0].to.name(), ways[1].to.name())
		return nil
	}
	way := &ways[0]
	switch {
	case !k.allRows(way.to):
		f.Fix = fmt.Sprintf("let the rows of %s arrive, or name another column", way.to.name())
		k.report(f, "the column refers to %s, of which not all tables arrive with rows", way.to.name())
		return nil
	case !way.to.distinct(way.referenced):
		f.Fix = "make a unique index on them in production, or name another column"
		k.report(f, "several rows of %s may be equal in the columns that it refers to", way.to.name())
		return nil
	case slices.ContainsFunc(way.referenced, way.to.comparedApart):
		f.Fix = "name another column"
		k.report(f, "it refers to %s by a type that compares in a way of its own, such as citext", way.to.name())
		return nil
	}
	return way
}

// ways returns where a column of t leads to, by foreign keys, those of the tables that t is a partition of included,
// and by references that hold for every row.
func (k *compiler) ways(t *table, name string) []step {
	var out []step
	add := func(to catalog.Name, columns, referenced []string) {
		made := step{to: k.byName[to], columns: columns, referenced: referenced}
		known := slices.ContainsFunc(out, func(s step) bool {
			return s.to == made.to && slices.Equal(s.columns, columns) && slices.Equal(s.referenced, referenced)
		})
		if made.to != nil && slices.Contains(columns, name) && !known {
			out = append(out, made)
		}
	}
	for at := t; ; at = at.parents[0] {
		for _, key := range at.catalog.ForeignKeys {
			add(key.References, key.Columns, key.ReferencedColumns)
		}
		for _, r := range k.file.references {
			if r.From == at.name() && len(r.When) == 0 {
				add(r.To, r.FromColumns, r.ToColumns)
			}
		}
		if !at.catalog.IsPartition || len(at.parents) == 0 {
			return out
		}
	}
}

// hasColumn reports whether t has a column, copied or generated.
func (t *table) hasColumn(name string) bool { return t.catalog.Column(name) != nil }

// allRows reports whether t and every partition of it arrive with rows: only then are they locked while they are
// read. Conditions do not matter, since rows that do not arrive are read all the same.
func (k *compiler) allRows(t *table) bool {
	if !t.hasRows() {
		return false
	}
	return !slices.ContainsFunc(t.children, func(child *table) bool { return child.catalog.IsPartition && !k.allRows(child) })
}

// distinct reports whether an index lets no two rows of t be equal in columns.
func (t *table) distinct(columns []string) bool {
	return slices.ContainsFunc(t.catalog.Indexes, func(index catalog.Index) bool {
		if !index.Unique || index.Predicate != "" || index.Exclusion || !index.Valid && t.catalog.Kind != catalog.Partitioned {
			return false
		}
		return !slices.ContainsFunc(index.Columns, func(part catalog.IndexPart) bool { return !slices.Contains(columns, part.Column) })
	})
}

// comparedApart reports whether a column's equality is not the server's own: which one a query finds depends on the
// search path.
func (t *table) comparedApart(name string) bool {
	c := t.catalog.Column(name)
	return c == nil || c.Type.Extension != "" || c.Type.Base == "citext" || c.Type.Class() == catalog.ClassOther
}
