package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// checkRows settles which rows of each table arrive. A partition follows its root unless it has a line
// of its own that lets fewer rows through.
func (k *compiler) checkRows() {
	for _, t := range k.parentsFirst() {
		if t.rule != nil {
			t.rows, t.where, t.reason, t.rowsPlace = t.rule.rows, t.rule.where, t.rule.reason, t.rule.rowsPlace
		}
		if t.catalog.IsPartition && len(t.parents) > 0 {
			k.partitionRows(t, t.parents[0])
		}
		if t.catalog.Kind == catalog.Foreign && t.hasRows() {
			k.report(finding.Finding{
				Code: "foreign-table", Place: t.rowsPlace, Object: t.name().String(),
				Fix: fmt.Sprintf(`add "%s: {rows: none}" under tables:, or drop: with a reason`, spellKey(t.name().String())),
			}, "the rows of a foreign table live on another server, where a copy must not write")
		}
	}
}

// partitionRows applies the decision about parent to its partition t.
func (k *compiler) partitionRows(t, parent *table) {
	if t.rows == RowsDropped && parent.rows != RowsDropped {
		k.report(finding.Finding{
			Code: "dropped-partition", Place: t.rowsPlace, Object: t.name().String(), Fix: `write "rows: none", which leaves the partition empty`,
		}, "a partition cannot be dropped alone: rows of %s could lose their place", parent.name())
		return
	}
	if parent.rows == RowsAll {
		return
	}
	if t.rowsPlace != (finding.Place{}) && (t.rows != parent.rows || t.where != parent.where) && (t.rows != RowsNone || parent.rows == RowsDropped) {
		k.report(finding.Finding{
			Code: "partition-decision", Place: t.rowsPlace, Object: t.name().String(), Fix: "delete the line",
		}, "a partition follows %s, which has rows: %s at %s", parent.name(), parent.rows, parent.rowsPlace)
	}
	if t.rows != RowsNone {
		t.rows, t.where, t.reason = parent.rows, parent.where, parent.reason
	}
}

// checkParts looks at every foreign key whose parent loses rows: nothing that arrives may refer to a row
// that does not.
func (k *compiler) checkParts() {
	for _, t := range k.tables {
		for i := range t.catalog.ForeignKeys {
			k.checkReference(t, &t.catalog.ForeignKeys[i])
		}
		if t.rows == RowsDropped {
			continue
		}
		for _, parent := range t.parents {
			if parent.rows == RowsDropped && !t.catalog.IsPartition {
				k.report(finding.Finding{
					Code: "dropped-parent", Place: parent.rowsPlace, Object: t.name().String(), Fix: "drop both tables, or keep both",
				}, "inherits from %s, which is dropped", parent.name())
			}
		}
	}
}

func (k *compiler) checkReference(t *table, key *catalog.ForeignKey) {
	parent := k.byName[key.References]
	if parent == nil || t.rows == RowsDropped {
		return
	}
	lost := k.losesRows(parent)
	if lost == nil {
		return
	}
	f := finding.Finding{Code: "dangling-rows", Place: lost.rowsPlace, Object: t.name().String()}
	if lost.rows == RowsDropped {
		if lost.root() == t.root() {
			return
		}
		f.Fix = fmt.Sprintf("drop %s too, or write \"rows: none\" for %s", t.name(), lost.name())
		k.report(f, "its foreign key %s refers to %s, which is dropped", key.Name, lost.name())
		return
	}
	if !k.anyRows(t) || k.nulled(t, key) || !key.Enforced {
		return
	}
	if t.root() == lost.root() && lost.rows == RowsNone && lost == lost.root() {
		return
	}
	f.Fix = fmt.Sprintf(`write "rows: none" for %s too, or decide %s with the mask null, or let %s keep its rows`, t.name(), strings.Join(key.Columns, ", "), lost.name())
	if lost.rows == RowsWhere && (t.rows == RowsWhere || t.root() == lost.root()) {
		f.Severity = finding.Warning
		f.Fix = "make sure that the conditions agree: the run checks every foreign key before it publishes"
		k.report(f, "its foreign key %s refers to %s, and both have a condition on their rows", key.Name, lost.name())
		return
	}
	k.report(f, "its foreign key %s refers to %s, of which %s", key.Name, lost.name(),
		map[RowsMode]string{RowsNone: "no row arrives", RowsWhere: "only some rows arrive"}[lost.rows])
}

// losesRows returns t or the partition of it that does not arrive in full, nil when all rows do.
func (k *compiler) losesRows(t *table) *table {
	if t.rows != RowsAll {
		return t
	}
	for _, child := range t.children {
		if !child.catalog.IsPartition {
			continue
		}
		if lost := k.losesRows(child); lost != nil {
			return lost
		}
	}
	return nil
}

// anyRows reports whether rows of t or of a partition of it arrive.
func (k *compiler) anyRows(t *table) bool {
	if t.catalog.Kind != catalog.Partitioned {
		return t.hasRows()
	}
	return slices.ContainsFunc(t.children, k.anyRows)
}

// nulled reports whether a foreign key's columns arrive NULL, so that it refers to nothing: one column is
// enough, but for MATCH FULL.
func (k *compiler) nulled(t *table, key *catalog.ForeignKey) bool {
	n := 0
	for _, name := range key.Columns {
		if c := t.byName[name]; c != nil && c.family.final != nil && c.family.final.isNull() {
			n++
		}
	}
	return n == len(key.Columns) || n > 0 && !matchFull(key)
}

func matchFull(key *catalog.ForeignKey) bool { return strings.Contains(key.Definition, " MATCH FULL") }
