package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// fill writes the decisions into the plan and makes the masks where a key is there.
func (k *compiler) fill(p *Plan) {
	if !k.findings.HasErrors() {
		for _, f := range k.families {
			k.make(f)
		}
	}
	p.byName = map[catalog.Name]int{}
	for _, t := range k.tables {
		made := TablePlan{Table: t.catalog, Rows: t.rows, Where: t.where, Reason: t.reason, Into: t.into}
		if t.hasRows() {
			for _, c := range t.columns {
				if c.family.final != nil {
					made.Columns = append(made.Columns, c.plan())
				}
			}
		}
		made.Joins = t.joins
		for _, c := range t.joined {
			made.Joined = append(made.Joined, c.plan())
		}
		p.byName[t.name()] = len(p.Tables)
		p.Tables = append(p.Tables, made)
	}
	p.References = k.file.references
	p.Digests.Rules = k.file.Digest()
	p.Digests.Catalog = k.catalog.Digest()
	if k.options.Key != nil {
		p.Digests.KeyID = k.options.Key.ID()
	}
	p.Digests.Plan = p.digest()
}

// keyOf returns the key that the mask of f is made under, nil when there is none.
func (k *compiler) keyOf(f *family) *derive.MaskingKey {
	if f.final != nil && f.final.perRun {
		return k.options.RunKey
	}
	return k.options.Key
}

// make makes the mask of f. Data-free masks need no key and are made without one.
func (k *compiler) make(f *family) {
	key := k.keyOf(f)
	if f.final == nil || f.final.definition == nil || !f.hasRows() || keyed(f.final) && key == nil {
		return
	}
	var failed error
	args := f.args
	if key != nil && keyed(f.final) {
		args.Key = key.Key(f.domain, f.final.definition.Family)
	}
	args.Params = f.final.withMasks(args, func(inner anonymize.Args, path pathDecision) anonymize.Mask {
		if key != nil && inner.Domain != "" {
			inner.Key = key.Key(inner.Domain, path.definition.Family)
		}
		m, err := path.definition.New(inner)
		if err != nil && failed == nil {
			failed = fmt.Errorf("mask %s %s: %w", path.definition.Name, path.where(), err)
		}
		return m
	})
	m, err := f.final.definition.New(args)
	if failed != nil {
		err = failed
	}
	if err != nil {
		k.report(finding.Finding{
			Code: "mask-refused", Place: f.final.place, Object: f.name(), Fix: "change the parameters or choose another mask",
		}, "the mask %s cannot be made: %v", f.final.definition.Name, err)
		return
	}
	f.mask, f.args = m, args
}

// plan returns the decision for c.
func (c *column) plan() ColumnPlan {
	f := c.family
	final := f.final
	out := ColumnPlan{
		Column: c.catalog, Mask: final.decision.word(), Run: f.mask, Definition: final.definition,
		Params: f.args.Params, Domain: f.domain, Reason: final.decision.reason,
		By: final.by, Place: final.place, Pattern: final.pattern, Blanked: final.blank, PerRun: final.perRun, Inputs: f.inputs(),
	}
	for _, s := range f.siblings {
		out.Siblings = append(out.Siblings, s.name)
	}
	if !slices.Contains(f.roots, c) {
		out.By, out.Pattern = DecidedByInherited, f.name()
	}
	return out
}

// planText is what the digest of a plan is made of. Its JSON is canonical: structs keep their order, and
// maps are sorted by key.
type planText struct {
	Derivation string      `json:"derivation"`
	Dictionary string      `json:"dictionary"`
	KeyID      string      `json:"key_id"`
	Tables     []tableText `json:"tables"`
}

type tableText struct {
	Table   catalog.Name `json:"table"`
	Rows    RowsMode     `json:"rows"`
	Where   string       `json:"where,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Into    catalog.Name `json:"into"`
	Columns []columnText `json:"columns"`
}

type columnText struct {
	Column   string `json:"column"`
	Decision string `json:"decision"`
	Reason   string `json:"reason,omitempty"`
	Domain   string `json:"domain,omitempty"`
	Type     string `json:"type,omitempty"`
	Blanked  bool   `json:"blanked,omitempty"`
}

// digest names every decision, and what the masks are made from.
func (p *Plan) digest() string {
	text := planText{Derivation: derive.Version, Dictionary: dictionary.Version, KeyID: p.Digests.KeyID}
	for _, t := range p.Tables {
		made := tableText{Table: t.Table.Name, Rows: t.Rows, Where: t.Where, Reason: t.Reason, Into: t.Into}
		for _, c := range t.Columns {
			family := p.compiled.byName[t.Table.Name].byName[c.Column.Name].family
			made.Columns = append(made.Columns, columnText{
				Column: c.Column.Name, Decision: family.final.text, Reason: c.Reason, Domain: c.Domain,
				Type: typeText(family), Blanked: c.Blanked,
			})
		}
		text.Tables = append(text.Tables, made)
	}
	return sum(text)
}

// typeText writes what the mask was told of the type, which decides what it makes.
func typeText(f *family) string {
	if f.final.definition == nil {
		return ""
	}
	t := f.args.Type
	return fmt.Sprintf("%s/%d/%d/%d/%t", t.Base, t.MaxLength, t.Precision, t.Scale, t.CaseFolded)
}

// sum returns the lower-case hex SHA-256 of v as JSON.
func sum(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // texts, numbers and booleans always have a form
		text = []byte(err.Error())
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}
