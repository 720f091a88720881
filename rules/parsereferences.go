package rules

import (
	"cmp"
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
)

func referenceKeys() []string { return []string{"from", "to", "when"} }

func (p *parse) references(n node) {
	if !p.want(n, kindList, "references") {
		return
	}
	for _, entry := range n.list {
		if !p.mapping(entry, "a reference") {
			continue
		}
		r := Reference{Place: entry.place}
		if len(entry.fields) > 0 {
			r.Place = entry.fields[0].place
		}
		for _, f := range entry.fields {
			if !slices.Contains(referenceKeys(), f.key) {
				p.unknown(f, "a reference", referenceKeys())
			}
		}
		before := len(p.findings)
		r.From, r.FromColumns = p.referenceSide(entry, "from")
		r.To, r.ToColumns = p.referenceSide(entry, "to")
		r.When = p.conditions(entry.get("when"))
		if len(p.findings) > before {
			continue
		}
		if len(r.FromColumns) != len(r.ToColumns) {
			p.report(r.Place, "bad-reference", "name as many columns on both sides, in the same order",
				"refers from %d columns to %d", len(r.FromColumns), len(r.ToColumns))
			continue
		}
		p.file.references = append(p.file.references, r)
	}
}

// referenceSide reads the columns of one side, which all belong to one table.
func (p *parse) referenceSide(entry node, side string) (catalog.Name, []string) {
	var table catalog.Name
	var columns []string
	value := entry.get(side)
	for _, text := range p.texts(value, side) {
		parts, err := catalog.SplitName(text.text)
		if err != nil || len(parts) != 3 {
			p.report(text.place, "bad-name", "write schema.table.column", "%q is not a column", text.text)
			continue
		}
		of := catalog.Name{Schema: parts[0], Name: parts[1]}
		if table.IsZero() {
			table = of
		}
		switch {
		case of != table:
			p.report(text.place, "bad-reference", "write one reference for each table", "%s and %s are two tables on one side", table, of)
		case slices.Contains(columns, parts[2]):
			p.report(text.place, "bad-reference", "delete one of the two", "names %s twice", parts[2])
		default:
			columns = append(columns, parts[2])
		}
	}
	if value.kind == kindList && len(value.list) == 0 {
		p.report(value.place, "bad-reference", "name at least one column", "%s is empty", side)
	}
	return table, columns
}

func (p *parse) conditions(n node) []Condition {
	if n.kind == kindAbsent || !p.mapping(n, "when") {
		return nil
	}
	var out []Condition
	for _, f := range n.fields {
		c := Condition{Column: f.key}
		values := f.value.list
		if f.value.kind != kindList {
			values = []node{f.value}
		}
		for _, v := range values {
			switch v.kind {
			case kindString, kindInt, kindBool:
				c.Values = append(c.Values, v.text)
			case kindBad:
			default:
				p.report(v.place, "wrong-type", "write the text that the column holds", "a condition is %s, want a text", v.kind)
			}
		}
		if len(values) == 0 {
			p.report(f.place, "bad-reference", "name a value", "the condition on %s has no value", f.key)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Condition) int { return cmp.Compare(a.Column, b.Column) })
	return out
}
