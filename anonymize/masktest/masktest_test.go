package masktest

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// maskFunc is a mask made of a function.
type maskFunc func(dst []byte, v anonymize.Value) ([]byte, error)

func (f maskFunc) Append(dst []byte, v anonymize.Value) ([]byte, error) { return f(dst, v) }

const tokenLength = 16

// token is a mask that keeps every law.
func token() anonymize.Definition {
	return anonymize.Definition{
		Name: "token", Family: "token", Group: anonymize.GroupPseudonymize, Summary: "sixteen hex digits",
		Accepts: []catalog.Class{catalog.ClassText}, Reads: anonymize.ReadsValue,
		Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueBounded, Nulls: anonymize.NullsKept,
		Discloses: []anonymize.Disclosure{anonymize.DisclosesEquality}, Rank: 3, Cost: 100,
		Example:  anonymize.Example{Input: "Ana"},
		Capacity: func(anonymize.Args) float64 { return 1 << 60 },
		Check: func(a anonymize.Args) error {
			if a.Type.MaxLength > 0 && a.Type.MaxLength < tokenLength {
				return errors.New("the column is too short")
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			prf := derive.NewPRF(a.Key)
			return maskFunc(func(dst []byte, v anonymize.Value) ([]byte, error) {
				sum := prf.Sum(v.Text)
				return hex.AppendEncode(dst, sum[:tokenLength/2]), nil
			}), nil
		},
	}
}

// nothing is a data-free mask that asks to see NULL.
func nothing() anonymize.Definition {
	d := token()
	d.Determinism, d.Rank, d.Discloses, d.Uniqueness = anonymize.DataFree, 1, nil, anonymize.UniqueNone
	d.Nulls, d.Capacity, d.Check = anonymize.NullsMasked, nil, nil
	d.New = func(anonymize.Args) (anonymize.Mask, error) {
		return maskFunc(func(dst []byte, _ anonymize.Value) ([]byte, error) { return dst, nil }), nil
	}
	return d
}

func names() Case {
	return Case{
		Args:   anonymize.Args{Column: "name", Type: catalog.Type{Base: "text"}},
		Inputs: []string{"Ana", "Bruno", "Carla", "", "n/a"},
	}
}

func TestGoodMasksPass(t *testing.T) {
	fixed, narrow := names(), names()
	fixed.FixedShape = true
	narrow.Args.Type = catalog.Type{Base: "varchar", MaxLength: 3}
	narrow.Refused = true
	Run(t, token(), fixed, narrow)
	Run(t, nothing(), names())
	Run(t, anonymize.Definition{
		Name: "keep", Group: anonymize.GroupControl, Summary: "passes on", Accepts: []catalog.Class{catalog.ClassText}, Reads: anonymize.ReadsValue,
		Determinism: anonymize.Kept, Uniqueness: anonymize.UniqueExact, Nulls: anonymize.NullsKept, Rank: 6,
	})
}

// with returns the good mask with its work replaced.
func with(work func(prf *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error)) anonymize.Definition {
	d := token()
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		prf := derive.NewPRF(a.Key)
		return maskFunc(func(dst []byte, v anonymize.Value) ([]byte, error) { return work(prf, dst, v) }), nil
	}
	return d
}

func hexOf(prf *derive.PRF, dst, text []byte) []byte {
	sum := prf.Sum(text)
	return hex.AppendEncode(dst, sum[:tokenLength/2])
}

// broken returns masks that break one law each, and the words in which the suite must say so.
func broken() map[string]struct {
	words string
	d     anonymize.Definition
} {
	type entry = struct {
		words string
		d     anonymize.Definition
	}
	var calls atomic.Int64
	tooLong, incomplete, dataful, keyless := token(), token(), nothing(), token()
	tooLong.Check = nil
	incomplete.Summary = ""
	keyless.New = func(anonymize.Args) (anonymize.Mask, error) {
		prf := derive.NewPRF(derive.MaskingKeyOf([32]byte{1}).Key("", ""))
		return maskFunc(func(dst []byte, v anonymize.Value) ([]byte, error) { return hexOf(prf, dst, v.Text), nil }), nil
	}
	dataful.New = keyless.New
	picky := token()
	picky.New = func(anonymize.Args) (anonymize.Mask, error) { return nil, errors.New("no") }
	narrow := token()
	narrow.Capacity = func(anonymize.Args) float64 { return 2 }
	return map[string]entry{
		"overwrites dst": {"overwrote", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			return hexOf(p, dst[:0], v.Text), nil
		})},
		"returns the input": {"as it went in", with(func(_ *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			return append(dst, v.Text...), nil
		})},
		"counts its calls": {"comes out otherwise", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			return append(hexOf(p, dst, v.Text), byte('a'+calls.Add(1)/20%20)), nil
		})},
		"quotes the value": {"quotes", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			if len(v.Text) > 20 {
				return nil, errors.New("bad value " + string(v.Text))
			}
			return hexOf(p, dst, v.Text), nil
		})},
		"fails on an ordinary value": {"refused", with(func(_ *derive.PRF, dst []byte, _ anonymize.Value) ([]byte, error) {
			return dst, errors.New("not today")
		})},
		"collides": {"promises uniqueness", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			return hexOf(p, dst, v.Text[:min(len(v.Text), 0)]), nil
		})},
		"panics on white space": {"index out of range", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			return append(dst, strings.Fields(string(v.Text))[0]...), nil
		})},
		"turns empty into NULL": {"NULL", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			if len(v.Text) == 0 {
				return nil, nil
			}
			return hexOf(p, dst, v.Text), nil
		})},
		"passes bad bytes": {"refuses", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			return append(hexOf(p, dst, v.Text), v.Text...), nil
		})},
		"writes into its input": {"wrote into", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			dst = hexOf(p, dst, v.Text)
			clear(v.Text)
			return dst, nil
		})},
		"allocates": {"allocations", with(func(p *derive.PRF, dst []byte, v anonymize.Value) ([]byte, error) {
			return append(hexOf(p, dst, v.Text), strings.Repeat("x", len(v.Text)+1)...), nil
		})},
		"is too long":        {"characters", tooLong},
		"has no summary":     {"summary", incomplete},
		"is not data-free":   {"data-free", dataful},
		"ignores the key":    {"another key", keyless},
		"refuses too late":   {"New refuses", picky},
		"overstates":         {"capacity", narrow},
		"has too few inputs": {"two inputs", token()},
	}
}

// The suite is worth what it catches: each broken mask fails in a process of its own, for its own reason.
func TestEveryBrokenMaskIsCaught(t *testing.T) {
	const variable = "LETHE_MASKTEST_BROKEN"
	if name := os.Getenv(variable); name != "" {
		c := names()
		c.FixedShape = name == "allocates"
		if name == "has too few inputs" {
			c.Inputs = c.Inputs[:1]
		}
		Run(t, broken()[name].d, c)
		return
	}
	if raceEnabled {
		t.Skip("the race detector adds nothing to processes that fail")
	}
	for name, b := range broken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.Command(os.Args[0], "-test.run=^TestEveryBrokenMaskIsCaught$")
			command.Env = append(os.Environ(), variable+"="+name)
			out, err := command.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("the suite passed it (%v)", err)
			}
			if !strings.Contains(string(out), b.words) {
				t.Errorf("it failed for another reason than %q:\n%.2000s", b.words, out)
			}
		})
	}
}
