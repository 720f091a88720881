package rules

import (
	"fmt"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// largeObjectsKey is the key of rules that decides large objects, all of them alike: what one holds nothing
// but its content says.
const largeObjectsKey = "large_objects"

// What large_objects: may be beside a keep: the objects arrive without content, or not at all.
const (
	largeObjectsEmpty = "empty"
	largeObjectsNone  = "none"
)

// largeObjects reads the decision about large objects and writes it down as that about the table of their
// pages, so that nothing after it need tell them from rows.
func (p *parse) largeObjects(f field) {
	const fix = `write {keep: "why they name nobody"}, empty (the objects arrive without content) or none`
	name := catalog.LargeObjectPages()
	if first := p.file.tables[name]; first != nil {
		p.report(f.place, "duplicate-key", fmt.Sprintf("delete one; the other is at %s", first.place), "decides large objects a second time")
		return
	}
	rule := &tableRule{place: f.place, rowsPlace: f.place, name: name, columns: map[string]*columnRule{}}
	v := f.value
	switch {
	case v.kind == kindBad:
		return
	case v.kind == kindString && v.text == largeObjectsEmpty:
		rule.rows = RowsNone
	case v.kind == kindString && v.text == largeObjectsNone:
		rule.rows, rule.reason = RowsDropped, "the rules leave out all large objects"
	case v.kind == kindMap:
		for _, option := range v.fields {
			if option.key != "keep" {
				p.unknown(option, largeObjectsKey, []string{"keep"})
			}
		}
		reason, ok := p.reason(v.get("keep"), "keep")
		if !ok {
			return
		}
		rule.rows = RowsAll
		for _, column := range []string{"loid", "pageno", "data"} {
			line := &columnRule{place: f.place, name: column, decision: decision{place: f.place, keep: true, reason: reason}}
			rule.columns[column] = line
			rule.order = append(rule.order, line)
		}
	default:
		p.report(v.place, "wrong-type", fix, "large_objects is neither a keep, empty nor none")
		return
	}
	p.file.tables[name] = rule
	p.file.order = append(p.file.order, rule)
}

// checkLargeObjects refuses large objects that no rule decides, or lets them arrive without content where
// what is undecided arrives blank.
func (k *compiler) checkLargeObjects() {
	t := k.byName[catalog.LargeObjectPages()]
	if t == nil || t.rule != nil {
		return
	}
	// Patterns were written for columns of tables: none of them decides these.
	t.rows = RowsNone
	f := finding.Finding{
		Code: "undecided-large-objects", Object: k.catalog.Database,
		Fix: `write large_objects: {keep: "why they name nobody"}, or empty for objects without content, or none`,
	}
	n := plural(int(k.catalog.LargeObjects), "large object", "large objects")
	if k.options.Undecided == Blank {
		f.Severity, f.Code = finding.Warning, "blanked-large-objects"
		k.report(f, "no rule decides the %s of the source; they arrive without content", n)
		return
	}
	k.report(f, "no rule decides the %s of the source", n)
}
