package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/lethedb/lethe/internal/finding"
)

// Bounds that no honest file meets; the parser takes time in the square of what they bound.
const (
	largestFile  = 256 << 10
	deepestFlow  = 64
	deepestBlock = 64
)

// Load reads the file at path. It returns every problem at once, each with its place; the Config is nil
// when there is an error among them. It reads nothing but that file: secrets are fetched when used.
func Load(path string) (*Config, finding.List) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, finding.List{unreadableFile(path, err)}
	}
	return Parse(path, text)
}

func unreadableFile(path string, err error) finding.Finding {
	f := finding.Finding{
		Code: "unreadable-file", Severity: finding.Error, Place: finding.Place{File: path},
		Message: "the configuration cannot be read", Fix: "look at its owner and mode",
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Code, f.Message = "missing-file", "there is no such configuration"
		f.Fix = "write one, or name another with --config"
	case errors.Is(err, fs.ErrPermission):
		f.Message = "the configuration may not be read by this user"
	}
	return f
}

// Parse is Load for text that was already read; path is used in places and to resolve relative paths.
func Parse(path string, text []byte) (*Config, finding.List) {
	c := &checker{file: path}
	top := finding.Place{File: path, Line: 1, Column: 1}
	var root *value
	if node := c.document(text, top); node != nil {
		root = c.check(file(), node, "", top)
	}
	d := &decoder{checker: c, path: path}
	config := d.config(root)
	c.found.Sort()
	if c.found.HasErrors() {
		return nil, c.found
	}
	return config, c.found
}

// document returns the body of the one document in text, or nil after a report.
func (c *checker) document(text []byte, top finding.Place) ast.Node {
	switch {
	case len(text) > largestFile:
		c.report("broken-yaml", top, "", "the file is larger than %d KiB", largestFile>>10)
		return nil
	case tooDeep(text):
		c.report("broken-yaml", top, "", "the file is nested deeper than %d levels", deepestFlow)
		return nil
	}
	tree, err := parseYAML(text)
	if err != nil {
		c.broken(err, top)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range tree.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.NullType && doc.Body.Type() != ast.CommentType && doc.Body.Type() != ast.CommentGroupType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		c.report("broken-yaml", top, "begin with version: 1", "the file is empty")
		return nil
	case 1:
		return bodies[0]
	}
	c.report("broken-yaml", c.placeOf(bodies[1], top), "keep one", "the file holds more than one document")
	return nil
}

// errParser stands for a parser that gave up without saying where.
var errParser = errors.New("parse yaml: not understood")

// parseYAML parses text. The parser is known to panic on some broken input; that is an error like others.
func parseYAML(text []byte) (tree *ast.File, err error) {
	defer func() {
		if recover() != nil {
			tree, err = nil, errParser
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

// broken reports a syntax error by its place and its kind. Of the parser's own words only those that
// quote nothing are passed on.
func (c *checker) broken(err error, top finding.Place) {
	place, message := top, "the file is not YAML"
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		if t := syntax.Token; t != nil && t.Position != nil && t.Position.Line > 0 {
			place.Line, place.Column = t.Position.Line, max(t.Position.Column, 1)
		}
		if syntax.Message != "" && !strings.ContainsAny(syntax.Message, `"`) {
			message += ": " + syntax.Message
		}
	}
	c.report("broken-yaml", place, "look for an open bracket or quote, a tab, or wrong indentation there", "%s", message)
}

// tooDeep reports whether brackets, or list and key marks on one line, open deeper than any honest file.
// Brackets in comments and strings count too, which no file of a few hundred lines will notice.
func tooDeep(text []byte) bool {
	depth := 0
	for _, b := range text {
		switch b {
		case '[', '{':
			if depth++; depth > deepestFlow {
				return true
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	for line := range bytes.Lines(text) {
		marks := bytes.TrimLeft(line, " \t")
		rest := bytes.TrimLeft(marks, "-? \t")
		if len(marks)-len(rest) > 2*deepestBlock {
			return true
		}
	}
	return false
}
