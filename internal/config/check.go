package config

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/lethedb/lethe/internal/finding"
)

// checker compares nodes with shapes and gathers every problem. Its messages name keys and what is
// wanted, never a value: somebody may have written a password where a name belongs.
type checker struct {
	file  string
	found finding.List
}

func (c *checker) report(code string, place finding.Place, fix, format string, args ...any) {
	c.found = append(c.found, finding.Finding{
		Code: code, Severity: finding.Error, Place: place, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// check returns the value of node as s wants it, or nil after a report. where is the node's path of
// keys, such as environments.dev.target; above is the place of its key, which is the place of mappings
// and of nodes that have none of their own.
func (c *checker) check(s *shape, node ast.Node, where string, above finding.Place) *value {
	place := c.placeOf(node, above)
	if node, unread := unreadable(node); unread != "" {
		c.report("broken-yaml", c.placeOf(node, above), "write the value out", "%s: %s are not read here", where, unread)
		return nil
	}
	switch s.kind {
	case objectKind:
		return c.object(s, node, where, above)
	case namesKind:
		return c.names(s, node, where, above)
	case listKind:
		return c.list(s, node, where, place)
	case choiceKind:
		for _, alternative := range s.choices {
			if fits(alternative, node) {
				return c.check(alternative, node, where, above)
			}
		}
	case openKind:
		if _, ok := entriesOf(node); ok {
			return &value{place: place, mapping: true}
		}
	default:
		if scalar, ok := scalarOf(s.kind, node); ok {
			return c.scalar(s, scalar, where, place)
		}
	}
	c.mismatch(s, node, where, place)
	return nil
}

func (c *checker) mismatch(s *shape, node ast.Node, where string, place finding.Place) {
	c.report("wrong-type", place, s.remedy, "%s wants %s, found %s", where, s.wants, describe(node))
}

func (c *checker) scalar(s *shape, scalar any, where string, place finding.Place) *value {
	v := &value{place: place, scalar: scalar}
	switch x := scalar.(type) {
	case string:
		if len(s.words) > 0 && !slices.Contains(s.words, x) {
			c.report("bad-value", place, didYouMean(x, s.words), "%s wants %s", where, s.wants)
			return nil
		}
		if s.pattern != nil && !s.pattern.MatchString(x) {
			c.report("bad-value", place, "", "%s wants %s", where, s.wants)
			return nil
		}
	case int:
		return c.bounded(s, v, float64(x), where)
	case float64:
		return c.bounded(s, v, x, where)
	}
	return v
}

func (c *checker) bounded(s *shape, v *value, x float64, where string) *value {
	if x >= s.min && x <= s.max && !math.IsNaN(x) {
		return v
	}
	if s.min == s.max {
		c.report("bad-value", v.place, fmt.Sprintf("write %.0f", s.min), "%s wants %.0f", where, s.min)
		return nil
	}
	c.report("bad-value", v.place, "", "%s wants %s from %.0f to %.0f", where, s.wants, s.min, s.max)
	return nil
}

func (c *checker) list(s *shape, node ast.Node, where string, place finding.Place) *value {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		c.mismatch(s, node, where, place)
		return nil
	}
	v := &value{place: place}
	for i, item := range sequence.Values {
		v.items = append(v.items, c.check(s.of, item, fmt.Sprintf("%s[%d]", where, i), c.placeOf(item, place)))
	}
	if n := len(v.items); n < s.atLeast || s.atMost > 0 && n > s.atMost {
		c.report("bad-value", place, "", "%s wants %s items, found %d", where, lengths(s), n)
		return nil
	}
	return v
}

func lengths(s *shape) string {
	switch {
	case s.atMost == 0:
		return fmt.Sprintf("at least %d", s.atLeast)
	case s.atLeast == s.atMost:
		return fmt.Sprintf("exactly %d", s.atMost)
	}
	return fmt.Sprintf("%d to %d", s.atLeast, s.atMost)
}

func (c *checker) names(s *shape, node ast.Node, where string, place finding.Place) *value {
	v, entries := c.mapping(s, node, where, place)
	for _, e := range entries {
		if s.longest > 0 && len(e.name) > s.longest || !s.pattern.MatchString(e.name) {
			c.report("bad-value", e.place, "use lower-case letters, digits, and single _ or - between them",
				"%s: %s is no name of at most %d characters", where, quoted(e.name), s.longest)
			continue
		}
		v.entries[e.name] = c.check(s.of, e.node, join2(where, e.name), e.place)
		v.names = append(v.names, e.name)
	}
	return v
}

func (c *checker) object(s *shape, node ast.Node, where string, place finding.Place) *value {
	v, entries := c.mapping(s, node, where, place)
	if v == nil {
		return nil
	}
	for _, e := range entries {
		v.names = append(v.names, e.name)
		at := join2(where, e.name)
		f, known := fieldOf(s, e.name)
		switch {
		case !known:
			c.unknown(s, e, at)
			continue
		case f.reserved != "":
			c.report("reserved-key", e.place, "remove it", "%s is reserved: %s", at, f.reserved)
			continue
		case f.later:
			c.report("not-yet", e.place, "remove it", "%s is not built yet", at)
		}
		v.entries[e.name] = c.check(f.shape, e.node, at, e.place)
	}
	c.missing(s, v, where)
	return v
}

// missing reports the keys of s that v lacks, and gives absent ones their defaults.
func (c *checker) missing(s *shape, v *value, where string) {
	for _, f := range s.fields {
		if slices.Contains(v.names, f.name) {
			continue
		}
		if f.required {
			c.report("missing-key", v.place, "add "+f.name+":", "%s is missing", join2(where, f.name))
		}
		if d := standIn(f, v.place); d != nil {
			v.entries[f.name] = d
		}
	}
	present := func(names []string) (n int) {
		for _, name := range names {
			if slices.Contains(v.names, name) {
				n++
			}
		}
		return n
	}
	if len(s.oneOf) > 0 && present(s.oneOf) != 1 {
		c.report("missing-key", v.place, s.remedy, "%s wants %s%s", title(where), exactlyOne(s), join(built(s, s.oneOf), "or"))
	}
	if len(s.anyOf) > 0 && present(s.anyOf) == 0 {
		c.report("missing-key", v.place, s.remedy, "%s wants %s", title(where), join(built(s, s.anyOf), "or"))
	}
}

func exactlyOne(s *shape) string {
	if len(built(s, s.oneOf)) == 1 {
		return ""
	}
	return "exactly one of "
}

// built returns those of names that may be used today.
func built(s *shape, names []string) []string {
	var out []string
	for _, name := range names {
		if f, _ := fieldOf(s, name); !f.later {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return names
	}
	return out
}

func (c *checker) unknown(s *shape, e entry, at string) {
	var names []string
	for _, f := range s.fields {
		if f.reserved == "" {
			names = append(names, f.name)
		}
		if f.shape == nil || f.shape.kind != objectKind {
			continue
		}
		if _, inside := fieldOf(f.shape, e.name); inside {
			c.report("unknown-key", e.place, "move it under "+f.name+":", "%s is not a key", title(at))
			return
		}
	}
	fix := didYouMean(e.name, names)
	if fix == "" {
		fix = "known here: " + strings.Join(names, ", ")
	}
	c.report("unknown-key", e.place, fix, "%s is not a key", title(at))
}

// mapping returns the entries of a mapping whose keys are names and differ, and a value to fill.
func (c *checker) mapping(s *shape, node ast.Node, where string, place finding.Place) (*value, []entry) {
	raw, ok := entriesOf(node)
	if !ok {
		c.mismatch(s, node, where, c.placeOf(node, place))
		return nil, nil
	}
	v := &value{place: place, mapping: true, entries: map[string]*value{}}
	var entries []entry
	for _, pair := range raw {
		at := c.placeOf(pair.Key, place)
		name, isName := keyOf(pair)
		if !isName {
			c.report("broken-yaml", at, "write the key as plain text", "%s: a key must be a text", title(where))
			continue
		}
		if slices.ContainsFunc(entries, func(e entry) bool { return e.name == name }) {
			c.report("duplicate-key", at, "remove one", "%s is given twice", join2(where, name))
			continue
		}
		entries = append(entries, entry{name: name, node: pair.Value, place: at})
	}
	return v, entries
}

type entry struct {
	name  string
	node  ast.Node
	place finding.Place
}

func fieldOf(s *shape, name string) (field, bool) {
	for _, f := range s.fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}
