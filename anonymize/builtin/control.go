package builtin

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/internal/catalog"
)

// composite returns the masks that are made of others, and those that read the row.
func composite(words *dictionary.Library) []anonymize.Definition {
	return []anonymize.Definition{
		when(),
		caseOfColumn(),
		chain(),
		notBefore(),
		deriveExpression(),
		arrayOf(),
		hstoreOf(),
		linkPerson(words),
		copyFrom(),
		shuffle(),
		recompute(),
		custom(),
		compositeOf(),
		xmlPaths(),
		urlParts(),
		hierarchyOf(),
	}
}

// through is the contract that masks made of others share: what they promise is what the weakest of those does,
// which may keep.
func through(name, summary string) anonymize.Definition {
	return anonymize.Definition{
		Name: name, Family: name, Group: anonymize.GroupControl, Unmapped: true, Summary: summary, Accepts: allClasses(),
		Reads: anonymize.ReadsRow, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: everything(), Rank: 5, Cost: 100,
	}
}

func everything() []anonymize.Disclosure {
	return []anonymize.Disclosure{
		anonymize.DisclosesEquality, anonymize.DisclosesFrequency, anonymize.DisclosesLength,
		anonymize.DisclosesOrder, anonymize.DisclosesFormat, anonymize.DisclosesProximity,
	}
}

// masksOf returns the masks that a parameter holds, nil when it was not given.
func masksOf(a anonymize.Args, name string) []anonymize.PathMask {
	masks, _ := a.Params[name].([]anonymize.PathMask)
	return masks
}

// inner applies one nested mask: a kept entry passes the value on.
func inner(dst []byte, m anonymize.PathMask, v anonymize.Value) ([]byte, error) {
	if m.Keep {
		return append(dst, v.Text...), nil
	}
	return m.Mask.Append(dst, v)
}

// whole reports an error where a nested mask was not made, which only a mistake of this engine brings about.
func whole(lists ...[]anonymize.PathMask) error {
	for _, list := range lists {
		for _, m := range list {
			if m.Mask == nil && !m.Keep {
				return errors.New("make mask: one of those it is made of is missing")
			}
		}
	}
	return nil
}

func caseOfColumn() anonymize.Definition {
	d := through("case", "masks the value by what another column of its row says")
	d.Params = []anonymize.Param{
		{Name: "column", Kind: anonymize.ParamColumn, Required: true, Doc: "the column that decides, as production has it"},
		{Name: "of", Kind: anonymize.ParamPaths, Nests: anonymize.NestsSelf, Required: true, Doc: "a mask or a reason to keep for each text of that column"},
		{Name: "else", Kind: anonymize.ParamMask, Nests: anonymize.NestsSelf, Required: true, Doc: "the mask for every other text, and for NULL"},
	}
	d.Example = anonymize.Example{Input: "Mary Smith", Params: map[string]any{
		"column": "kind", "of": []anonymize.PathMask{{Path: "company", Keep: true}}, "else": []anonymize.PathMask{{Mask: fixedMask("somebody")}},
	}}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		m := &caseMask{of: map[string]anonymize.PathMask{}, otherwise: masksOf(a, "else")[0]}
		var ok bool
		if m.column, ok = a.Siblings[stringOf(a, "column")]; !ok {
			return nil, errNoSibling
		}
		for _, entry := range masksOf(a, "of") {
			m.of[entry.Path] = entry
		}
		return m, whole(masksOf(a, "of"), masksOf(a, "else"))
	}
	return d
}

var errNoSibling = errors.New("make mask: a column is not among those that it may read")

var errNoRow = errors.New("read the row: it is not at hand")

type caseMask struct {
	column    int
	of        map[string]anonymize.PathMask
	otherwise anonymize.PathMask
}

// Append implements anonymize.Mask.
func (m *caseMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if v.Row == nil {
		return nil, errNoRow
	}
	if text, ok := v.Row.In(m.column); ok {
		if entry, found := m.of[string(text)]; found {
			return inner(dst, entry, v)
		}
	}
	return inner(dst, m.otherwise, v)
}

func chain() anonymize.Definition {
	d := through("chain", "masks the value by several masks, each on what the one before wrote")
	d.Reads = anonymize.ReadsValue
	d.Params = []anonymize.Param{{
		Name: "masks", Kind: anonymize.ParamMasks, Nests: anonymize.NestsSelf, Required: true, Doc: "the masks, the first of which sees the value",
	}}
	d.Example = anonymize.Example{Input: "Mary", Params: map[string]any{"masks": []anonymize.PathMask{{Mask: fixedMask("somebody")}}}}
	d.Check = func(a anonymize.Args) error {
		for _, entry := range masksOf(a, "masks") {
			if entry.Keep {
				return errors.New("a kept value has no place in a chain: it would pass on what the masks before it wrote; leave it out")
			}
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		return chainMask(masksOf(a, "masks")), whole(masksOf(a, "masks"))
	}
	return d
}

type chainMask []anonymize.PathMask

// Append implements anonymize.Mask. NULL ends the chain.
func (m chainMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	start := len(dst)
	var between []byte
	for i, entry := range m {
		out, err := entry.Mask.Append(dst[:start], v)
		if err != nil || out == nil {
			return nil, err
		}
		dst = out
		if i < len(m)-1 {
			between = append(between[:0], dst[start:]...)
			v.Text = between
		}
	}
	return dst, nil
}

func notBefore() anonymize.Definition {
	d := through("not_before", "masks a date and sees that it does not come before the masked date of another column")
	d.Group = anonymize.GroupRow
	d.Accepts = []catalog.Class{catalog.ClassDate, catalog.ClassTimestamp}
	d.Params = []anonymize.Param{
		{Name: "column", Kind: anonymize.ParamColumn, Required: true, Doc: "the column of the same type whose date comes first"},
		{Name: "with", Kind: anonymize.ParamMask, Nests: anonymize.NestsSelf, Required: true, Doc: "the mask for the date itself"},
	}
	d.Example = anonymize.Example{Input: "2024-05-05", Params: map[string]any{
		"column": "began", "with": []anonymize.PathMask{{Mask: fixedMask("2024-01-01")}},
	}}
	d.Check = func(a anonymize.Args) error {
		other := a.SiblingTypes[stringOf(a, "column")]
		if other.Base != "" && other.Base != a.Type.Base {
			return fmt.Errorf("column is of type %s and cannot be compared with %s; name one of the same type", other.Name, a.Type.Name)
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		other, ok := a.Siblings[stringOf(a, "column")]
		if !ok {
			return nil, errNoSibling
		}
		return &notBeforeMask{other: other, with: masksOf(a, "with")[0]}, whole(masksOf(a, "with"))
	}
	return d
}

type notBeforeMask struct {
	other int
	with  anonymize.PathMask
}

// Append implements anonymize.Mask.
func (m *notBeforeMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	if v.Row == nil {
		return nil, errNoRow
	}
	start := len(dst)
	dst, err := inner(dst, m.with, v)
	if err != nil || dst == nil {
		return nil, err
	}
	if first, ok := v.Row.Out(m.other); ok && before(dst[start:], first) {
		dst = append(dst[:start], first...)
	}
	return dst, nil
}

// before compares dates as datestyle ISO writes them, all of one type: texts of years of four digits compare as
// they are. Other years, years before Christ and infinities are compared by their parts.
func before(a, b []byte) bool {
	if year := eraOf(a) - eraOf(b); year != 0 {
		return year < 0
	}
	if bytes.HasSuffix(a, []byte(" BC")) || len(a) == 0 || !isDigit(a[0]) {
		return false // of one year before Christ, or the same infinity
	}
	return bytes.Compare(a, b) < 0
}

// eraOf returns the year, with those before Christ below 1 and the infinities beyond all others.
func eraOf(date []byte) int64 {
	const beyond = 1 << 40
	year, _, _, rest, ok := parseDate(date)
	switch {
	case !ok && len(date) > 0 && date[0] == '-':
		return -beyond
	case !ok:
		return beyond
	case bytes.HasSuffix(rest, []byte(" BC")):
		return 1 - year
	}
	return year
}
