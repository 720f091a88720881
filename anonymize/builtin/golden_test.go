package builtin_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

// goldenFiles are what version 1 of the masks makes of values, one file for each lot of masks that was released
// together, written once. Nothing writes them again: who has masked with one release must get the same from the
// next.
const goldenFiles = "../../testdata/golden/masks_v1*.json"

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

func readGolden(t *testing.T) (masks []goldenMask, key derive.MaskingKey) {
	t.Helper()
	files, err := filepath.Glob(goldenFiles)
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	common := ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(text, &g); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if common == "" {
			common = g.MaskingKey
		}
		if g.MaskingKey != common {
			t.Fatalf("%s has another masking key", file)
		}
		masks = append(masks, g.Masks...)
	}
	raw, err := hex.DecodeString(common)
	if err != nil {
		t.Fatal(err)
	}
	return masks, derive.MaskingKeyOf([32]byte(raw))
}

// make makes the mask of g under key.
func (g goldenMask) make(t *testing.T, key derive.MaskingKey) (anonymize.Mask, anonymize.Row) {
	t.Helper()
	d := lookup(t, g.Mask)
	params := map[string]any{}
	for name, value := range g.Params {
		params[name] = asKind(d, name, value)
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

// asKind gives a parameter as JSON has it the Go type of its kind.
func asKind(d anonymize.Definition, name string, value any) any {
	i := slices.IndexFunc(d.Params, func(p anonymize.Param) bool { return p.Name == name })
	if n, ok := value.(float64); ok && i >= 0 && d.Params[i].Kind == anonymize.ParamInt {
		return int64(n)
	}
	if list, ok := value.([]any); ok {
		texts := make([]string, len(list))
		for i, entry := range list {
			texts[i], _ = entry.(string)
		}
		return texts
	}
	return value
}

func TestVersionOneIsFrozen(t *testing.T) {
	uses, key := readGolden(t)
	frozen := map[string]int{}
	for _, use := range uses {
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
