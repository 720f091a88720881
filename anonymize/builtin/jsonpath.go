package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/anonymize"
)

// jsonNode is what the rules say of one place in a document. A node decides its value (mask or keep) or
// has children, never both.
type jsonNode struct {
	// path is the place in the words of the rules; errors may print it.
	path string
	mask anonymize.Mask
	keep bool
	// decided reports that the node is the end of a path.
	decided   bool
	members   map[string]*jsonNode
	anyMember *jsonNode
	elements  *jsonNode
}

// member returns the node for a key, the one named before the one for any.
func (n *jsonNode) member(key []byte) *jsonNode {
	if child := n.members[string(key)]; child != nil {
		return child
	}
	return n.anyMember
}

// parsePaths makes a tree of paths. It refuses none at all, a malformed one, one that comes twice, one
// inside another that is decided already, one that keeps without naming a key, so that whatever a document
// gains tomorrow would pass, and paths that together mask nothing.
func parsePaths(paths []anonymize.PathMask) (*jsonNode, error) {
	if len(paths) == 0 {
		return nil, errors.New("paths is empty, so that nothing would be masked; name at least one path, or use null")
	}
	root := &jsonNode{path: "$"}
	masks := false
	for _, p := range paths {
		steps, err := splitPath(p.Path)
		if err != nil {
			return nil, err
		}
		if p.Keep && len(steps) > 0 && !slices.ContainsFunc(steps, func(s pathStep) bool { return !s.any && !s.elements }) {
			return nil, fmt.Errorf("path %s would keep keys that nobody looked at; name the keys that are kept", p.Path)
		}
		node := root
		for _, s := range steps {
			if node.decided {
				return nil, fmt.Errorf("path %s lies inside %s, which is decided already; remove one of them", p.Path, node.path)
			}
			node = node.step(s)
		}
		if node.decided {
			return nil, fmt.Errorf("path %s is decided twice; remove one", p.Path)
		}
		if len(node.members) > 0 || node.anyMember != nil || node.elements != nil {
			return nil, fmt.Errorf("path %s holds other paths that are decided already; remove it or them", p.Path)
		}
		node.decided, node.mask, node.keep = true, p.Mask, p.Keep
		masks = masks || !p.Keep
	}
	if !masks {
		return nil, errors.New("every path is kept, so that nothing would be masked; keep the column instead, and say why")
	}
	return root, nil
}

// pathStep is one step of a path: a key, any key, or any element.
type pathStep struct {
	key      string
	any      bool
	elements bool
}

// step returns the child of n that s leads to, made when it is new.
func (n *jsonNode) step(s pathStep) *jsonNode {
	switch {
	case s.elements:
		if n.elements == nil {
			n.elements = &jsonNode{path: n.path + "[*]"}
		}
		return n.elements
	case s.any:
		if n.anyMember == nil {
			n.anyMember = &jsonNode{path: n.path + ".*"}
		}
		return n.anyMember
	}
	child := n.members[s.key]
	if child == nil {
		child = &jsonNode{path: n.path + "." + s.key}
		if strings.ContainsAny(s.key, `.[]*"' `) {
			child.path = fmt.Sprintf("%s[%q]", n.path, s.key)
		}
		if n.members == nil {
			n.members = map[string]*jsonNode{}
		}
		n.members[s.key] = child
	}
	return child
}

// splitPath reads $, then any of .key .* ["key"] ['key'] [*]. A quoted key holds no quote of its kind.
func splitPath(path string) ([]pathStep, error) {
	bad := func(what string) ([]pathStep, error) {
		return nil, fmt.Errorf("path %q %s; write it like $.customer.email, $.tags[*], $.prices.* or $[\"odd key\"]", path, what)
	}
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return bad("does not begin with $")
	}
	var steps []pathStep
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "[*]"):
			steps, rest = append(steps, pathStep{elements: true}), rest[3:]
		case strings.HasPrefix(rest, `["`), strings.HasPrefix(rest, `['`):
			end := strings.Index(rest[2:], rest[1:2]+"]")
			if end < 0 {
				return bad("has a quote that does not end")
			}
			steps, rest = append(steps, pathStep{key: rest[2 : 2+end]}), rest[2+end+2:]
		case rest[0] == '.':
			key := rest[1:]
			if end := strings.IndexAny(key, ".["); end >= 0 {
				key = key[:end]
			}
			if key == "" || strings.ContainsAny(key, `]"'`) {
				return bad("has a step without a key")
			}
			rest = rest[1+len(key):]
			steps = append(steps, pathStep{key: key, any: key == "*"})
		default:
			return bad("has a step that is neither a key nor [*]")
		}
	}
	return steps, nil
}
