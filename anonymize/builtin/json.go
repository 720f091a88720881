package builtin

import (
	"errors"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

func jsonPaths() anonymize.Definition {
	paths := func(a anonymize.Args) []anonymize.PathMask {
		list, _ := a.Params["paths"].([]anonymize.PathMask)
		return list
	}
	return anonymize.Definition{
		Name:     "json",
		Group:    anonymize.GroupStructured,
		Family:   "json",
		Unmapped: true,
		Summary: "masks what stands at paths of a JSON document; types stay, kept parts stay byte for byte, and what no path " +
			"decides fails the run or is taken out with its key",
		Accepts: []catalog.Class{catalog.ClassJSON},
		Params: []anonymize.Param{
			{
				Name: "paths", Kind: anonymize.ParamPaths, Required: true,
				Doc: "a mask or a reason to keep for each path, such as $.customer.email, $.tags[*], $.prices.* or $[\"odd key\"]",
			},
			{
				Name: "unknown", Kind: anonymize.ParamChoice, Default: "refuse", Choices: []string{"refuse", "redact"},
				Doc: "what becomes of what no path decides: refuse fails the run, redact takes members out with their keys and blanks other values",
			},
		},
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Discloses: []anonymize.Disclosure{
			anonymize.DisclosesEquality, anonymize.DisclosesFrequency, anonymize.DisclosesLength,
			anonymize.DisclosesOrder, anonymize.DisclosesFormat,
		},
		Rank: 5,
		Cost: 1_000,
		Example: anonymize.Example{
			Input: `{"customer": {"email": "mary@shop.example"}, "total": 12.50}`,
			Params: map[string]any{"paths": []anonymize.PathMask{
				{Path: "$.customer.email", Mask: fixedMask("somebody@example.com")},
				{Path: "$.total", Keep: true},
			}},
		},
		Check: func(a anonymize.Args) error {
			_, err := parsePaths(paths(a))
			return err
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			root, err := parsePaths(paths(a))
			if err != nil {
				return nil, err
			}
			for _, p := range paths(a) {
				if p.Mask == nil && !p.Keep {
					return nil, errors.New("make mask json: a path has neither a mask nor a reason to keep")
				}
			}
			return &jsonMask{root: root, refuse: stringOf(a, "unknown") != "redact"}, nil
		},
	}
}

type jsonMask struct {
	root   *jsonNode
	refuse bool
}

// Append implements anonymize.Mask.
func (m *jsonMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	w := jsonWalk{text: v.Text, out: dst, row: v.Row, refuse: m.refuse}
	w.space()
	if err := w.value(m.root, 0); err != nil {
		return nil, err
	}
	w.space()
	if w.at != len(w.text) {
		return nil, errNotJSON
	}
	return w.out, nil
}
