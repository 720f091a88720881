package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// masks is what the rules ask of a registry; *anonymize.Registry satisfies it.
type masks interface {
	// Lookup returns the definition of that name.
	Lookup(name string) (*anonymize.Definition, bool)
	// All returns every definition, sorted by name.
	All() []anonymize.Definition
}

// The masks that the rules themselves speak of. A blanked column gets null or empty.
const (
	keepMask      = "keep"
	recomputeMask = "recompute"
	nullMask      = "null"
	emptyMask     = "empty"
)

// CheckMasks reports every mask and parameter of f that registry does not have or that is of the wrong
// form. It needs no catalog: its findings, like those of Parse, are a matter of configuration (exit
// status 2).
func (f *File) CheckMasks(registry masks) finding.List {
	_, findings := f.resolve(registry)
	return findings
}

// resolved is a decision with its mask looked up and its parameters in Go types.
type resolved struct {
	definition *anonymize.Definition // nil for a kept column
	params     map[string]any
	// paths holds the decisions of each parameter that holds masks, in the order written.
	paths map[string][]pathDecision
	// perRun has the mask made under a key of one run.
	perRun bool
	// siblings are the columns that parameters name, without repeats, in the order of the parameters.
	siblings []sibling
	// text is equal for decisions that do the same, whatever their order of writing; domains left out.
	text string
}

// sibling is a column that a mask reads, by the name that the parameter gives it.
type sibling struct {
	name  string
	path  route
	place finding.Place
}

// isNull reports whether every value becomes NULL.
func (r *resolved) isNull() bool { return r.definition != nil && r.definition.Name == nullMask }

// resolver looks masks up and collects what it does not find.
type resolver struct {
	masks masks
	names []string
	// read returns the bytes of a file that a parameter names; nil where no decision of the rules is read.
	read     func(path string) ([]byte, error)
	findings finding.List
}

func newResolver(registry masks) *resolver {
	r := &resolver{masks: registry}
	for _, d := range registry.All() {
		r.names = append(r.names, d.Name)
	}
	return r
}

// resolve looks up every decision of f. Decisions that are wrong are absent from the map.
func (f *File) resolve(registry masks) (map[*decision]*resolved, finding.List) {
	r := newResolver(registry)
	r.read = f.read
	out := map[*decision]*resolved{}
	f.eachDecision(func(d *decision) {
		if found := r.decision(d, nil); found != nil {
			out[d] = found
		}
	})
	r.findings.Sort()
	return out, r.findings
}

func (r *resolver) report(at finding.Place, code, fix, format string, args ...any) {
	r.findings = append(r.findings, finding.Finding{
		Code: code, Place: at, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// decision resolves d, or reports and returns nil. A nested decision is one of the masks that a parameter holds;
// inside a value it has no row to read.
func (r *resolver) decision(d *decision, in *anonymize.Param) *resolved {
	if d.keep {
		return &resolved{text: keepMask}
	}
	if d.mask == "" {
		return nil // Parse has said what is wrong
	}
	definition, ok := r.masks.Lookup(d.mask)
	switch {
	case !ok:
		fix := meant(d.mask, r.names)
		if fix == "" {
			fix = "choose one of those that \"lethe masks\" lists"
		}
		r.report(d.maskPlace, "unknown-mask", fix, "there is no mask %q", d.mask)
		return nil
	case d.mask == keepMask:
		r.report(d.maskPlace, "missing-reason", `write {keep: "why it names nobody"}`, "keeps without a reason")
		return nil
	case in != nil && (in.Nests != anonymize.NestsSelf && definition.Reads != anonymize.ReadsValue || definition.Reads == anonymize.ReadsTable):
		r.report(d.maskPlace, "nested-mask", "choose a mask that reads its own value only", "the mask %s cannot stand inside a value", d.mask)
		return nil
	case d.domain != "" && definition.Determinism != anonymize.Keyed:
		r.report(d.domainPlace, "unused-domain", "delete domain:", "the mask %s reads no value, so that a domain says nothing", d.mask)
		return nil
	case d.perRun && definition.Determinism != anonymize.Keyed:
		r.report(d.perRunPlace, "unused-per-run", "delete per_run:", "the mask %s depends on no key that could differ from run to run", d.mask)
		return nil
	case d.perRun && in != nil:
		r.report(d.perRunPlace, "nested-per-run", "write per_run: to the column's own decision, for all masks in it", "one mask of several cannot differ from run to run")
		return nil
	}
	out := &resolved{definition: definition, perRun: d.perRun, params: map[string]any{}, paths: map[string][]pathDecision{}}
	if !r.params(out, d) {
		return nil
	}
	out.text = out.describe()
	return out
}

// params reads the parameters of d by its definition and adds the defaults.
func (r *resolver) params(out *resolved, d *decision) bool {
	ok := true
	known := make([]string, 0, len(out.definition.Params))
	for _, param := range out.definition.Params {
		known = append(known, param.Name)
	}
	for _, f := range d.params {
		if !slices.Contains(known, f.key) {
			fix := meant(f.key, append(slices.Clone(known), "domain"))
			if len(known) == 0 {
				fix = "delete it: the mask takes none"
			}
			r.report(f.place, "unknown-parameter", fix, "the mask %s has no parameter %q", d.mask, f.key)
			ok = false
		}
	}
	for _, param := range out.definition.Params {
		i := slices.IndexFunc(d.params, func(f field) bool { return f.key == param.Name })
		if i < 0 {
			if param.Required {
				r.report(d.maskPlace, "missing-parameter", fmt.Sprintf("write {mask: %s, %s: …}: %s", d.mask, param.Name, param.Doc),
					"the mask %s needs the parameter %q", d.mask, param.Name)
				ok = false
			} else if param.Default != nil {
				out.params[param.Name] = widen(param.Default)
			}
			continue
		}
		value, good := r.value(out, param, d.params[i])
		if !good {
			ok = false
			continue
		}
		out.params[param.Name] = value
	}
	return ok
}

// widen gives a default the Go type that Args.Params promises.
func widen(v any) any {
	if n, ok := v.(int); ok {
		return int64(n)
	}
	return v
}

// value reads one parameter in the Go type of its kind.
func (r *resolver) value(out *resolved, param anonymize.Param, f field) (any, bool) {
	v := f.value
	switch param.Kind {
	case anonymize.ParamString:
		if v.kind == kindString || v.kind == kindInt || v.kind == kindFloat || v.kind == kindBool {
			return v.text, true
		}
	case anonymize.ParamInt:
		if v.kind == kindInt {
			return v.number, true
		}
	case anonymize.ParamNumber:
		if n, err := strconv.ParseFloat(v.text, 64); err == nil && param.Takes(n) && (v.kind == kindInt || v.kind == kindFloat) {
			return n, true
		}
	case anonymize.ParamTexts:
		if texts, ok := textsOf(v); ok {
			return texts, true
		}
	case anonymize.ParamFile:
		if v.kind == kindString {
			return r.fileText(v)
		}
	case anonymize.ParamBool:
		if v.kind == kindBool {
			return v.text == "true", true
		}
	case anonymize.ParamChoice:
		if slices.Contains(param.Choices, v.text) && v.kind != kindList && v.kind != kindMap {
			return v.text, true
		}
	case anonymize.ParamColumn:
		if p, ok := routeOf(v); ok && out.addSibling(p, v.place) {
			return p.String(), true
		}
	case anonymize.ParamColumns:
		if names, ok := out.addSiblings(v); ok {
			return names, true
		}
	case anonymize.ParamPaths, anonymize.ParamMask, anonymize.ParamMasks:
		return r.nested(out, param, f)
	}
	if v.kind != kindBad {
		r.report(v.place, "wrong-parameter", param.Doc, "the parameter %q wants %s", param.Name, wanted(param))
	}
	return nil, false
}

// fileText reads a file that a parameter names, from beside the rules that name it.
func (r *resolver) fileText(v node) (any, bool) {
	path := v.text
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(v.place.File), path)
	}
	text, err := r.read(path)
	if err != nil {
		r.report(v.place, "unreadable-file", "write its path as seen from this file", "cannot read the file: %v", err)
		return nil, false
	}
	digest := sha256.Sum256(text)
	return anonymize.FileText{Path: path, Digest: hex.EncodeToString(digest[:]), Text: text}, true
}

// wanted says in words what a parameter takes.
func wanted(p anonymize.Param) string {
	switch p.Kind {
	case anonymize.ParamString:
		return "a text"
	case anonymize.ParamInt:
		return "a whole number"
	case anonymize.ParamNumber:
		return "a number"
	case anonymize.ParamTexts:
		return "a text or a list of texts"
	case anonymize.ParamFile:
		return "the path of a file"
	case anonymize.ParamBool:
		return "true or false"
	case anonymize.ParamColumn:
		return "the name of a column of the same table, or of a row that it refers to, such as customer_id.email"
	case anonymize.ParamColumns:
		return "a list of names of columns of the same table, or of rows that it refers to, such as customer_id.email"
	case anonymize.ParamChoice:
		return "one of " + strings.Join(p.Choices, ", ")
	case anonymize.ParamPaths:
		return "a mapping of paths to masks"
	case anonymize.ParamMask:
		return "a mask"
	case anonymize.ParamMasks:
		return "a list of masks"
	}
	return string(p.Kind)
}

// textsOf reads a list of texts; one alone stands for a list of itself.
func textsOf(v node) ([]string, bool) {
	entries := v.list
	if v.kind != kindList {
		entries = []node{v}
	}
	var texts []string
	for _, entry := range entries {
		switch entry.kind {
		case kindString, kindInt, kindFloat, kindBool:
			texts = append(texts, entry.text)
		default:
			return nil, false
		}
	}
	return texts, len(texts) > 0
}

// routeOf reads the name of a column, or the way to one.
func routeOf(v node) (route, bool) {
	if v.kind != kindString && v.kind != kindInt && v.kind != kindBool {
		return nil, false
	}
	parts, err := catalog.SplitName(v.text)
	return parts, err == nil
}

// addSiblings reads a list of columns; one alone stands for a list of itself.
func (r *resolved) addSiblings(v node) ([]string, bool) {
	entries := v.list
	if v.kind != kindList {
		entries = []node{v}
	}
	var names []string
	for _, entry := range entries {
		p, ok := routeOf(entry)
		if !ok || slices.Contains(names, p.String()) || !r.addSibling(p, entry.place) {
			return nil, false
		}
		names = append(names, p.String())
	}
	return names, len(names) > 0
}

// addSibling reports false where another column is spelled alike.
func (r *resolved) addSibling(p route, at finding.Place) bool {
	name := p.String()
	for _, s := range r.siblings {
		if s.name == name {
			return slices.Equal(s.path, p)
		}
	}
	r.siblings = append(r.siblings, sibling{name: name, path: p, place: at})
	return true
}

// description is what two decisions are compared by.
type description struct {
	Mask   string         `json:"mask"`
	PerRun bool           `json:"per_run,omitempty"`
	Params map[string]any `json:"params,omitempty"`
	Paths  []pathText     `json:"paths,omitempty"`
}

type pathText struct {
	Param  string `json:"param"`
	Path   string `json:"path"`
	Text   string `json:"text"`
	Reason string `json:"reason,omitempty"`
	Domain string `json:"domain,omitempty"`
}

// describe returns the canonical text of a mask with its parameters: JSON sorts the keys of maps.
func (r *resolved) describe() string {
	d := description{Mask: r.definition.Name, PerRun: r.perRun, Params: map[string]any{}}
	for name, value := range r.params {
		if r.paths[name] == nil {
			d.Params[name] = value
			continue
		}
		for _, path := range r.paths[name] {
			d.Paths = append(d.Paths, pathText{Param: name, Path: path.path, Text: path.text, Reason: path.reason, Domain: path.domain})
		}
	}
	slices.SortFunc(d.Paths, func(a, b pathText) int {
		return strings.Compare(a.Param+"\x00"+a.Path, b.Param+"\x00"+b.Path)
	})
	text, err := json.Marshal(d)
	if err != nil { // only texts, numbers and booleans are in it
		return fmt.Sprintf("%s %v", d.Mask, err)
	}
	return string(text)
}
