package rules

import (
	"fmt"
	"math"
	"slices"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// fewestInputs is below how many values a column's mask is worth a warning: a machine tries a million in a second.
const fewestInputs = 1e6

// days are those that dates about people fall on: some 120 years.
const days = 45_000

// inputsOf returns how many different values a column can hold that stands under d, +Inf where nothing bounds them.
func inputsOf(d *anonymize.Definition, a anonymize.Args) float64 {
	most := math.Inf(1)
	if d.Inputs != nil {
		most = d.Inputs(a)
	}
	switch t := a.Type; t.Class() {
	case catalog.ClassBoolean:
		most = min(most, 2)
	case catalog.ClassEnum:
		most = min(most, float64(len(t.Enum)))
	case catalog.ClassDate:
		most = min(most, days)
	case catalog.ClassInteger:
		if t.Base == "int2" {
			most = min(most, 1<<16)
		}
	case catalog.ClassText:
		if t.MaxLength > 0 {
			const letters = 64 // and digits, of both cases
			most = min(most, math.Pow(letters, float64(t.MaxLength)))
		}
	}
	return most
}

// inputs is inputsOf for what was decided; +Inf for a column whose output does not depend on its value alone.
func (f *family) inputs() float64 {
	if f.final == nil || f.final.definition == nil || !keyed(f.final) || len(f.siblings) > 0 {
		return math.Inf(1)
	}
	if !slices.Contains(f.final.definition.Discloses, anonymize.DisclosesEquality) {
		return math.Inf(1)
	}
	return inputsOf(f.final.definition, f.args)
}

// warnOfFew warns where all values that a column can hold are soon tried: by who holds the key one after the other,
// by who does not by how often each occurs.
func (k *compiler) warnOfFew(f *family) {
	n := f.inputs()
	if n >= fewestInputs {
		k.warnOfCommon(f)
		return
	}
	k.report(finding.Finding{
		Code: "small-domain", Severity: finding.Warning, Place: f.final.place, Object: f.name(),
		Fix: "coarsen or destroy the value where that will do; otherwise treat it as renumbered, not as hidden",
	}, "holds at most %s different values, so that the mask %s can be seen through by trying them all", roundNumber(n), f.final.definition.Name)
}

// mostCommon is the fraction of rows from which one value is told by how often it occurs: no name, town or employer of
// a population is as common.
const mostCommon = 0.05

// warnOfCommon warns where one value is so common that its mask is known by that, whatever the key.
func (k *compiler) warnOfCommon(f *family) {
	if !keyed(f.final) || len(f.siblings) > 0 || !slices.Contains(f.final.definition.Discloses, anonymize.DisclosesFrequency) {
		return
	}
	common := 0.0
	for _, m := range f.members {
		common = max(common, m.catalog.Stats.Commonest)
	}
	if common < mostCommon {
		return
	}
	k.report(finding.Finding{
		Code: "skewed-column", Severity: finding.Warning, Place: f.final.place, Object: f.name(),
		Fix: "where that value must not be told from others, use a mask that reads no value, or shuffle",
	}, "one value stands in %.0f %% of the rows, so that what the mask %s makes of it is known by how often it occurs", 100*common, f.final.definition.Name)
}

// roundNumber writes a number of values as people say it.
func roundNumber(n float64) string {
	if n < 1000 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.0f thousand", n/1000)
}
