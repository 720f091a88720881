package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// pathDecision is one of the decisions that a parameter holds.
type pathDecision struct {
	// path is what the parameter calls the place, or the number of the decision in its list.
	path   string
	place  finding.Place
	reason string // of a kept path
	domain string
	nests  anonymize.Nesting
	*resolved
}

// where names the decision for findings.
func (p *pathDecision) where() string {
	if p.path == "" {
		return "there"
	}
	return "on " + p.path
}

// nested reads the masks that a parameter holds. They are made when a key is there.
func (r *resolver) nested(out *resolved, param anonymize.Param, f field) (any, bool) {
	fields, good := decisionFields(param, f)
	if !good {
		if f.value.kind != kindBad {
			r.report(f.value.place, "wrong-parameter", param.Doc, "the parameter %q wants %s", param.Name, wanted(param))
		}
		return nil, false
	}
	p := &parse{}
	ok := true
	var entries []anonymize.PathMask
	for _, f := range fields {
		d, good := p.decision(f)
		if !good {
			ok = false
			continue
		}
		inner := r.decision(&d, &param)
		if inner == nil {
			ok = false
			continue
		}
		for _, s := range inner.siblings {
			if !out.addSibling(s.path, s.place) {
				r.report(s.place, "wrong-parameter", "reach one of them by another column", "the mask reads two columns that are both spelled %s", s.name)
				ok = false
			}
		}
		out.paths[param.Name] = append(out.paths[param.Name],
			pathDecision{path: f.key, place: f.place, reason: d.reason, domain: d.domain, nests: param.Nests, resolved: inner})
		entries = append(entries, anonymize.PathMask{Path: f.key, Keep: d.keep})
	}
	r.findings = append(r.findings, p.findings...)
	return entries, ok
}

// decisionFields returns the decisions that a parameter holds as the fields of a mapping.
func decisionFields(param anonymize.Param, f field) ([]field, bool) {
	switch v := f.value; param.Kind {
	case anonymize.ParamMask:
		f.key = ""
		return []field{f}, v.kind != kindList
	case anonymize.ParamMasks:
		if v.kind != kindList || len(v.list) == 0 {
			return nil, false
		}
		fields := make([]field, len(v.list))
		for i, entry := range v.list {
			fields[i] = field{key: fmt.Sprint(i + 1), place: entry.place, value: entry}
		}
		return fields, true
	default:
		return v.fields, v.kind == kindMap && len(v.fields) > 0
	}
}

// nestedArgs are the arguments of a mask that stands in or beside another.
func nestedArgs(outer anonymize.Args, path pathDecision) anonymize.Args {
	a := anonymize.Args{Column: outer.Column, Type: catalog.Type{Name: "text", Base: "text"}, Params: path.params, Domain: path.domain}
	switch path.nests {
	case anonymize.NestsSelf:
		a.Type, a.Siblings, a.SiblingTypes, a.NotNull = outer.Type, outer.Siblings, outer.SiblingTypes, outer.NotNull
	case anonymize.NestsElement:
		a.Type = outer.Type
		a.Type.Name, a.Type.Base = strings.TrimSuffix(a.Type.Name, "[]"), strings.TrimSuffix(a.Type.Base, "[]")
		a.Type.Domain, a.Type.DomainChecks = "", nil
	case anonymize.NestsText:
	}
	if a.Domain == "" && path.definition.Determinism == anonymize.Keyed {
		a.Domain = path.definition.Family
	}
	return a
}

// withMasks returns the parameters of r, which stands on what outer says, with the masks that they hold made by
// mask, from the innermost out.
func (r *resolved) withMasks(outer anonymize.Args, mask func(anonymize.Args, pathDecision) anonymize.Mask) map[string]any {
	if len(r.paths) == 0 {
		return r.params
	}
	params := make(map[string]any, len(r.params))
	for name, value := range r.params {
		params[name] = value
	}
	for name, paths := range r.paths {
		entries := make([]anonymize.PathMask, 0, len(paths))
		for _, path := range paths {
			entry := anonymize.PathMask{Path: path.path, Keep: path.definition == nil}
			if !entry.Keep {
				inner := nestedArgs(outer, path)
				inner.Params = path.withMasks(inner, mask)
				entry.Mask = mask(inner, path)
			}
			entries = append(entries, entry)
		}
		params[name] = entries
	}
	return params
}

// checkNested asks the masks that the decision of f holds whether they can stand there.
func (k *compiler) checkNested(f *family) {
	f.final.withMasks(f.args, func(a anonymize.Args, path pathDecision) anonymize.Mask {
		d := path.definition
		refuse := func(why string) {
			k.report(finding.Finding{
				Code: "mask-refused", Place: path.place, Object: f.name(), Fix: "change the parameters or choose another mask",
			}, "the mask %s cannot stand %s: %s", d.Name, path.where(), why)
		}
		if path.nests != anonymize.NestsText && !slices.Contains(d.Accepts, a.Type.Class()) {
			refuse("it does not fit " + a.Type.Name)
		} else if d.Check != nil {
			if err := d.Check(a); err != nil {
				refuse(err.Error())
			}
		}
		return nil
	})
}
