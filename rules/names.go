package rules

import (
	"fmt"
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// checkNames reports every table and column that the rules name and the catalog does not have.
func (k *compiler) checkNames() {
	for _, rule := range k.file.order {
		t := k.byName[rule.name]
		if t == nil {
			if rule.name != catalog.LargeObjectPages() { // they may all have gone
				k.unknownTable(rule.place, rule.name)
			}
			continue
		}
		for _, line := range rule.order {
			k.checkColumn(line.place, t, line.name)
		}
	}
	for _, r := range k.file.references {
		k.checkSide(r.Place, r.From, r.FromColumns)
		k.checkSide(r.Place, r.To, r.ToColumns)
		if from := k.byName[r.From]; from != nil {
			for _, c := range r.When {
				k.checkColumn(r.Place, from, c.Column)
			}
		}
	}
}

func (k *compiler) checkSide(at finding.Place, name catalog.Name, columns []string) {
	t := k.byName[name]
	if t == nil {
		k.unknownTable(at, name)
		return
	}
	for _, column := range columns {
		k.checkColumn(at, t, column)
	}
}

// unknownTable says why a table that the rules name is not decided about.
func (k *compiler) unknownTable(at finding.Place, name catalog.Name) {
	f := finding.Finding{Code: "unknown-table", Place: at, Object: name.String()}
	for _, t := range k.catalog.Tables {
		if t.Name != name {
			continue
		}
		f.Fix = "delete the line"
		if t.Extension != "" {
			f.Code = "extension-table"
			k.report(f, "the table belongs to the extension %s, which copies it in its own way", t.Extension)
			return
		}
		f.Code = "computed-table"
		k.report(f, "a materialised view is computed again from masked rows and needs no rules")
		return
	}
	names := make([]string, 0, len(k.tables))
	for _, t := range k.tables {
		names = append(names, t.name().String())
	}
	f.Fix = meant(name.String(), names)
	if f.Fix == "" {
		f.Fix = "delete the line, or check the spelling: names are written as the catalog has them"
	}
	k.report(f, "the database has no such table")
}

// checkColumn reports a column that t does not have or does not copy, and returns whether it has it.
func (k *compiler) checkColumn(at finding.Place, t *table, name string) bool {
	if t.byName[name] != nil {
		return true
	}
	f := finding.Finding{Code: "unknown-column", Place: at, Object: t.name().Column(name)}
	if slices.ContainsFunc(t.catalog.Columns, func(c catalog.Column) bool { return c.Name == name }) {
		f.Code, f.Fix = "generated-column", "delete the line; decide the columns that it is computed from"
		k.report(f, "the column is generated: the server computes it again from masked columns")
		return false
	}
	names := make([]string, 0, len(t.columns))
	for _, c := range t.columns {
		names = append(names, c.catalog.Name)
	}
	if f.Fix = meant(name, names); f.Fix == "" {
		f.Fix = "delete the line, or check the spelling: names are written as the catalog has them"
	}
	k.report(f, "the table has no such column")
	return false
}

// checkIdle reports patterns that decided nothing: they look like cover and are none.
func (k *compiler) checkIdle() {
	for _, rule := range k.file.defaults {
		if k.deciding[&rule.decision] {
			continue
		}
		k.report(finding.Finding{
			Code: "idle-pattern", Place: rule.place,
			Fix: "delete it, or mend it: a column or table line, a narrower pattern, a foreign key's parent or a partition's root comes first",
		}, "the pattern %q decides no column", rule.text)
	}
	for _, rule := range k.file.order {
		if rule.others == nil || k.deciding[&rule.others.decision] || k.byName[rule.name] == nil {
			continue
		}
		k.report(finding.Finding{
			Code: "idle-pattern", Place: rule.others.place, Fix: "delete it",
		}, `"*" decides no column of %s: each has a line of its own or follows another`, rule.name)
	}
}

// checkKey reports that masks need a key that is not there.
func (k *compiler) checkKey() {
	if k.options.Key != nil || !k.options.NeedKey {
		return
	}
	n, first := 0, ""
	for _, f := range k.families {
		if f.final != nil && keyed(f.final) && !f.final.perRun && f.hasRows() {
			if n++; first == "" {
				first = f.name()
			}
		}
	}
	if n > 0 {
		k.report(finding.Finding{
			Code: "missing-key", Object: first, Fix: `set keys.masking in lethe.yaml; "lethe key generate" makes a key`,
		}, "%s a masking key and none is given", plural(n, "column needs", "columns need"))
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}
