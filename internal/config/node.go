package config

import (
	"math"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/lethedb/lethe/internal/finding"
)

// placeOf returns where node begins; a block mapping begins at its first key. Nodes without a position,
// such as an empty value, are placed at above.
func (c *checker) placeOf(node ast.Node, above finding.Place) finding.Place {
	var t *token.Token
	switch n := node.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		t = n.Start
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return c.placeOf(n.Values[0].Key, above)
		}
	case *ast.MappingValueNode:
		return c.placeOf(n.Key, above)
	default:
		t = n.GetToken()
	}
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return above
	}
	return finding.Place{File: c.file, Line: t.Position.Line, Column: max(t.Position.Column, 1)}
}

// unreadable returns a node that stands for another one and what its kind is called. One value in one
// place is what a configuration that people review needs.
func unreadable(node ast.Node) (ast.Node, string) {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		return node, "anchors and aliases"
	case *ast.TagNode:
		return node, "tags"
	}
	return node, ""
}

// entriesOf returns the pairs of a mapping.
func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// keyOf returns the key of a pair when it is a text. Words that YAML reads as something else, such as
// true or 5, are no names.
func keyOf(pair *ast.MappingValueNode) (string, bool) {
	n, ok := pair.Key.(*ast.StringNode)
	if !ok {
		return "", false
	}
	return n.Value, true
}

// scalarOf returns the Go value of a scalar node of the kind that is wanted.
func scalarOf(wanted kind, node ast.Node) (any, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, wanted == textKind
	case *ast.LiteralNode:
		return n.Value.Value, wanted == textKind
	case *ast.BoolNode:
		return n.Value, wanted == booleanKind
	case *ast.IntegerNode:
		return wholeNumber(wanted, n.Value)
	case *ast.FloatNode:
		return n.Value, wanted == numberKind
	}
	return nil, false
}

// wholeNumber returns what the parser read as uint64 or int64 as the number that is wanted. Numbers
// beyond int are given as the nearest int, so that they are out of every bound of the table.
func wholeNumber(wanted kind, read any) (any, bool) {
	var n int
	switch x := read.(type) {
	case uint64:
		n = int(min(x, math.MaxInt))
	case int64:
		n = int(x)
	default:
		return nil, false
	}
	switch wanted {
	case integerKind:
		return n, true
	case numberKind:
		return float64(n), true
	}
	return nil, false
}

// fits reports whether node has the form of s, whatever its content: it decides between choices.
func fits(s *shape, node ast.Node) bool {
	switch s.kind {
	case objectKind, namesKind, openKind:
		_, ok := entriesOf(node)
		return ok
	case listKind:
		_, ok := node.(*ast.SequenceNode)
		return ok
	case choiceKind:
		for _, alternative := range s.choices {
			if fits(alternative, node) {
				return true
			}
		}
		return false
	}
	_, ok := scalarOf(s.kind, node)
	return ok
}

// describe says what was found, without its content.
func describe(node ast.Node) string {
	switch node.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	}
	return "something else"
}
