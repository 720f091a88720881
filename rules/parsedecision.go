package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/personal"
)

func decisionKeys() []string { return []string{"mask", "keep", "domain", "per_run", "future"} }

// laterKeys are keys of a decision that are reserved: they parse as "not yet", so that names do not drift.
func laterKeys() []string {
	return []string{"approved_by", "basis", "category", "owner", "proposed", "reviewed"}
}

// decision reads what a column or a pattern is decided to. It reports false when nothing usable stands
// there, after saying why.
func (p *parse) decision(f field) (decision, bool) {
	d := decision{place: f.place, maskPlace: f.value.place}
	switch v := f.value; v.kind {
	case kindBad:
		return d, false
	case kindAbsent:
		p.report(f.place, "empty-decision", `write a mask, such as "null", or {keep: "why it names nobody"}`, "%q is not decided", f.key)
		return d, false
	case kindNull:
		if v.text != "null" {
			p.report(v.place, "empty-decision", `write "null" for the mask that empties the column`, "%q is not a decision", v.text)
			return d, false
		}
		d.mask = "null"
		return d, true
	case kindString:
		return p.word(d, v)
	case kindMap:
		return p.decisionMap(d, v)
	default:
		p.report(v.place, "wrong-type", `write a mask's name, {mask: NAME, …} or {keep: "reason"}`, "a decision is %s, want a mask or a keep", v.kind)
		return d, false
	}
}

// word reads a decision of one word, which is always a mask: keep needs a reason.
func (p *parse) word(d decision, v node) (decision, bool) {
	switch {
	case v.text == "keep":
		p.report(v.place, "missing-reason", `write {keep: "why it names nobody"}`, "keeps without a reason")
		return d, false
	case strings.TrimSpace(v.text) == "":
		p.report(v.place, "empty-decision", "write a mask's name", "names no mask")
		return d, false
	}
	d.mask = v.text
	return d, true
}

func (p *parse) decisionMap(d decision, v node) (decision, bool) {
	mask, keep := v.get("mask"), v.get("keep")
	var written struct{ mask, keep bool }
	ok := true
	for _, f := range v.fields {
		switch f.key {
		case "mask":
			written.mask = true
			switch {
			case mask.kind == kindNull && mask.text == "null":
				d.mask, d.maskPlace = "null", mask.place
			case mask.kind == kindString:
				var good bool
				if d, good = p.word(d, mask); !good {
					ok = false
				}
				d.maskPlace = mask.place
			default:
				ok = p.want(mask, kindString, "mask")
			}
		case "keep":
			written.keep, d.keep = true, true
			var good bool
			if d.reason, good = p.reason(keep, "keep"); !good {
				ok = false
			}
		case "domain":
			if ok = p.want(f.value, kindString, "domain") && ok; ok {
				d.domain, d.domainPlace = f.value.text, f.value.place
				if strings.TrimSpace(d.domain) == "" {
					p.report(f.value.place, "wrong-value", "name the domain or delete the key", "the domain has no name")
					ok = false
				}
			}
		case "per_run":
			d.perRunPlace = f.place
			if ok = p.want(f.value, kindBool, "per_run") && ok; ok {
				d.perRun = f.value.text == "true"
			}
		case "future":
			if ok = p.want(f.value, kindBool, "future") && ok; ok {
				d.future = f.value.text == "true"
			}
		default:
			if slices.Contains(laterKeys(), f.key) {
				p.report(f.place, "not-yet", "delete the key", "the key %q is reserved and does nothing yet", f.key)
				continue
			}
			d.params = append(d.params, f)
		}
	}
	return d, p.decisionShape(d, v, written.mask, written.keep) && ok
}

// decisionShape checks that the keys of a decision go together.
func (p *parse) decisionShape(d decision, v node, mask, keep bool) bool {
	switch {
	case mask && keep:
		p.report(v.place, "mask-and-keep", "delete one of the two", "both keeps and masks")
		return false
	case !mask && !keep:
		fix := `write {mask: NAME, …} or {keep: "reason"}`
		if len(d.params) > 0 {
			if near := nearest(d.params[0].key, decisionKeys()); near != "" {
				fix = meant(d.params[0].key, decisionKeys())
			}
		}
		p.report(v.place, "empty-decision", fix, "names neither a mask nor a keep")
		return false
	case keep && len(d.params) > 0:
		for _, f := range d.params {
			p.unknown(f, "a keep", []string{"keep", "future"})
		}
		return false
	case keep && d.domain != "":
		p.report(d.domainPlace, "unknown-key", "delete domain:", "a kept column has no domain")
		return false
	case keep && d.perRun:
		p.report(d.perRunPlace, "unknown-key", "delete per_run:", "a kept column is the same on every run")
		return false
	case mask && d.future:
		p.report(v.place, "unknown-key", "delete future: masks cover new columns anyway", "future: is for patterns that keep")
		return false
	}
	return true
}

// reason reads why something is kept or dropped: a text that says something, in quotes, so that a word
// YAML reads as something else cannot slip by.
func (p *parse) reason(n node, key string) (string, bool) {
	switch {
	case n.kind == kindBad:
		return "", false
	case n.kind == kindAbsent, n.kind == kindNull, n.kind == kindString && strings.TrimSpace(n.text) == "":
		p.report(n.place, "missing-reason", "write "+key+`: "the reason", as somebody will read it in the audit`, "%s has no reason", key)
		return "", false
	case n.kind != kindString:
		p.report(n.place, "missing-reason", "write "+key+`: "the reason"`, "the reason of %s is %s, want a quoted text", key, n.kind)
		return "", false
	case !n.quoted:
		p.report(n.place, "missing-reason", "put the reason into double quotes", "the reason of %s is not quoted", key)
		return "", false
	}
	return strings.TrimSpace(n.text), true
}

// defaults reads decisions by pattern.
func (p *parse) defaults(n node) {
	if !p.mapping(n, "defaults") {
		return
	}
	for _, f := range n.fields {
		d, ok := p.decision(f)
		rule := &defaultRule{place: f.place, text: f.key, decision: d}
		switch kind, rest, named := strings.Cut(f.key, ":"); {
		case kind == "category" && named:
			if rule.category, named = p.category(f, rest); !named {
				continue
			}
			if ok && d.keep {
				p.report(f.place, "keep-by-category", "mask here, and keep by a pattern over column names", "keeps by category; a category is what needs a mask")
				continue
			}
		case kind == "type" && named:
			if rule.typeName = normalType(rest); rule.typeName == "" {
				p.report(f.place, "bad-pattern", `write the type's name, as in "type:inet"`, "names no type")
				continue
			}
			if ok && d.keep {
				p.report(f.place, "keep-by-type", "mask here, and keep by a pattern over column names", "keeps by type; a type says nothing of what a column holds")
				continue
			}
		default:
			g, err := parseGlob(f.key)
			if err != nil {
				p.report(f.place, "bad-pattern", `write schema.table.column with * and ?, as in "*.*.email"; a part with a dot goes into double quotes`, "%v", err)
				continue
			}
			rule.glob = g
			if ok && d.keep && g.catchAll() {
				p.report(f.place, "catch-all-keep", `name columns in the last part, as in "*.*.*_count"`, "the pattern %q would keep columns that nobody looked at", f.key)
				continue
			}
		}
		if ok {
			p.file.defaults = append(p.file.defaults, rule)
		}
	}
}

// categoryPrefix begins the key of a rule by category.
const categoryPrefix = "category:"

// category reads the name of a category. It reports false when there is none of that name, after saying so.
func (p *parse) category(f field, name string) (personal.Category, bool) {
	known := personal.Categories()
	if slices.Contains(known, personal.Category(name)) {
		return personal.Category(name), true
	}
	names := make([]string, 0, len(known))
	for _, c := range known {
		names = append(names, string(c))
	}
	fix := "write one of " + strings.Join(names, ", ")
	if near := nearest(name, names); near != "" {
		fix = fmt.Sprintf("write %q if that is what was meant", categoryPrefix+near)
	}
	p.report(f.place, "unknown-category", fix, "there is no category %q", name)
	return "", false
}

// checkDefaults reports patterns that cover exactly the same names.
func (p *parse) checkDefaults() {
	first := map[string]*defaultRule{}
	for _, rule := range p.file.defaults {
		key := rule.key()
		if other := first[key]; other != nil {
			p.report(rule.place, "duplicate-pattern", "delete one of the two", "the pattern %q says the same as %q at %s", rule.text, other.text, other.place)
			continue
		}
		first[key] = rule
	}
}

// normalType brings a type's name into the form that types are compared in.
func normalType(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }
