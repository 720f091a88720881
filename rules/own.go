package rules

import (
	"fmt"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/personal"
)

// own finds, for every family, the line or pattern that decides it: a line for the column, then one for
// its table, then the narrowest glob, then its category, then its type.
func (k *compiler) own() {
	patterns := newPatterns(k.file.defaults)
	for _, f := range k.families {
		for _, root := range f.roots {
			c := k.choose(patterns, root)
			switch {
			case c == nil:
			case f.own == nil:
				f.own = c
			case f.own.text != c.text:
				k.report(finding.Finding{
					Code: "linked-columns", Place: c.place, Object: root.name(),
					Fix: "decide both in the same way",
				}, "is decided as %s, but a table inherits it together with %s, which is decided as %s at %s",
					c.decision.word(), f.root().name(), f.own.decision.word(), f.own.place)
			}
		}
	}
}

// choose returns what decides c by the order of precedence, nil when nothing does.
func (k *compiler) choose(patterns *patterns, c *column) *choice {
	if found := k.explicit(c); found != nil {
		return found
	}
	rule, tie := patterns.best(c)
	if tie != nil {
		k.report(finding.Finding{
			Code: "tied-patterns", Place: rule.place, Object: c.name(),
			Fix: "write a line for the column, or make one of the patterns narrower",
		}, "the patterns %q and %q at %s cover it alike", rule.text, tie.text, tie.place)
		c.family.explained = true
		k.deciding[&tie.decision] = true
	}
	if rule == nil || k.resolved[&rule.decision] == nil {
		return nil
	}
	return &choice{resolved: k.resolved[&rule.decision], decision: &rule.decision, by: rule.by(), place: rule.place, pattern: rule.text}
}

// explicit returns the line under tables that decides c: its own, one that like: copies, or a "*".
func (k *compiler) explicit(c *column) *choice {
	for at := c.table.rule; at != nil; at = k.file.tables[at.like] {
		line := at.columns[c.catalog.Name]
		if line == nil {
			continue
		}
		by, pattern := DecidedByColumn, ""
		if at != c.table.rule {
			by, pattern = DecidedByTable, at.name.String()
		}
		return k.line(line, by, pattern)
	}
	for at := c.table.rule; at != nil; at = k.file.tables[at.like] {
		if at.others != nil {
			return k.line(at.others, DecidedByTable, at.name.String()+".*")
		}
	}
	return nil
}

func (k *compiler) line(line *columnRule, by Decider, pattern string) *choice {
	found := k.resolved[&line.decision]
	if found == nil {
		return nil
	}
	return &choice{resolved: found, decision: &line.decision, by: by, place: line.place, pattern: pattern}
}

// patterns finds the pattern for a column without trying all of them on each.
type patterns struct {
	globs      []*defaultRule
	byCategory map[personal.Category]*defaultRule
	byType     map[string][]*defaultRule
	// table is the table that fits was made for.
	table *table
	// exact and wild are the globs whose schema and table parts cover table, by column part.
	exact map[string][]*defaultRule
	wild  []*defaultRule
}

func newPatterns(rules []*defaultRule) *patterns {
	p := &patterns{byCategory: map[personal.Category]*defaultRule{}, byType: map[string][]*defaultRule{}}
	for _, rule := range rules {
		switch rule.by() {
		case DecidedByCategory:
			p.byCategory[rule.category] = rule
		case DecidedByType:
			p.byType[rule.typeName] = append(p.byType[rule.typeName], rule)
		default:
			p.globs = append(p.globs, rule)
		}
	}
	return p
}

// category returns the rule for the category of c, nil when there is none. Parse lets one stand for each.
func (p *patterns) category(c *column) *defaultRule {
	if len(p.byCategory) == 0 {
		return nil
	}
	category, ok := personal.Of(c.catalog.Name, c.catalog.Type)
	if !ok {
		return nil
	}
	return p.byCategory[category]
}

// fit narrows the globs to those that can cover a column of t. Families come table by table, so that
// this runs once for each.
func (p *patterns) fit(t *table) {
	if p.table == t {
		return
	}
	p.table, p.exact, p.wild = t, map[string][]*defaultRule{}, nil
	for _, rule := range p.globs {
		g := rule.glob
		if !g.parts[1].matches(t.name().Name) || !g.parts[0].matches(t.name().Schema) {
			continue
		}
		if name := g.parts[2].literal; name != "" {
			p.exact[name] = append(p.exact[name], rule)
			continue
		}
		p.wild = append(p.wild, rule)
	}
}

// covering calls visit for every glob that covers c.
func (p *patterns) covering(c *column, visit func(*defaultRule)) {
	p.fit(c.table)
	for _, rule := range p.exact[c.catalog.Name] {
		visit(rule)
	}
	for _, rule := range p.wild {
		if rule.glob.parts[2].matches(c.catalog.Name) {
			visit(rule)
		}
	}
}

// best returns the narrowest glob that covers c, else its category, else the narrowest type; tie is another that is no
// wider, or nil.
func (p *patterns) best(c *column) (rule, tie *defaultRule) {
	var all []*defaultRule
	p.covering(c, func(candidate *defaultRule) {
		all = append(all, candidate)
		if rule == nil || candidate.glob.narrower(rule.glob) < 0 {
			rule = candidate
		}
	})
	for _, other := range all {
		if other != rule && rule.glob.narrower(other.glob) >= 0 {
			tie = other
		}
	}
	if rule != nil {
		return rule, tie
	}
	if rule = p.category(c); rule != nil {
		return rule, nil
	}
	for _, level := range typeNames(c.catalog.Type) {
		for _, name := range level {
			for _, candidate := range p.byType[name] {
				if rule == nil {
					rule = candidate
				} else if rule != candidate {
					tie = candidate
				}
			}
		}
		if rule != nil {
			break
		}
	}
	return rule, tie
}

// typeNames returns the names that a rule by type may use for t, narrowest first: with modifiers, the
// domain, then the type underneath.
func typeNames(t catalog.Type) [][]string {
	full, base := normalType(t.Name), normalType(t.Base)
	plain, modifiers := full, ""
	if i, j := strings.IndexByte(full, '('), strings.IndexByte(full, ')'); i > 0 && j > i {
		plain, modifiers = strings.TrimSpace(full[:i])+full[j+1:], full[i:j+1]
	}
	var levels [][]string
	if modifiers != "" {
		levels = append(levels, distinct(full, base+modifiers))
	}
	if t.Domain != "" {
		levels = append(levels, []string{normalType(t.Domain)})
	}
	return append(levels, distinct(plain, base))
}

func distinct(a, b string) []string {
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// decided marks the pattern behind c as one that decided something.
func (k *compiler) decided(c *choice) { k.deciding[c.decision] = true }

// undecidedFix names the lines to add for a column.
func (k *compiler) undecidedFix(c *column) string {
	suggestion := k.suggestMask(c)
	column := spellKey(spellColumn(c.catalog.Name))
	if rule := c.table.rule; rule != nil {
		return fmt.Sprintf(`add the line "%s: %s" to the columns of %s at %s, or {keep: "why it names nobody"}`, column, suggestion, c.table.name(), rule.place)
	}
	return fmt.Sprintf(`add the line "%s: {columns: {%s: %s}}" under tables: in %s, or {keep: "why it names nobody"}`,
		spellKey(c.table.name().String()), column, suggestion, k.file.path)
}

// suggestMask returns a mask that fits c: the one of its name, else one that keeps values distinct where an
// index asks for that, else one that reads nothing.
func (k *compiler) suggestMask(c *column) string {
	for _, d := range k.masks.All() {
		if d.Name == strings.ToLower(c.catalog.Name) && fits(&d, c.catalog.Type) && !needsParams(&d) && d.Name != keepMask {
			return d.Name
		}
	}
	if c.unique() {
		if names := k.uniqueMasks(c); len(names) > 0 {
			return names[0]
		}
	}
	if c.catalog.NotNull {
		return emptyMask
	}
	return nullMask
}

// unique reports whether an index refuses two rows that are equal in c alone.
func (c *column) unique() bool {
	for _, index := range c.table.catalog.Indexes {
		if index.Unique && len(index.Columns) == 1 && index.Columns[0].Column == c.catalog.Name {
			return true
		}
	}
	return false
}

// spellKey writes a name as a YAML key inside a line.
func spellKey(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.") == "" && strings.Trim(name, "0123456789") != "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", "''") + "'"
}

// spellColumn writes a column's name as columns: wants it: in SQL quotes where it holds a dot.
func spellColumn(name string) string {
	return strings.TrimPrefix((catalog.Name{Schema: "s", Name: "t"}).Column(name), "s.t.")
}
