package rules

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// maxIncludes bounds how many files one set of rules may have, so that a generator gone wild ends.
const maxIncludes = 1000

// Parse reads the rules at path and all that they include; read returns the bytes of a file, whose path
// it gets relative to the same place as path. Names of included files are relative to who includes them.
//
// The findings are everything that is wrong with the text, each with file, line and column, and need
// neither a catalog nor the masks: they are a matter of configuration (exit status 2). The File is never
// nil, holds whatever was readable, and must not be compiled when a finding is an error.
func Parse(path string, read func(path string) ([]byte, error)) (*File, finding.List) {
	p := &parse{
		read:   read,
		file:   &File{path: path, read: read, domains: map[string]*domainRule{}, tables: map[catalog.Name]*tableRule{}},
		loaded: map[string]bool{},
	}
	p.load(path, finding.Place{}, nil)
	p.checkLikes()
	p.checkDefaults()
	p.findings.Sort()
	return p.file, p.findings
}

// parse is the state of one Parse.
type parse struct {
	read     func(string) ([]byte, error)
	file     *File
	loaded   map[string]bool
	findings finding.List
}

func (p *parse) report(at finding.Place, code, fix, format string, args ...any) {
	p.findings = append(p.findings, finding.Finding{
		Code: code, Place: at, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// load reads one file. by is the line that includes it, stack the files on the way to it.
func (p *parse) load(path string, by finding.Place, stack []string) {
	if by == (finding.Place{}) {
		by = finding.Place{File: path}
	}
	for _, above := range stack {
		if above == path {
			p.report(by, "include-cycle", "delete this line", "includes %s, which includes this file: %s",
				path, strings.Join(append(stack, path), " → "))
			return
		}
	}
	if p.loaded[path] {
		p.report(by, "include-twice", "delete one of the two lines", "includes %s a second time", path)
		return
	}
	if len(p.loaded) >= maxIncludes {
		p.report(by, "too-many-files", "join some of them", "makes more than %d files", maxIncludes)
		return
	}
	p.loaded[path] = true
	p.file.files = append(p.file.files, path)
	text, err := p.read(path)
	if err != nil {
		p.report(by, "unreadable-file", "check the path and who may read it; an included file is looked for beside the one that names it",
			"read rules %s: %v", path, err)
		return
	}
	reader := &reader{file: path, findings: &p.findings}
	p.document(path, reader.read(text), append(stack, path))
}

// The keys of each mapping, for suggestions.
func documentKeys() []string {
	return []string{"version", "derivation", "include", "defaults", "domains", "references", "tables", largeObjectsKey}
}

func (p *parse) document(path string, root node, stack []string) {
	if !p.mapping(root, "the file") {
		return
	}
	if root.get("version").kind == kindAbsent {
		p.report(finding.Place{File: path, Line: 1, Column: 1}, "missing-version", `begin the file with "version: 1"`, `has no "version"`)
	}
	for _, f := range root.fields {
		switch f.key {
		case "version":
			p.version(f, "version", "the form of rules files")
		case "derivation":
			p.version(f, "derivation", "how masks derive from the key")
		case "include":
			for _, entry := range p.texts(f.value, f.key) {
				p.include(path, entry, stack)
			}
		case "defaults":
			p.defaults(f.value)
		case "domains":
			p.domains(f.value)
		case "references":
			p.references(f.value)
		case "tables":
			p.tables(f.value)
		case largeObjectsKey:
			p.largeObjects(f)
		default:
			p.unknown(f, "the file", documentKeys())
		}
	}
}

func (p *parse) version(f field, what, of string) {
	if f.value.kind == kindBad {
		return
	}
	if f.value.kind != kindInt || f.value.number != 1 {
		p.report(f.value.place, "unsupported-version", fmt.Sprintf("write %q", what+": 1"), "declares %s %s; this program knows 1 (%s)", what, f.value.text, of)
	}
}

func (p *parse) include(path string, entry node, stack []string) {
	if entry.text == "" {
		p.report(entry.place, "wrong-type", "name a file", "includes a file without a name")
		return
	}
	target := entry.text
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	p.load(filepath.Clean(target), entry.place, stack)
}

func (p *parse) domains(n node) {
	if !p.mapping(n, "domains") {
		return
	}
	for _, f := range n.fields {
		if !p.mapping(f.value, "domain "+f.key) {
			continue
		}
		if f.key == "" {
			p.report(f.place, "bad-name", "name the domain", "has no name")
			continue
		}
		if first := p.file.domains[f.key]; first != nil {
			p.report(f.place, "duplicate-key", fmt.Sprintf("delete one; the other is at %s", first.place), "writes the domain %q a second time", f.key)
			continue
		}
		rule := &domainRule{place: f.place}
		for _, option := range f.value.fields {
			if option.key != "max_length" {
				p.unknown(option, "a domain", []string{"max_length"})
				continue
			}
			if p.want(option.value, kindInt, option.key) {
				if option.value.number < 1 || option.value.number > 1<<30 {
					p.report(option.value.place, "wrong-value", "write the most characters a value may have, such as 40",
						"max_length is %d", option.value.number)
					continue
				}
				rule.maxLength = int(option.value.number)
			}
		}
		p.file.domains[f.key] = rule
	}
}

// mapping reports whether n is a mapping, and what is wrong otherwise.
func (p *parse) mapping(n node, what string) bool { return p.want(n, kindMap, what) }

// want reports whether n is of kind k, and what is wrong otherwise.
func (p *parse) want(n node, k kind, what string) bool {
	if n.kind == k {
		return true
	}
	if n.kind != kindBad {
		p.report(n.place, "wrong-type", "", "%s is %s, want %s", what, n.kind, k)
	}
	return false
}

// texts returns the entries of a list of texts; one text alone stands for a list of itself.
func (p *parse) texts(n node, what string) []node {
	if n.kind == kindString {
		return []node{n}
	}
	if !p.want(n, kindList, what) {
		return nil
	}
	var out []node
	for _, entry := range n.list {
		if p.want(entry, kindString, "an entry of "+what) {
			out = append(out, entry)
		}
	}
	return out
}

func (p *parse) unknown(f field, in string, known []string) {
	p.report(f.place, "unknown-key", meant(f.key, known), "%s has no key %q", in, f.key)
}
