package builtin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

func xmlPaths() anonymize.Definition {
	d := through("xml", "masks the texts and attributes of an XML document by their paths; elements stay, and what no path decides fails the run or is taken out; comments and instructions are taken out")
	d.Group, d.Reads, d.Cost = anonymize.GroupStructured, anonymize.ReadsValue, 1_000
	d.Accepts = []catalog.Class{catalog.ClassOther, catalog.ClassText}
	d.Params = []anonymize.Param{
		{
			Name: "paths", Kind: anonymize.ParamPaths, Required: true,
			Doc: "a mask or a reason to keep for each path: /customer/name for an element's text, /order/@ref for an attribute, /order/@* for all of them, /order/*/sku for any element between, //email for an element anywhere; names are written as in the document, prefixes included",
		},
		{
			Name: "unknown", Kind: anonymize.ParamChoice, Default: "refuse", Choices: []string{"refuse", "redact"},
			Doc: "what becomes of an element, a text or an attribute that no path decides: refuse fails the run, redact takes it out; with a path that begins with // the names of elements pass",
		},
	}
	d.Example = anonymize.Example{Input: `<customer id="7"><name>Mary Smith</name></customer>`, Params: map[string]any{
		"paths": []anonymize.PathMask{{Path: "/customer/@id", Keep: true}, {Path: "/customer/name", Mask: fixedMask("somebody")}},
	}}
	d.Check = func(a anonymize.Args) error {
		if a.Type.Class() == catalog.ClassOther && a.Type.Base != "xml" {
			return fmt.Errorf("type %s is no xml; use null, empty or constant", a.Type.Name)
		}
		if a.Type.MaxLength > 0 {
			return errors.New("a column of limited length may not hold a document that grows; use null, empty or constant")
		}
		_, err := newXMLRules(masksOf(a, "paths"))
		return err
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		rules, err := newXMLRules(masksOf(a, "paths"))
		if err != nil {
			return nil, err
		}
		return &xmlMask{rules: rules, refuse: stringOf(a, "unknown") != "redact"}, whole(masksOf(a, "paths"))
	}
	return d
}

// xmlRules are the paths, the narrowest first.
type xmlRules struct {
	paths []xmlPath
	// anywhere reports that a path begins with //, so that an element may be on the way to one wherever it stands.
	anywhere bool
}

// anyName stands for any element, or any attribute.
const anyName = "*"

// xmlPath is one path: the names of elements from the outermost in, and of an attribute.
type xmlPath struct {
	steps     []string
	attribute string
	// anywhere reports that the steps are the innermost ones.
	anywhere bool
	anonymize.PathMask
}

func newXMLRules(entries []anonymize.PathMask) (*xmlRules, error) {
	rules := &xmlRules{}
	masks := false
	for _, entry := range entries {
		p, err := newXMLPath(entry)
		if err != nil {
			return nil, err
		}
		rules.anywhere = rules.anywhere || p.anywhere
		masks = masks || !entry.Keep
		at := len(rules.paths)
		for at > 0 && p.narrower(rules.paths[at-1]) {
			at--
		}
		rules.paths = append(rules.paths[:at], append([]xmlPath{p}, rules.paths[at:]...)...)
	}
	if !masks {
		return nil, errors.New("every path is kept, so that nothing would be masked; keep the column instead, and say why")
	}
	return rules, nil
}

func newXMLPath(entry anonymize.PathMask) (xmlPath, error) {
	p := xmlPath{PathMask: entry}
	bad := func() (xmlPath, error) {
		return p, fmt.Errorf("path %q is none; write it like /customer/name, /order/@ref, /order/*/sku or //email", entry.Path)
	}
	rest, ok := strings.CutPrefix(entry.Path, "/")
	if !ok {
		return bad()
	}
	rest, p.anywhere = strings.CutPrefix(rest, "/")
	p.steps = strings.Split(rest, "/")
	last := len(p.steps) - 1
	if name, ok := strings.CutPrefix(p.steps[last], "@"); ok {
		p.attribute, p.steps = name, p.steps[:last]
		if name != anyName && !isXMLName(name) {
			return bad()
		}
	}
	if len(p.steps) == 0 && !p.anywhere {
		return bad() // an attribute of nothing
	}
	named := p.attribute != "" && p.attribute != anyName
	for _, step := range p.steps {
		if step != anyName && !isXMLName(step) {
			return bad()
		}
		named = named || step != anyName
	}
	if entry.Keep && !named {
		return p, fmt.Errorf("path %s would keep elements that nobody looked at; name those that are kept", entry.Path)
	}
	return p, nil
}

// narrower reports whether p decides before other: a path from the top before one that begins anywhere, then the one
// with fewer elements of any name, then the longer one.
func (p xmlPath) narrower(other xmlPath) bool {
	wild := func(p xmlPath) (n int) {
		for _, step := range p.steps {
			if step == anyName {
				n++
			}
		}
		if p.attribute == anyName {
			n++
		}
		return n
	}
	switch {
	case p.anywhere != other.anywhere:
		return other.anywhere
	case wild(p) != wild(other):
		return wild(p) < wild(other)
	}
	return len(p.steps) > len(other.steps)
}

// find returns what is decided for the text of the innermost of the open elements, or for an attribute of it.
func (r *xmlRules) find(open []string, attribute string) *xmlPath {
	for i := range r.paths {
		p := &r.paths[i]
		if p.attribute != attribute && (attribute == "" || p.attribute != anyName) || len(p.steps) > len(open) || !p.anywhere && len(p.steps) != len(open) {
			continue
		}
		if matchSteps(p.steps, open[len(open)-len(p.steps):]) {
			return p
		}
	}
	return nil
}

// leads reports whether a path leads to the innermost of the open elements, or through it.
func (r *xmlRules) leads(open []string) bool {
	if r.anywhere {
		return true
	}
	for _, p := range r.paths {
		if len(p.steps) >= len(open) && matchSteps(p.steps[:len(open)], open) {
			return true
		}
	}
	return false
}

func matchSteps(steps, names []string) bool {
	for i, step := range steps {
		if step != anyName && step != names[i] {
			return false
		}
	}
	return true
}

// isXMLName reports whether s may name an element: what ends one is not in it.
func isXMLName(s string) bool {
	if s == "" || isDigit(s[0]) || s[0] == '-' || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		switch s[i] {
		case '@', '*', '[', ']', '!', '?':
			return false
		}
		if endsXMLName(s[i]) {
			return false
		}
	}
	return true
}

// endsXMLName reports whether a byte is none of a name's.
func endsXMLName(b byte) bool {
	switch b {
	case ' ', '\t', '\r', '\n', '/', '<', '>', '&', '"', '\'', '=':
		return true
	}
	return false
}

type xmlMask struct {
	rules  *xmlRules
	refuse bool
}

// Append implements anonymize.Mask.
func (m *xmlMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	w := xmlWalk{mask: m, text: v.Text, out: dst, row: v.Row}
	if err := w.document(); err != nil {
		return nil, err
	}
	return w.out, nil
}
