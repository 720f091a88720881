package rules

import (
	"cmp"
	"slices"
	"strings"
)

// fileText is what the digest of the rules is made of: what they say, not how they are laid out.
type fileText struct {
	Version    int             `json:"version"`
	Derivation int             `json:"derivation"`
	Defaults   []entryText     `json:"defaults"`
	Domains    map[string]int  `json:"domains"`
	References []referenceText `json:"references"`
	Tables     []ruleText      `json:"tables"`
}

type entryText struct {
	Name   string     `json:"name"`
	Mask   string     `json:"mask,omitempty"`
	Keep   string     `json:"keep,omitempty"`
	Future bool       `json:"future,omitempty"`
	Domain string     `json:"domain,omitempty"`
	PerRun bool       `json:"per_run,omitempty"`
	Params []nodeText `json:"params,omitempty"`
}

type referenceText struct {
	From string      `json:"from"`
	To   string      `json:"to"`
	When []Condition `json:"when"`
}

type ruleText struct {
	Name    string      `json:"name"`
	Rows    RowsMode    `json:"rows"`
	Where   string      `json:"where,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Like    string      `json:"like,omitempty"`
	Columns []entryText `json:"columns"`
}

// nodeText is a value as written; mappings are sorted by key.
type nodeText struct {
	Key    string     `json:"key,omitempty"`
	Kind   string     `json:"kind"`
	Text   string     `json:"text,omitempty"`
	Values []nodeText `json:"values,omitempty"`
}

// Digest returns, as lower-case hex SHA-256, what the rules say: comments, layout, the order of entries
// and how they are spread over files do not change it; every decision, reason and parameter does.
func (f *File) Digest() string {
	text := fileText{Version: 1, Derivation: 1, Domains: map[string]int{}}
	for _, rule := range f.defaults {
		text.Defaults = append(text.Defaults, entry(rule.text, rule.decision))
	}
	for name, rule := range f.domains {
		text.Domains[name] = rule.maxLength
	}
	for _, r := range f.references {
		text.References = append(text.References, referenceText{
			From: r.From.String() + "(" + strings.Join(r.FromColumns, ",") + ")",
			To:   r.To.String() + "(" + strings.Join(r.ToColumns, ",") + ")", When: r.When,
		})
	}
	for _, t := range f.order {
		made := ruleText{Name: t.name.String(), Rows: t.rows, Where: t.where, Reason: t.reason}
		if !t.like.IsZero() {
			made.Like = t.like.String()
		}
		for _, c := range t.order {
			made.Columns = append(made.Columns, entry(c.name, c.decision))
		}
		if t.others != nil {
			made.Columns = append(made.Columns, entry("*", t.others.decision))
		}
		slices.SortFunc(made.Columns, func(a, b entryText) int { return cmp.Compare(a.Name, b.Name) })
		text.Tables = append(text.Tables, made)
	}
	slices.SortFunc(text.Defaults, func(a, b entryText) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(text.References, func(a, b referenceText) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	slices.SortFunc(text.Tables, func(a, b ruleText) int { return cmp.Compare(a.Name, b.Name) })
	return sum(text)
}

func entry(name string, d decision) entryText {
	out := entryText{Name: name, Mask: d.mask, Keep: d.reason, Future: d.future, Domain: d.domain, PerRun: d.perRun}
	for _, f := range d.params {
		out.Params = append(out.Params, nodeOf(f.key, f.value))
	}
	slices.SortFunc(out.Params, func(a, b nodeText) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

func nodeOf(key string, n node) nodeText {
	out := nodeText{Key: key, Kind: n.kind.String(), Text: n.text}
	for _, value := range n.list {
		out.Values = append(out.Values, nodeOf("", value))
	}
	for _, f := range n.fields {
		out.Values = append(out.Values, nodeOf(f.key, f.value))
	}
	if n.kind == kindMap {
		slices.SortFunc(out.Values, func(a, b nodeText) int { return cmp.Compare(a.Key, b.Key) })
	}
	return out
}
