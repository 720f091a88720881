package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// link is one column that refers to another, by a foreign key or by a reference of the rules.
type link struct {
	child, parent *family
	// name says by what, for messages.
	name string
	// table is the table that refers, key its foreign key; nil for a reference of the rules.
	table *table
	key   *catalog.ForeignKey
}

// group is a set of families that links hold together: one decision, one mapping.
type group struct {
	families []*family
}

// link joins the columns that refer to each other and gives every family its final decision.
func (k *compiler) link() {
	for _, t := range k.tables {
		for i := range t.catalog.ForeignKeys {
			key := &t.catalog.ForeignKeys[i]
			k.join(t, k.byName[key.References], key.Columns, key.ReferencedColumns, "foreign key "+key.Name, key)
		}
	}
	for _, r := range k.file.references {
		k.join(k.byName[r.From], k.byName[r.To], r.FromColumns, r.ToColumns, fmt.Sprintf("the reference at %s", r.Place), nil)
	}
	for _, g := range k.groups() {
		k.settle(g)
	}
	for _, f := range k.families {
		k.checkMembers(f)
	}
}

func (k *compiler) join(from, to *table, fromColumns, toColumns []string, name string, key *catalog.ForeignKey) {
	if from == nil || to == nil {
		return
	}
	for i := range min(len(fromColumns), len(toColumns)) {
		child, parent := from.byName[fromColumns[i]], to.byName[toColumns[i]]
		if child == nil || parent == nil || child.family == parent.family {
			continue
		}
		l := &link{child: child.family, parent: parent.family, name: name, table: from, key: key}
		child.family.up = append(child.family.up, l)
		parent.family.down = append(parent.family.down, l)
	}
}

// cut reports whether f is emptied by a line or a glob of its own: a reference that is NULL refers to
// nothing, so that the column takes no part in what the others do.
func (f *family) cut() bool {
	return len(f.up) > 0 && f.own != nil && f.own.isNull() && !f.own.loose()
}

// apart reports whether a link binds nobody to anything.
func (l *link) apart() bool { return l.child.cut() || !l.child.hasRows() }

// groups returns the connected families, each group and its members in the order of names. Families that
// nothing links are groups of one.
func (k *compiler) groups() []*group {
	var out []*group
	for _, f := range k.families {
		if f.group != nil {
			continue
		}
		g := &group{}
		out = append(out, g)
		queue := []*family{f}
		f.group = g
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			g.families = append(g.families, at)
			for _, next := range at.neighbours() {
				if next.group == nil {
					next.group = g
					queue = append(queue, next)
				}
			}
		}
		slices.SortFunc(g.families, byName)
	}
	return out
}

func byName(a, b *family) int { return compareColumns(a.root(), b.root()) }

func (f *family) neighbours() []*family {
	var out []*family
	for _, l := range f.up {
		if !l.apart() {
			out = append(out, l.parent)
		}
	}
	for _, l := range f.down {
		if !l.apart() {
			out = append(out, l.child)
		}
	}
	return out
}

// refers reports whether f refers to another column of its group.
func (f *family) refers() bool {
	return slices.ContainsFunc(f.up, func(l *link) bool { return !l.apart() })
}

// heads returns the families that refer to nobody; in a circle, where nobody is first, all of them.
func (g *group) heads() []*family {
	var heads []*family
	for _, f := range g.families {
		if !f.refers() {
			heads = append(heads, f)
		}
	}
	if len(heads) == 0 {
		return g.families
	}
	return heads
}

// settle gives every family of g its final decision. The column that others refer to decides; who refers
// and says nothing inherits; who says something else is a finding.
func (k *compiler) settle(g *group) {
	for _, f := range g.families {
		if f.own != nil && k.unseen(f, f.own) {
			k.decided(f.own) // the pattern is in use: what it lacks is a look at this column
			f.fresh, f.own = f.own, nil
		}
	}
	heads := g.heads()
	lead := firstDecided(heads)
	led := lead != nil // by a head: only then does anybody inherit
	if !led {
		lead = firstDecided(g.families)
	}
	for _, f := range g.families {
		switch {
		case f.own != nil && (lead == f || f.own.text == lead.own.text):
			f.final = f.own
			k.decided(f.own)
		case f.own != nil && !yields(f, lead.own):
			k.differ(f, lead)
			f.final = f.own
			k.decided(f.own)
		case led && f.refers() && k.unseen(f, lead.own):
			f.fresh = lead.own
			k.undecided(f)
		case led && f.refers():
			f.final = inherited(lead)
		case f.refers() && f.fresh == nil && lead != nil:
			// The head is undecided and says so; this column would follow it.
		default:
			k.undecided(f)
		}
	}
}

// unseen reports whether c keeps f by a pattern alone although f is newer than the last accepted catalog
// and the pattern does not say that it is meant for such columns.
func (k *compiler) unseen(f *family, c *choice) bool {
	return c.decision.keep && c.by == DecidedByGlob && !c.decision.future && f.hasRows() &&
		k.options.Accepted != nil && !k.options.Accepted(f.name())
}

// firstDecided returns the first family that a line decides, else the first that anything decides.
func firstDecided(families []*family) *family {
	var found *family
	for _, f := range families {
		switch {
		case f.own == nil:
		case f.own.explicit():
			return f
		case found == nil:
			found = f
		}
	}
	return found
}

// yields reports whether f's own decision gives way to its parent's: a category or a type says
// little of a key, and a pattern that keeps gives way to a mask.
func yields(f *family, lead *choice) bool {
	if !f.refers() {
		return false
	}
	return f.own.loose() || f.own.by == DecidedByGlob && f.own.decision.keep && !lead.decision.keep
}

// inherited returns lead's decision as a column that refers to it has it.
func inherited(lead *family) *choice {
	c := *lead.own
	c.by, c.pattern = DecidedByReference, lead.name()
	return &c
}

func (k *compiler) differ(f, lead *family) {
	k.report(finding.Finding{
		Code: "linked-columns", Place: f.own.place, Object: f.name(),
		Fix: "decide both in the same way: delete the line of the column that refers, or empty it with the mask null",
	}, "is decided as %s, but it is linked with %s (%s), which is decided as %s at %s: their rows would no longer join",
		f.own.describeShort(), lead.name(), f.linkTo(lead), lead.own.describeShort(), lead.own.place)
}

// describeShort names a decision for messages.
func (c *choice) describeShort() string {
	word := c.decision.word()
	if len(c.decision.params) > 0 {
		return word + " with parameters"
	}
	return word
}

// linkTo names what links f, directly when something does.
func (f *family) linkTo(other *family) string {
	for _, l := range slices.Concat(f.up, f.down) {
		if l.parent == other || l.child == other {
			return l.name
		}
	}
	for _, l := range slices.Concat(f.up, f.down) {
		if !l.apart() {
			return l.name + " and others"
		}
	}
	return "by inheritance"
}

// undecided reports a column that nothing decides, or blanks it where that is asked for and harmless.
// Columns that refer to an undecided one are told of with it.
func (k *compiler) undecided(f *family) {
	if f.explained || !f.hasRows() {
		return
	}
	if k.options.Undecided == Blank && k.blank(f) {
		return
	}
	heads := f.group.heads()
	if f.fresh == nil && !slices.Contains(heads, f) {
		return
	}
	f.explained = true
	if f.fresh != nil {
		k.reportNew(f, finding.Error, "")
		return
	}
	more := ""
	if n := len(f.group.families) - len(heads); n > 0 {
		more = ", nor the " + plural(n, "column that refers to it", "columns that refer to it")
	}
	if k.options.Undecided == Blank {
		more += "; it cannot arrive blank, because other rows refer to it or it refers to other rows"
	}
	k.report(finding.Finding{
		Code: "undecided-column", Place: f.tablePlace(), Object: f.name(), Fix: k.undecidedFix(f.root()),
	}, "no rule decides this column (%s)%s", f.root().catalog.Type.Name, more)
}

// tablePlace is where the table of f is decided, zero when it is not.
func (f *family) tablePlace() finding.Place {
	if rule := f.root().table.rule; rule != nil {
		return rule.place
	}
	return finding.Place{}
}

func (k *compiler) reportNew(f *family, s finding.Severity, more string) {
	k.report(finding.Finding{
		Code: "undecided-new-column", Severity: s, Place: f.fresh.place, Object: f.name(),
		Fix: "look at the column, then " + k.undecidedFix(f.root()) + ", or write future: true to the pattern",
	}, "is new since the last accepted catalog, and only the pattern %q keeps it%s", f.fresh.pattern, more)
}

// blank decides f by emptying it: NULL where that is allowed, else the type's empty value. It reports
// false where that would break a reference or no such mask is there.
func (k *compiler) blank(f *family) bool {
	name, word := nullMask, "NULL"
	if f.notNull() {
		name, word = emptyMask, "empty"
	}
	if len(f.down) > 0 || len(f.up) > 0 && name == emptyMask {
		for _, l := range slices.Concat(f.down, f.up) {
			if !l.apart() && (name == emptyMask || l.parent == f && l.child.own != nil) {
				return false
			}
		}
	}
	d := &decision{mask: name}
	found := newResolver(k.masks).decision(d, nil)
	if found == nil {
		return false
	}
	f.final = &choice{resolved: found, decision: d, by: DecidedByUndecided, blank: true}
	if f.fresh != nil {
		k.reportNew(f, finding.Warning, "; it arrives "+word)
		return true
	}
	k.report(finding.Finding{
		Code: "blanked-column", Severity: finding.Warning, Place: f.tablePlace(), Object: f.name(), Fix: k.undecidedFix(f.root()),
	}, "no rule decides this column; it arrives %s", word)
	return true
}

// checkMembers reports lines of partitions and inheriting tables that say something of their own.
func (k *compiler) checkMembers(f *family) {
	for _, m := range f.members {
		if slices.Contains(f.roots, m) || m.table.rule == nil {
			continue
		}
		c := k.explicit(m)
		if c == nil || c.by == DecidedByTable && c.pattern == m.table.name().String()+".*" && f.final != nil {
			continue
		}
		k.decided(c)
		if f.final != nil && f.final.text == c.text {
			continue
		}
		k.report(finding.Finding{
			Code: "partition-decision", Place: c.place, Object: m.name(),
			Fix: fmt.Sprintf("delete the line and decide %s, which every partition and inheriting table follows", f.name()),
		}, "is decided on its own, but the column is inherited from %s", strings.Join(rootNames(f), ", "))
	}
}

func rootNames(f *family) []string {
	var names []string
	for _, r := range f.roots {
		names = append(names, r.name())
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}
