package rules

import (
	"fmt"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

func tableKeys() []string { return []string{"rows", "drop", "like", "columns"} }

func (p *parse) tables(n node) {
	if !p.mapping(n, "tables") {
		return
	}
	for _, f := range n.fields {
		name, ok := p.tableName(f.key, f.place)
		if !ok {
			continue
		}
		if name == catalog.LargeObjectPages() {
			p.report(f.place, "bad-name", `write large_objects: {keep: "why they name nobody"}, beside tables:`, "large objects are decided as a whole")
			continue
		}
		if first := p.file.tables[name]; first != nil {
			p.report(f.place, "duplicate-table", fmt.Sprintf("move its lines to %s", first.place), "decides the table %s a second time", name)
			continue
		}
		rule := &tableRule{place: f.place, name: name, rows: RowsAll, columns: map[string]*columnRule{}}
		p.file.tables[name] = rule
		p.file.order = append(p.file.order, rule)
		p.table(rule, f.value)
	}
}

func (p *parse) tableName(text string, at finding.Place) (catalog.Name, bool) {
	parts, err := catalog.SplitName(text)
	switch {
	case err != nil:
		p.report(at, "bad-name", `write schema.table; a part that holds a dot goes into double quotes, as in '"a.b".c'`, "%v", err)
		return catalog.Name{}, false
	case len(parts) != 2:
		p.report(at, "bad-name", `write schema.table; a part that holds a dot goes into double quotes, as in '"a.b".c'`,
			"table name %q has %s, want 2", text, plural(len(parts), "part", "parts"))
		return catalog.Name{}, false
	}
	return catalog.Name{Schema: parts[0], Name: parts[1]}, true
}

func (p *parse) table(rule *tableRule, n node) {
	if !p.mapping(n, "table "+rule.name.String()) {
		return
	}
	for _, f := range n.fields {
		switch f.key {
		case "rows":
			p.rows(rule, f)
		case "drop":
			if reason, ok := p.reason(f.value, "drop"); ok {
				if rule.rowsPlace != (finding.Place{}) {
					p.report(f.place, "rows-and-drop", "delete one of the two", "the table has both rows: and drop:")
				}
				rule.rows, rule.reason, rule.rowsPlace = RowsDropped, reason, f.place
			}
		case "like":
			if p.want(f.value, kindString, "like") {
				rule.likePlace = f.value.place
				rule.like, _ = p.tableName(f.value.text, f.value.place)
			}
		case "columns":
			p.columns(rule, f.value)
		default:
			p.unknown(f, "a table", tableKeys())
		}
	}
	if rule.rows == RowsDropped && (len(rule.order) > 0 || rule.others != nil || !rule.like.IsZero()) {
		p.report(rule.place, "drop-and-columns", "delete columns: and like:, or drop:", "the table is dropped, so that its other lines decide nothing")
	}
}

func (p *parse) rows(rule *tableRule, f field) {
	if rule.rowsPlace != (finding.Place{}) {
		p.report(f.place, "rows-and-drop", "delete one of the two", "the table has both rows: and drop:")
		return
	}
	const fix = `write "rows: none", "rows: all" or "rows: {where: \"a condition in SQL\"}"`
	v := f.value
	switch {
	case v.kind == kindBad:
	case v.kind == kindString && v.text == string(RowsAll), v.kind == kindString && v.text == string(RowsNone):
		rule.rows, rule.rowsPlace = RowsMode(v.text), f.place
	case v.kind == kindMap:
		where := v.get("where")
		for _, option := range v.fields {
			if option.key != "where" {
				p.unknown(option, "rows", []string{"where"})
			}
		}
		if !p.want(where, kindString, "where") {
			return
		}
		if why := badCondition(where.text); why != "" {
			p.report(where.place, "bad-condition", "write one SQL expression over the table's columns", "the condition %s", why)
			return
		}
		rule.rows, rule.rowsPlace, rule.where = RowsWhere, f.place, strings.TrimSpace(where.text)
	default:
		p.report(v.place, "wrong-type", fix, "rows is neither none, all nor a condition")
	}
}

func (p *parse) columns(rule *tableRule, n node) {
	if !p.mapping(n, "columns") {
		return
	}
	for _, f := range n.fields {
		d, ok := p.decision(f)
		if f.key == "*" {
			if ok && d.keep {
				p.report(f.place, "catch-all-keep", "name the columns that are kept, or keep by a pattern over column names under defaults:",
					`"*" would keep columns that nobody looked at`)
				continue
			}
			rule.others = &columnRule{place: f.place, name: "*", decision: d}
			continue
		}
		parts, err := catalog.SplitName(f.key)
		if err != nil || len(parts) != 1 {
			p.report(f.place, "bad-name", `write the column's name alone; one that holds a dot goes into double quotes, as in '"a.b"'`,
				"%q is not a column's name", f.key)
			continue
		}
		if first := rule.columns[parts[0]]; first != nil {
			p.report(f.place, "duplicate-key", fmt.Sprintf("delete one; the other is at %s", first.place), "decides the column %s a second time", parts[0])
			continue
		}
		if ok && d.future {
			p.report(d.place, "unknown-key", "delete future: it is for patterns", "a column that is named needs no future:")
		}
		column := &columnRule{place: f.place, name: parts[0], decision: d}
		rule.columns[parts[0]] = column
		rule.order = append(rule.order, column)
	}
}

// checkLikes reports every like: that leads nowhere or back to itself.
func (p *parse) checkLikes() {
	names := make([]string, 0, len(p.file.order))
	for _, rule := range p.file.order {
		names = append(names, rule.name.String())
	}
	for _, rule := range p.file.order {
		if rule.like.IsZero() {
			continue
		}
		if p.file.tables[rule.like] == nil {
			p.report(rule.likePlace, "unknown-like", meant(rule.like.String(), names), "the rules have no table %s to copy from", rule.like)
			rule.like = catalog.Name{}
			continue
		}
		if p.likeLoops(rule) {
			p.report(rule.likePlace, "like-cycle", "delete one of the like: lines", "%s is like itself by way of %s", rule.name, rule.like)
			rule.like = catalog.Name{}
		}
	}
}

// likeLoops reports whether following like: from rule comes back to it.
func (p *parse) likeLoops(rule *tableRule) bool {
	at := rule
	for range p.file.order {
		if at = p.file.tables[at.like]; at == nil || at.like.IsZero() {
			return false
		}
		if at.like == rule.name {
			return true
		}
	}
	return at != nil && at.like == at.name && at == rule
}

// badCondition says what makes a condition unfit to stand between parentheses in a statement of ours.
// It is a guard against mistakes: whoever writes rules is trusted with the database's content anyway.
func badCondition(sql string) string {
	if strings.TrimSpace(sql) == "" {
		return "is empty"
	}
	depth := 0
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; c {
		case '\'', '"':
			end := strings.IndexByte(sql[i+1:], c)
			if end < 0 {
				return "has a quote that is not closed"
			}
			i += end + 1
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return "closes a parenthesis that it did not open"
			}
		case ';':
			return "holds a semicolon"
		case '-', '/':
			if i+1 < len(sql) && (sql[i:i+2] == "--" || sql[i:i+2] == "/*") {
				return "holds a comment"
			}
		}
	}
	if depth != 0 {
		return "does not close a parenthesis"
	}
	return ""
}
