package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// Explanation says which line decided a column and what else would have.
type Explanation struct {
	Column string `json:"column"`
	Type   string `json:"type"`
	// Decision is the mask's name, "keep", or "" when nothing decides the column.
	Decision string `json:"decision"`
	Reason   string `json:"reason,omitempty"`
	Domain   string `json:"domain,omitempty"`
	// PerRun reports that outputs differ from run to run.
	PerRun bool `json:"per_run,omitempty"`
	// Reads are the columns that the mask reads beside its own, those of other rows by the way to them.
	Reads []string      `json:"reads,omitempty"`
	By    Decider       `json:"by,omitempty"`
	Place finding.Place `json:"place,omitzero"`
	// Why says in a sentence how the line came to decide.
	Why string `json:"why"`
	// Others are the lines and patterns that cover the column too, narrowest first.
	Others []Candidate `json:"others,omitempty"`
	// Linked are the columns that share the decision because they refer to each other or are inherited.
	Linked []string `json:"linked,omitempty"`
}

// Candidate is a line or pattern that covers a column and did not decide it.
type Candidate struct {
	By       Decider       `json:"by"`
	Pattern  string        `json:"pattern"`
	Decision string        `json:"decision"`
	Place    finding.Place `json:"place"`
}

// String writes e for people, several lines without a final newline.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): ", e.Column, e.Type)
	if e.Decision == "" {
		b.WriteString("undecided")
	} else {
		b.WriteString(e.Decision)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ", because %q", e.Reason)
	}
	fmt.Fprintf(&b, "\n  %s", e.Why)
	if e.Place != (finding.Place{}) {
		fmt.Fprintf(&b, "\n  decided at %s", e.Place)
	}
	if e.Domain != "" {
		fmt.Fprintf(&b, "\n  domain %s", e.Domain)
	}
	if e.PerRun {
		b.WriteString("\n  differs from run to run")
	}
	if len(e.Reads) > 0 {
		fmt.Fprintf(&b, "\n  reads %s", strings.Join(e.Reads, ", "))
	}
	for _, c := range e.Others {
		fmt.Fprintf(&b, "\n  also covered by %s %s: %s at %s", c.By, c.Pattern, c.Decision, c.Place)
	}
	if len(e.Linked) > 0 {
		fmt.Fprintf(&b, "\n  same decision: %s", strings.Join(e.Linked, ", "))
	}
	return b.String()
}

// Explain says which line decided a column, written as schema.table.column. It works on plans that
// findings refused, too. It errs for a column that the rules are not asked about and says why not.
func Explain(p *Plan, column string) (Explanation, error) {
	parts, err := catalog.SplitName(column)
	if err != nil || len(parts) != 3 {
		return Explanation{}, fmt.Errorf("explain %q: want schema.table.column", column)
	}
	name := catalog.Name{Schema: parts[0], Name: parts[1]}
	k := p.compiled
	if k == nil || p.byName == nil {
		return Explanation{}, fmt.Errorf("explain %s: %w", column, ErrRefused)
	}
	t := k.byName[name]
	if t == nil || t.byName[parts[2]] == nil {
		probe := &compiler{catalog: k.catalog, tables: k.tables, byName: k.byName}
		if t == nil {
			probe.unknownTable(finding.Place{}, name)
		} else {
			probe.checkColumn(finding.Place{}, t, parts[2])
		}
		return Explanation{}, fmt.Errorf("explain %s", probe.findings[0])
	}
	return k.explain(t.byName[parts[2]]), nil
}

func (k *compiler) explain(c *column) Explanation {
	f := c.family
	e := Explanation{Column: c.name(), Type: c.catalog.Type.Name, Why: k.why(c)}
	if final := f.final; final != nil {
		e.Decision, e.Reason, e.Domain = final.decision.word(), final.decision.reason, f.domain
		e.By, e.Place, e.PerRun = final.by, final.place, final.perRun
		for _, s := range f.siblings {
			e.Reads = append(e.Reads, s.name)
		}
		if !slices.Contains(f.roots, c) {
			e.By = DecidedByInherited
		}
	}
	if !c.table.hasRows() {
		e.Why = fmt.Sprintf("no row of the table arrives (rows: %s at %s)", c.table.rows, c.table.rowsPlace)
	}
	e.Others = k.candidates(f.root(), e.Place)
	for _, m := range f.members {
		if m != c {
			e.Linked = append(e.Linked, m.name())
		}
	}
	for _, other := range f.group.families {
		if other != f {
			e.Linked = append(e.Linked, other.name())
		}
	}
	return e
}

// why says in a sentence how the decision about c came about.
func (k *compiler) why(c *column) string {
	final := c.family.final
	if final == nil {
		return "no line, pattern or reference decides it"
	}
	if !slices.Contains(c.family.roots, c) {
		return "it is inherited: partitions and inheriting tables follow " + c.family.name()
	}
	switch final.by {
	case DecidedByColumn:
		return "a line names the column"
	case DecidedByTable:
		if strings.HasSuffix(final.pattern, ".*") {
			return `the "*" of ` + strings.TrimSuffix(final.pattern, ".*") + " covers it"
		}
		return "like: copies the line of " + final.pattern
	case DecidedByGlob:
		return fmt.Sprintf("the pattern %q is the narrowest that covers it", final.pattern)
	case DecidedByCategory:
		return fmt.Sprintf("%q covers its name and type", final.pattern)
	case DecidedByType:
		return fmt.Sprintf("%q covers its type", final.pattern)
	case DecidedByReference:
		return "it is linked with " + final.pattern + " and follows it"
	case DecidedByUndecided:
		return "nothing decides it, and undecided columns arrive blank here"
	case DecidedByInherited:
	}
	return string(final.by)
}

// candidates returns everything that covers c but stands elsewhere than at decided.
func (k *compiler) candidates(c *column, decided finding.Place) []Candidate {
	var out []Candidate
	add := func(by Decider, pattern string, d decision) {
		if d.place != decided {
			out = append(out, Candidate{By: by, Pattern: pattern, Decision: d.word(), Place: d.place})
		}
	}
	for at := c.table.rule; at != nil; at = k.file.tables[at.like] {
		by := DecidedByColumn
		if at != c.table.rule {
			by = DecidedByTable
		}
		if line := at.columns[c.catalog.Name]; line != nil {
			add(by, at.name.Column(line.name), line.decision)
		}
		if at.others != nil {
			add(DecidedByTable, at.name.String()+".*", at.others.decision)
		}
	}
	p := newPatterns(k.file.defaults)
	var globs []*defaultRule
	p.covering(c, func(rule *defaultRule) { globs = append(globs, rule) })
	slices.SortStableFunc(globs, func(a, b *defaultRule) int { return a.glob.narrower(b.glob) })
	for _, rule := range globs {
		add(DecidedByGlob, rule.text, rule.decision)
	}
	if rule := p.category(c); rule != nil {
		add(DecidedByCategory, rule.text, rule.decision)
	}
	for _, level := range typeNames(c.catalog.Type) {
		for _, name := range level {
			for _, rule := range p.byType[name] {
				add(DecidedByType, rule.text, rule.decision)
			}
		}
	}
	return out
}
