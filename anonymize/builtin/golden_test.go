package builtin_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

// goldenFile is what version 1 of the masks makes of values, written once. Nothing writes it again: who
// has masked with one release must get the same from the next.
const goldenFile = "../../testdata/golden/masks_v1.json"

type golden struct {
	MaskingKey string       `json:"masking_key"`
	Masks      []goldenMask `json:"masks"`
}

// goldenMask is one use of a mask and its outputs by input. Entity is what date_shift reads of the row.
type goldenMask struct {
	Mask   string            `json:"mask"`
	Type   string            `json:"type"`
	Domain string            `json:"domain"`
	Params map[string]any    `json:"params,omitempty"`
	Entity string            `json:"entity,omitempty"`
	Values map[string]string `json:"values"`
}

func readGolden(t *testing.T) (golden, derive.MaskingKey) {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(g.MaskingKey)
	if err != nil {
		t.Fatal(err)
	}
	return g, derive.MaskingKeyOf([32]byte(raw))
}

// make makes the mask of g under key.
func (g goldenMask) make(t *testing.T, key derive.MaskingKey) (anonymize.Mask, anonymize.Row) {
	t.Helper()
	d := lookup(t, g.Mask)
	params := map[string]any{}
	for name, value := range g.Params {
		if n, ok := value.(float64); ok {
			value = int64(n)
		}
		params[name] = value
	}
	a := withDefaults(d, args(g.Type, params))
	a.Domain, a.Key = g.Domain, key.Key(g.Domain, d.Family)
	var row anonymize.Row
	if g.Entity != "" {
		a.Siblings = map[string]int{"id": 0}
		a.SiblingTypes = map[string]catalog.Type{"id": typeOf("int8")}
		row = masktest.Row{Ins: [][]byte{[]byte(g.Entity)}, Outs: [][]byte{nil}}
	}
	m, err := d.New(a)
	if err != nil {
		t.Fatalf("%s: %v", g.Mask, err)
	}
	return m, row
}

func TestVersionOneIsFrozen(t *testing.T) {
	g, key := readGolden(t)
	frozen := map[string]int{}
	for _, use := range g.Masks {
		m, row := use.make(t, key)
		for input, want := range use.Values {
			frozen[use.Mask]++
			out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input), Row: row})
			if err != nil || string(out) != want {
				t.Errorf("%s on %s %v: %q became %q, and was %q (%v)", use.Mask, use.Type, use.Params, input, out, want, err)
			}
		}
	}
	for _, d := range masks() {
		if d.Determinism == anonymize.Keyed && !d.Unmapped && frozen[d.Name] < 5 {
			t.Errorf("%s has %d frozen values, want 5 at least", d.Name, frozen[d.Name])
		}
	}
	if frozen["date_shift"] < 5 {
		t.Error("date_shift has hardly any frozen values")
	}
}
