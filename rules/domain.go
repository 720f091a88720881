package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// keyed reports whether c masks by key, so that it has a domain.
func keyed(c *choice) bool {
	return c.definition != nil && c.definition.Determinism == anonymize.Keyed
}

// derive names the mapping of every masked column and compiles all columns of one mapping to the
// narrowest type among them, so that equal originals become equal values wherever they stand.
func (k *compiler) derive() {
	done := map[*group]bool{}
	for _, f := range k.families {
		if !done[f.group] {
			done[f.group] = true
			k.nameDomains(f.group)
		}
	}
	shared := map[[2]string][]*family{}
	for _, f := range k.families {
		if f.final == nil || f.final.definition == nil {
			continue
		}
		f.args = anonymize.Args{
			Column: f.root().catalog.Name, Type: f.root().catalog.Type, Params: f.final.params,
			Siblings: map[string]int{}, SiblingTypes: map[string]catalog.Type{}, Domain: f.domain, NotNull: f.notNull(), Programs: k.options.Programs,
		}
		f.args.Table, f.siblings = f.root().table.name(), slices.Clone(f.final.siblings)
		if f.final.gathers() {
			f.addRowKey()
		}
		for i, s := range f.siblings {
			f.args.Siblings[s.name] = i
			if found := k.quietly(f.root().table, s.path); found != nil {
				f.args.SiblingTypes[s.name] = found.column.catalog.Type
			}
		}
		if f.domain != "" && !f.final.definition.Unmapped {
			of := [2]string{f.domain, f.final.definition.Family}
			shared[of] = append(shared[of], f)
		}
	}
	for of, families := range shared {
		narrow(families, k.file.domains[of[0]])
		k.checkPerRun(of[0], families)
	}
	k.checkDomains()
}

// nameDomains gives the families of g that are masked by key their domain.
func (k *compiler) nameDomains(g *group) {
	var written, masked []*family
	for _, f := range g.families {
		if f.final == nil || !keyed(f.final) {
			continue
		}
		masked = append(masked, f)
		if f.own != nil && f.own.decision.domain != "" && f.final == f.own {
			written = append(written, f)
		}
	}
	if len(masked) == 0 {
		return
	}
	domain := ""
	switch {
	case len(written) > 0:
		domain = written[0].own.decision.domain
		for _, other := range written[1:] {
			if other.own.decision.domain != domain {
				k.twoDomains(other, domain, written[0].own.decision.domainPlace)
			}
		}
	case masked[0].final.definition.KeyMask:
		domain = k.keyDomain(g, masked)
	default:
		domain = masked[0].final.definition.Family
	}
	for _, f := range masked {
		f.domain = domain
		if f.final.text != masked[0].final.text && len(written) == 0 {
			f.domain = f.final.definition.Family // a finding has refused the plan already
		}
	}
}

func (k *compiler) twoDomains(f *family, domain string, at finding.Place) {
	k.report(finding.Finding{
		Code: "two-domains", Place: f.own.decision.domainPlace, Object: f.name(), Fix: "write the same domain in both places",
	}, "has the domain %q, but it is linked with a column of the domain %q at %s", f.own.decision.domain, domain, at)
}

// keyDomain returns the default domain of a mask for keys: the column that the others refer to.
func (k *compiler) keyDomain(g *group, masked []*family) string {
	heads := g.heads()
	if len(heads) > 1 && len(heads) < len(g.families) {
		names := make([]string, 0, len(heads))
		for _, head := range heads {
			names = append(names, head.name())
		}
		k.report(finding.Finding{
			Code: "two-domains", Place: masked[0].final.place, Object: masked[0].name(),
			Fix: "write the same domain: NAME into the decisions of all of them",
		}, "one mapping has to serve several keys that a column refers to: %s", strings.Join(names, ", "))
	}
	return heads[0].name()
}

// narrow gives every family the narrowest type and length among them.
func narrow(families []*family, limit *domainRule) {
	length, base, folded := 0, "", false
	precision, scale := 0, 0
	shorter := func(n int) {
		if n > 0 && (length == 0 || n < length) {
			length = n
		}
	}
	if limit != nil {
		shorter(limit.maxLength)
	}
	for _, f := range families {
		t := f.root().catalog.Type
		folded = folded || t.CaseFolded
		if t.Class() == catalog.ClassText {
			shorter(t.MaxLength)
		}
		if t.Class() == catalog.ClassInteger && (base == "" || t.Base < base) { // int2 < int4 < int8
			base = t.Base
		}
		if t.Precision > 0 && (precision == 0 || t.Precision-t.Scale < precision-scale) {
			precision, scale = t.Precision, t.Scale
		}
	}
	for _, f := range families {
		t := &f.args.Type
		t.CaseFolded = t.Class() == catalog.ClassText && folded
		switch t.Class() {
		case catalog.ClassText:
			t.MaxLength = length
		case catalog.ClassInteger:
			t.Base = base
		case catalog.ClassNumeric:
			t.Precision, t.Scale = precision, scale
		}
	}
}

// checkPerRun reports columns of one domain that would not agree.
func (k *compiler) checkPerRun(domain string, families []*family) {
	for _, f := range families {
		if other := families[0]; f.final.perRun != other.final.perRun {
			k.report(finding.Finding{
				Code: "two-domains", Place: f.final.place, Object: f.name(), Fix: "write per_run: true to both, or another domain: to one of them",
			}, "shares the domain %q with %s at %s, and only one of them differs from run to run", domain, other.name(), other.final.place)
			return
		}
	}
}

// checkDomains reports entries of domains: that no column uses.
func (k *compiler) checkDomains() {
	used := map[string]bool{}
	for _, f := range k.families {
		used[f.domain] = true
	}
	names := make([]string, 0, len(k.file.domains))
	for name := range k.file.domains {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !used[name] {
			k.report(finding.Finding{
				Code: "unused-domain", Severity: finding.Warning, Place: k.file.domains[name].place, Fix: "delete it, or check the spelling",
			}, "no column has the domain %q", name)
		}
	}
}

// fits reports whether a mask can stand on a column of type t.
func fits(d *anonymize.Definition, t catalog.Type) bool { return slices.Contains(d.Accepts, t.Class()) }

func needsParams(d *anonymize.Definition) bool {
	return slices.ContainsFunc(d.Params, func(p anonymize.Param) bool { return p.Required })
}

// checkMasks reports masks that cannot stand where they are decided to stand.
func (k *compiler) checkMasks() {
	for _, f := range k.families {
		if f.final == nil || f.final.definition == nil || !f.hasRows() {
			continue
		}
		if k.checkSiblings(f) && k.checkType(f) && k.checkGathered(f) {
			k.checkContract(f)
		}
	}
	for _, t := range k.tables {
		if t.hasRows() {
			k.checkRowOrder(t)
		}
	}
}

func (k *compiler) checkType(f *family) bool {
	d := f.final.definition
	if fits(d, f.root().catalog.Type) {
		return true
	}
	var fitting []string
	for _, other := range k.masks.All() {
		if fits(&other, f.root().catalog.Type) && other.Name != keepMask {
			fitting = append(fitting, other.Name)
		}
	}
	k.report(finding.Finding{
		Code: "type-misfit", Place: f.final.place, Object: f.name(), Fix: "choose one that fits: " + strings.Join(fitting, ", "),
	}, "the mask %s cannot stand on %s%s", d.Name, f.root().catalog.Type.Name, f.via())
	return false
}

// via says how the decision reached f when no line names the column, so that a reader of the finding is
// not sent to a line that seems to have nothing to do with it.
func (f *family) via() string {
	if f.final.pattern == "" {
		return ""
	}
	return fmt.Sprintf(" (decided through %q)", f.final.pattern)
}

// checkContract asks the mask itself.
func (k *compiler) checkContract(f *family) {
	d := f.final.definition
	args := f.args
	args.Params = f.final.withMasks(args, func(anonymize.Args, pathDecision) anonymize.Mask { return nil })
	if d.Check != nil {
		if err := d.Check(args); err != nil {
			k.report(finding.Finding{
				Code: "mask-refused", Place: f.final.place, Object: f.name(), Fix: "change the parameters or choose another mask",
			}, "the mask %s cannot stand here%s: %v", d.Name, f.via(), err)
			f.explained = true
			return
		}
	}
	k.checkNested(f)
	k.warnOfFew(f)
}

// checkSiblings reports columns that a parameter names and the table does not have.
func (k *compiler) checkSiblings(f *family) bool {
	ok := true
	for _, m := range f.members {
		if !m.table.hasRows() {
			continue
		}
		for _, s := range f.siblings {
			switch {
			case len(s.path) == 1 && s.name == m.catalog.Name:
				k.report(finding.Finding{
					Code: "row-cycle", Place: s.place, Object: m.name(), Fix: "name other columns",
				}, "the mask reads the column that it stands on")
				ok = false
			case !k.readable(s, m):
				ok = false
			}
		}
		if !ok {
			return false
		}
	}
	return ok
}

// checkRowOrder reports columns whose masks read each other in a circle: none of them could be first.
func (k *compiler) checkRowOrder(t *table) {
	state := map[*column]int{} // 1: on the path, 2: done
	var path []*column
	var visit func(c *column) bool
	visit = func(c *column) bool {
		switch {
		case c == nil || c.family.final == nil || state[c] == 2:
			return true
		case state[c] == 1:
			circle := path[slices.Index(path, c):]
			names := make([]string, 0, len(circle))
			for _, m := range circle {
				names = append(names, m.catalog.Name)
			}
			k.report(finding.Finding{
				Code: "row-cycle", Place: c.family.final.place, Object: t.name().Column(c.catalog.Name), Fix: "let one of the masks read fewer columns",
			}, "the masks of %s read each other in a circle", strings.Join(names, ", "))
			return false
		}
		state[c] = 1
		path = append(path, c)
		for _, s := range c.family.siblings {
			if s.name != c.catalog.Name && !visit(t.byName[s.name]) {
				return false
			}
		}
		path = path[:len(path)-1]
		state[c] = 2
		return true
	}
	for _, c := range t.columns {
		if !visit(c) {
			return
		}
	}
}
