package derive

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// golden is testdata/golden/derive_v1.json: what version 1 gives, written once. It is never written
// again: an environment refreshed by the next release must join with one refreshed by this.
type golden struct {
	MaskingKey string `json:"masking_key"`
	ID         string `json:"id"`
	Subkeys    []struct {
		Label string `json:"label"`
		Hex   string `json:"hex"`
	} `json:"subkeys"`
	Mappings []struct {
		Domain string `json:"domain"`
		Family string `json:"family"`
		Key    string `json:"key"`
		Values []struct {
			Value  string   `json:"value"`
			Sum    string   `json:"sum"`
			Stream string   `json:"stream"`
			Below  uint64   `json:"below"`
			Draws  []uint64 `json:"draws"`
		} `json:"values"`
	} `json:"mappings"`
	Permutations []struct {
		Domain string      `json:"domain"`
		Family string      `json:"family"`
		Size   uint64      `json:"size"`
		Tweak  string      `json:"tweak"`
		Pairs  [][2]uint64 `json:"pairs"`
	} `json:"permutations"`
}

func readGolden(t *testing.T) (g golden, m MaskingKey) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/golden/derive_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	if m, err = ParseMaskingKey(g.MaskingKey); err != nil {
		t.Fatal(err)
	}
	return g, m
}

func TestVersion1IsFrozen(t *testing.T) {
	g, m := readGolden(t)
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	check("id", m.ID(), g.ID)
	for _, s := range g.Subkeys {
		check("subkey "+s.Label, hex.EncodeToString(m.Subkey(s.Label, len(s.Hex)/2)), s.Hex)
	}
	values := 0
	for _, mapping := range g.Mappings {
		k := m.Key(mapping.Domain, mapping.Family)
		check("key of "+mapping.Domain, hex.EncodeToString((*k.bytes)[:]), mapping.Key)
		p := NewPRF(k)
		for _, v := range mapping.Values {
			values++
			sum := p.Sum([]byte(v.Value))
			check("sum of "+v.Value, hex.EncodeToString(sum[:]), v.Sum)
			stream, d := make([]byte, len(v.Stream)/2), p.Draw([]byte(v.Value))
			d.Bytes(stream)
			check("stream of "+v.Value, hex.EncodeToString(stream), v.Stream)
			d = p.Draw([]byte(v.Value))
			for i, want := range v.Draws {
				if got := d.N(v.Below); got != want {
					t.Errorf("draw %d of %q below %d: got %d, want %d", i, v.Value, v.Below, got, want)
				}
			}
		}
	}
	if values < 8 {
		t.Errorf("the golden file holds %d values only", values)
	}
}

func TestPermutationsOfVersion1AreFrozen(t *testing.T) {
	g, m := readGolden(t)
	pairs := 0
	for _, frozen := range g.Permutations {
		p, err := NewPermutation(m.Key(frozen.Domain, frozen.Family), frozen.Size, []byte(frozen.Tweak))
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range frozen.Pairs {
			pairs++
			if got := p.Encrypt(pair[0]); got != pair[1] {
				t.Errorf("size %d: %d goes to %d, want %d", frozen.Size, pair[0], got, pair[1])
			}
			if got := p.Decrypt(pair[1]); got != pair[0] {
				t.Errorf("size %d: %d comes back as %d, want %d", frozen.Size, pair[1], got, pair[0])
			}
		}
	}
	if pairs < 20 {
		t.Errorf("the golden file holds %d pairs only", pairs)
	}
}
