package rules

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/lethedb/lethe/internal/finding"
)

// Bounds on one file. A rules file for 4,000 columns without a single pattern is below 400 kB; the
// parser's time grows with the square of the depth, and 50 levels are eight times what the grammar has.
const (
	maxFileSize = 4 << 20
	maxDepth    = 50
)

// kind is the sort of a node.
type kind int

const (
	kindAbsent kind = iota // nothing was written
	kindNull
	kindBool
	kindInt
	kindFloat
	kindString
	kindList
	kindMap
	kindBad // a finding was reported; say nothing more
)

// String returns the English for k as it stands after "want".
func (k kind) String() string {
	switch k {
	case kindAbsent:
		return "nothing"
	case kindNull:
		return "null"
	case kindBool:
		return "true or false"
	case kindInt:
		return "a whole number"
	case kindFloat:
		return "a number"
	case kindString:
		return "a text"
	case kindList:
		return "a list"
	case kindMap:
		return "a mapping"
	}
	return "something unreadable"
}

// node is a YAML value with its place, free of the parser's types.
type node struct {
	place finding.Place
	kind  kind
	// text is a scalar as written, without quotes.
	text string
	// quoted reports a text in quotes or a block text.
	quoted bool
	number int64
	list   []node
	fields []field
}

// field is one entry of a mapping.
type field struct {
	key   string
	place finding.Place
	value node
}

// get returns the value of key, of kind kindAbsent when there is none.
func (n node) get(key string) node {
	for _, f := range n.fields {
		if f.key == key {
			return f.value
		}
	}
	return node{place: n.place}
}

// reader turns the bytes of one file into a node and collects what is wrong with them.
type reader struct {
	file     string
	findings *finding.List
}

func (r *reader) at(tk *token.Token) finding.Place {
	p := finding.Place{File: r.file, Line: 1, Column: 1}
	if tk != nil && tk.Position != nil {
		p.Line, p.Column = max(tk.Position.Line, 1), max(tk.Position.Column, 1)
	}
	return p
}

func (r *reader) report(at finding.Place, code, fix, format string, args ...any) {
	*r.findings = append(*r.findings, finding.Finding{
		Code: code, Place: at, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// read parses one document. Its result is kindBad when nothing could be made of the text.
func (r *reader) read(text []byte) node {
	bad := node{place: finding.Place{File: r.file, Line: 1, Column: 1}, kind: kindBad}
	if len(text) > maxFileSize {
		r.report(bad.place, "too-large", "split the file with include:", "holds %d bytes, at most %d are read", len(text), maxFileSize)
		return bad
	}
	if line, ok := firstInvalid(text); ok {
		r.report(finding.Place{File: r.file, Line: line, Column: 1}, "not-utf8", "save the file as UTF-8", "holds bytes that are not UTF-8")
		return bad
	}
	if line := tooDeep(text); line > 0 {
		r.report(finding.Place{File: r.file, Line: line, Column: 1}, "too-deep", "close the brackets", "nests more than %d levels deep", maxDepth)
		return bad
	}
	// Some editors begin a file with a byte order mark and end lines in two characters.
	text = bytes.ReplaceAll(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	file, err := parseYAML(text)
	if err != nil {
		r.syntax(err, text)
		return bad
	}
	return r.document(file, bad)
}

// document returns the one document of a file.
func (r *reader) document(file *ast.File, bad node) node {
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		bodies = append(bodies, doc.Body)
	}
	switch len(bodies) {
	case 0:
		r.report(bad.place, "empty-file", `begin it with "version: 1"`, "holds no rules")
		return bad
	case 1:
		return r.convert(bodies[0], 0)
	}
	second := bodies[1].GetToken()
	if m, ok := bodies[1].(*ast.MappingNode); ok && len(m.Values) > 0 {
		second = m.Values[0].Key.GetToken()
	}
	r.report(r.at(second), "second-document", `put it into a file of its own and name that under "include:"`,
		"begins a second document; a rules file is one")
	return bad
}

// parseYAML guards against the parser's own panics: the text comes from people.
func parseYAML(text []byte) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("not readable as YAML")
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

func (r *reader) syntax(err error, text []byte) {
	at, message := finding.Place{File: r.file, Line: 1, Column: 1}, "not readable as YAML"
	var located yaml.Error
	if errors.As(err, &located) {
		at, message = r.at(located.GetToken()), located.GetMessage()
	}
	lines := strings.Split(string(text), "\n")
	at.Line = min(at.Line, len(lines))
	line := strings.TrimLeft(lines[at.Line-1], " -")
	fix := "mend the YAML here or in the line above"
	switch {
	case strings.HasPrefix(line, "*"):
		fix = `put the pattern into double quotes, such as "*.*.email": a bare * begins an alias`
	case strings.Contains(line, "\t"):
		fix = "indent with spaces: YAML forbids tabs"
	}
	r.report(at, "broken-yaml", fix, "%s", strings.ToLower(message[:1])+message[1:])
}

// convert makes a node of an AST node. depth stops recursion on texts that the scan for brackets let by.
func (r *reader) convert(n ast.Node, depth int) node {
	if n == nil {
		return node{}
	}
	out := node{place: r.at(n.GetToken()), kind: kindBad}
	if depth > maxDepth {
		r.report(out.place, "too-deep", "", "nests more than %d levels deep", maxDepth)
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
		out.kind, out.text = kindNull, n.Token.Value
		if n.Token.Type == token.ImplicitNullType {
			out.kind = kindAbsent
		}
	case *ast.BoolNode:
		out.kind, out.text = kindBool, strconv.FormatBool(n.Value)
	case *ast.IntegerNode:
		out = r.integer(n, out)
	case *ast.FloatNode:
		out.kind, out.text = kindFloat, n.Token.Value
	case *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = kindFloat, n.GetToken().Value
	case *ast.StringNode:
		out.kind, out.text = kindString, n.Value
		out.quoted = n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
	case *ast.LiteralNode:
		out.kind, out.text, out.quoted = kindString, n.Value.Value, true
	case *ast.SequenceNode:
		out.kind = kindList
		for _, value := range n.Values {
			out.list = append(out.list, r.convert(value, depth+1))
		}
	case *ast.MappingNode:
		out.kind = kindMap
		out.fields = r.fields(n.Values, depth)
		if len(out.fields) > 0 && !n.IsFlowStyle {
			out.place = out.fields[0].place
		}
	case *ast.MappingValueNode:
		out.kind = kindMap
		out.fields = r.fields([]*ast.MappingValueNode{n}, depth)
		if len(out.fields) > 0 {
			out.place = out.fields[0].place
		}
	case *ast.AnchorNode, *ast.AliasNode:
		r.report(out.place, "anchor", "write the value out, or say it once by like:, a pattern or include:",
			"uses a YAML anchor or alias, which rules do not have")
	case *ast.TagNode:
		r.report(out.place, "tag", "leave the tag out", "uses a YAML tag, which rules do not have")
	default:
		r.report(out.place, "broken-yaml", "mend the YAML here", "is not a value")
	}
	return out
}

// integer accepts what fits 64 bits; more is a float to us, and no parameter takes one.
func (r *reader) integer(n *ast.IntegerNode, out node) node {
	out.kind, out.text = kindInt, n.Token.Value
	switch v := n.Value.(type) {
	case int64:
		out.number = v
	case uint64:
		if v > 1<<63-1 {
			out.kind = kindFloat
			return out
		}
		out.number = int64(v)
	default:
		out.kind = kindFloat
	}
	return out
}

func (r *reader) fields(values []*ast.MappingValueNode, depth int) []field {
	fields := make([]field, 0, len(values))
	seen := map[string]finding.Place{}
	for _, v := range values {
		key, at, ok := r.key(v.Key)
		if !ok {
			continue
		}
		if first, twice := seen[key]; twice {
			r.report(at, "duplicate-key", fmt.Sprintf("delete one; the other is at %s", first), "writes the key %q a second time", key)
			continue
		}
		seen[key] = at
		value := r.convert(v.Value, depth+1)
		if value.kind == kindAbsent {
			value.place = at
		}
		fields = append(fields, field{key: key, place: at, value: value})
	}
	return fields
}

func (r *reader) key(n ast.MapKeyNode) (string, finding.Place, bool) {
	at := r.at(n.GetToken())
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, at, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, at, true
	case *ast.MergeKeyNode:
		r.report(at, "anchor", "write the keys out, or use like:", "uses a YAML merge key, which rules do not have")
	default:
		r.report(at, "broken-yaml", "write the key as a plain word", "uses a key that is not a word")
	}
	return "", at, false
}

// firstInvalid returns the line of the first bytes that are not UTF-8, or of a NUL.
func firstInvalid(text []byte) (line int, found bool) {
	line = 1
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && size == 1 || c == 0 {
			return line, true
		}
		if c == '\n' {
			line++
		}
		i += size
	}
	return 0, false
}

// tooDeep returns the line on which more brackets or list dashes are open than any rules file needs, or
// 0. It does not know of quotes: a text would have to hold fifty unclosed brackets to be refused wrongly.
func tooDeep(text []byte) int {
	open := 0
	for no, line := range strings.Split(string(text), "\n") {
		dashes := strings.Count(line, "- ") + strings.Count(line, "? ") + strings.Count(line, "! ")
		if lead := strings.TrimLeft(line, "-?! "); dashes > maxDepth && len(line)-len(lead) > maxDepth {
			return no + 1
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			if open > maxDepth {
				return no + 1
			}
		}
	}
	return 0
}
