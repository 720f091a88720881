package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// checkPartitionKeys finds partition keys that are masked: such rows may belong to another partition
// than before, so that they are loaded through the root, and every value must have a place there.
func (k *compiler) checkPartitionKeys() {
	for _, t := range k.tables {
		if t.catalog.Kind != catalog.Partitioned || t.rows == RowsNone || t.rows == RowsDropped {
			continue
		}
		key := t.maskedKey()
		if key == nil {
			continue
		}
		t.loadThrough(t.root().name())
		f := finding.Finding{Code: "partition-key", Place: key.family.final.place, Object: key.name()}
		switch {
		case !t.hasPlaceForAll():
			f.Fix = "attach a default partition in production, or keep the column with a reason"
			k.report(f, "is a partition key of %s, which has no default partition: a masked value may have no place", t.name())
		case t.spellsBounds():
			f.Code, f.Severity = "partition-bounds", finding.Warning
			f.Fix = "decide whether the bounds name anybody; they arrive as they are"
			k.report(f, "is masked, but the bounds of the partitions of %s hold values of it", t.name())
		}
	}
}

// maskedKey returns a masked column that the partition key of t reads.
func (t *table) maskedKey() *column {
	for _, name := range t.catalog.PartitionKey {
		if c := t.byName[name]; c != nil && c.masked() {
			return c
		}
	}
	return nil
}

// loadThrough makes root the way in for t and everything below it.
func (t *table) loadThrough(root catalog.Name) {
	t.into = root
	for _, child := range t.children {
		if child.catalog.IsPartition {
			child.loadThrough(root)
		}
	}
}

// hasPlaceForAll reports whether any value at all finds a partition: in a default one, or because the
// remainders of a hash leave no gap.
func (t *table) hasPlaceForAll() bool {
	covered := 0.0
	for _, child := range t.children {
		bound := strings.ToUpper(child.catalog.PartitionBound)
		if strings.TrimSpace(bound) == "DEFAULT" {
			return true
		}
		if modulus, ok := hashModulus(bound); ok {
			covered += 1 / modulus
		}
	}
	// Moduli divide each other, so that the sum is exact but for the last bits of floating point.
	return covered > 1-1e-9
}

// hashModulus reads "FOR VALUES WITH (modulus 4, remainder 0)".
func hashModulus(bound string) (float64, bool) {
	_, after, found := strings.Cut(bound, "MODULUS ")
	if !found {
		return 0, false
	}
	digits, _, _ := strings.Cut(after, ",")
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	return float64(n), err == nil && n > 0
}

// spellsBounds reports whether the partitions' bounds are written in values of the key.
func (t *table) spellsBounds() bool {
	return slices.ContainsFunc(t.children, func(child *table) bool {
		bound := strings.ToUpper(child.catalog.PartitionBound)
		_, hash := hashModulus(bound)
		return child.catalog.IsPartition && strings.TrimSpace(bound) != "DEFAULT" && !hash
	})
}

// checkConstraints warns where a constraint of the database judges masked values, and refuses foreign
// keys that cannot hold.
func (k *compiler) checkConstraints() {
	for _, t := range k.tables {
		if !t.hasRows() {
			continue
		}
		for i := range t.catalog.ForeignKeys {
			k.checkGenerated(t, &t.catalog.ForeignKeys[i])
			k.checkMatchFull(t, &t.catalog.ForeignKeys[i])
		}
		for _, check := range t.catalog.Checks {
			k.checkCheck(t, check)
		}
		k.checkSearchText(t)
	}
	for _, f := range k.families {
		checks := f.root().catalog.Type.DomainChecks
		if len(checks) == 0 || f.final == nil || f.final.definition == nil || f.final.isNull() || !f.hasRows() {
			continue
		}
		k.report(finding.Finding{
			Code: "check-constraint", Severity: finding.Warning, Place: f.final.place, Object: f.name(),
			Fix: "make sure that what the mask makes satisfies it; a row that does not fails the run",
		}, "its type %s has a CHECK, which will judge what the mask %s makes", f.root().catalog.Type.Domain, f.final.definition.Name)
	}
	for _, r := range k.file.references {
		k.checkWhen(r)
	}
}

func (k *compiler) checkCheck(t *table, check catalog.Check) {
	for _, name := range check.Columns {
		c := t.byName[name]
		if c == nil || !c.masked() || !slices.Contains(c.family.roots, c) || c.family.final.isNull() {
			continue
		}
		k.report(finding.Finding{
			Code: "check-constraint", Severity: finding.Warning, Place: c.family.final.place, Object: c.name(),
			Fix: "make sure that what the mask makes satisfies it; a row that does not fails the run",
		}, "the CHECK %s of %s will judge what the mask %s makes", check.Name, t.name(), c.family.final.definition.Name)
	}
}

// checkSearchText warns of kept search words beside masked texts: a trigger may have made the ones of the
// others, and no trigger runs while rows are loaded.
func (k *compiler) checkSearchText(t *table) {
	i := slices.IndexFunc(t.columns, func(c *column) bool { return c.masked() && c.catalog.Type.Class() == catalog.ClassText })
	if i < 0 {
		return
	}
	for _, c := range t.columns {
		if c.catalog.Type.Base != "tsvector" || c.masked() || c.family.final == nil || !slices.Contains(c.family.roots, c) {
			continue
		}
		k.report(finding.Finding{
			Code: "kept-search-text", Severity: finding.Warning, Place: c.family.final.place, Object: c.name(),
			Fix: "empty it, unless it is made of kept columns alone",
		}, "keeps search words while %s is masked: words of the originals may be among them", t.columns[i].catalog.Name)
	}
}

// checkGenerated refuses a foreign key between a generated column, which the server computes from masked
// values, and a masked one.
func (k *compiler) checkGenerated(t *table, key *catalog.ForeignKey) {
	parent := k.byName[key.References]
	if parent == nil {
		return
	}
	for i, name := range key.Columns {
		if c := t.catalog.Column(name); c == nil || c.Generated == "" {
			continue
		}
		involved := t.sources(name)
		if to := parent.byName[key.ReferencedColumns[i]]; to != nil {
			involved = append(involved, to)
		}
		for _, c := range involved {
			if !c.masked() {
				continue
			}
			k.report(finding.Finding{
				Code: "generated-reference", Place: c.family.final.place, Object: t.name().Column(name),
				Fix: "keep " + c.name() + " with a reason",
			}, "is generated, and its foreign key %s cannot follow the mask of %s", key.Name, c.name())
			break
		}
	}
}

func (k *compiler) checkMatchFull(t *table, key *catalog.ForeignKey) {
	if !matchFull(key) || k.nulled(t, key) {
		return
	}
	for _, name := range key.Columns {
		if c := t.byName[name]; c != nil && c.family.final != nil && c.family.final.isNull() {
			k.report(finding.Finding{
				Code: "linked-columns", Place: c.family.final.place, Object: c.name(),
				Fix: "empty all columns of the key with the mask null, or none",
			}, "is emptied alone, but the foreign key %s is MATCH FULL: all of its columns are NULL or none", key.Name)
		}
	}
}

// checkWhen warns where the condition of a polymorphic reference reads a masked column.
func (k *compiler) checkWhen(r Reference) {
	from := k.byName[r.From]
	if from == nil {
		return
	}
	for _, condition := range r.When {
		if c := from.byName[condition.Column]; c != nil && c.masked() {
			k.report(finding.Finding{
				Code: "masked-condition", Place: c.family.final.place, Object: c.name(), Fix: "keep the column with a reason",
			}, "tells what the reference at %s refers to, and is masked: nothing would find its row again", r.Place)
		}
	}
}
