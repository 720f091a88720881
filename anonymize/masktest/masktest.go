// Package masktest holds the laws that every mask must keep, whatever it does to a value. A mask's own
// tests call Run and add what only that mask promises.
package masktest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
)

// Case is one use of a mask that the laws are tried on.
type Case struct {
	// Name names the subtest; "" takes the number of the case.
	Name string
	// Args is what the mask is made from. A zero Key becomes one of the suite's own, parameters that have
	// a default and are absent are filled in.
	Args anonymize.Args
	// Inputs are ordinary values of the column, distinct under the type's equality. Each must be masked
	// without an error; two at least.
	Inputs []string
	// Row is what a mask that reads its row is shown.
	Row anonymize.Row
	// Refused says that Check must refuse Args; nothing else is tried then.
	Refused bool
	// FixedShape demands that no ordinary value costs an allocation.
	FixedShape bool
	// AnyKey says that the output does not depend on the key, as with a mask that only cuts.
	AnyKey bool
	// MayEqual says that an output may be the input, as with small permutations and partial masks.
	MayEqual bool
	// Nested says that parameters hold masks, which were made for the type of Args: it is not narrowed.
	Nested bool
	// Valid, when set, tells whether an output is a value of the column's type.
	Valid func(output string) bool
}

// Run tries every law on every case. A definition that keeps values has no mask and only its contract is
// tried.
func Run(t *testing.T, d anonymize.Definition, cases ...Case) {
	t.Helper()
	registry, err := anonymize.NewRegistry([]anonymize.Definition{d})
	if err != nil {
		t.Fatal(err)
	}
	guarded, _ := registry.Lookup(d.Name)
	if d.Determinism == anonymize.Kept {
		return
	}
	if len(cases) == 0 {
		t.Fatalf("mask %s: no case to try", d.Name)
	}
	for i, c := range cases {
		name := c.Name
		if name == "" {
			name = fmt.Sprint(i)
		}
		t.Run(name, func(t *testing.T) {
			s := &suite{definition: guarded, c: c}
			s.c.Args = complete(guarded, c.Args)
			if c.Refused {
				s.refuses(t)
				return
			}
			s.run(t)
		})
	}
}

// TestKey returns one of the suite's keys for a's domain and d's family: number 0 is the one that cases
// without a key get.
func TestKey(d anonymize.Definition, a anonymize.Args, number byte) derive.Key {
	domain := a.Domain
	if domain == "" {
		domain = d.Family
	}
	raw := [32]byte{0x6c, 0x65, 0x74, 0x68, 0x65, 31: number}
	return derive.MaskingKeyOf(raw).Key(domain, d.Family)
}

// complete returns a with the suite's key and the defaults of absent parameters.
func complete(d *anonymize.Definition, a anonymize.Args) anonymize.Args {
	if a.Key.IsZero() {
		a.Key = TestKey(*d, a, 0)
	}
	params := map[string]any{}
	for _, p := range d.Params {
		if p.Default != nil {
			params[p.Name] = p.Default
		}
	}
	for name, value := range a.Params {
		params[name] = value
	}
	a.Params = params
	return a
}

// Row is a row for masks that read it. A nil field is NULL.
type Row struct{ Ins, Outs [][]byte }

// In returns field i as production has it.
func (r Row) In(i int) ([]byte, bool) { return r.Ins[i], r.Ins[i] != nil }

// Out returns field i as it leaves.
func (r Row) Out(i int) ([]byte, bool) { return r.Outs[i], r.Outs[i] != nil }

// suite is one case under trial.
type suite struct {
	definition *anonymize.Definition
	c          Case
}

func (s *suite) refuses(t *testing.T) {
	if s.check(s.c.Args) == nil {
		t.Error("Check agrees to what it must refuse")
	}
}

func (s *suite) check(a anonymize.Args) error {
	if s.definition.Check == nil {
		return nil
	}
	return s.definition.Check(a)
}

// make returns the mask for a, which Check must agree to; it must see no key for that.
func (s *suite) make(t *testing.T, a anonymize.Args) anonymize.Mask {
	t.Helper()
	keyless := a
	keyless.Key = derive.Key{}
	if err := s.check(keyless); err != nil {
		t.Fatalf("Check refuses: %v", err)
	}
	m, err := s.definition.New(a)
	if err != nil {
		t.Fatalf("New refuses what Check agreed to: %v", err)
	}
	return m
}

func (s *suite) value(input string) anonymize.Value {
	return anonymize.Value{Text: []byte(input), Row: s.c.Row}
}

// output is what became of one input.
type output struct {
	text string
	null bool
	err  error
}

// mask appends to a buffer of its own that holds something already, with and without room to grow.
func (s *suite) mask(t *testing.T, m anonymize.Mask, v anonymize.Value) output {
	t.Helper()
	const prefix = "before\x00"
	text := slices.Clone(v.Text)
	var first output
	for i, room := range []int{0, 1, 1 << 12} {
		dst := append(make([]byte, 0, len(prefix)+room), prefix...)
		got, err := m.Append(dst, v)
		if !slices.Equal(text, v.Text) {
			t.Fatal("the mask wrote into its input")
		}
		var out output
		switch {
		case err != nil:
			out.err = err
			requireSilent(t, err, text)
		case got == nil:
			out.null = true
		case len(got) < len(prefix) || string(got[:len(prefix)]) != prefix:
			t.Fatal("the mask overwrote what stood in dst")
		default:
			out.text = string(got[len(prefix):])
		}
		if i == 0 {
			first = out
		} else if out.text != first.text || out.null != first.null || (out.err == nil) != (first.err == nil) {
			t.Fatal("the room in dst changed the output")
		}
	}
	// An empty output appended to an empty dst must not turn into NULL.
	if got, err := m.Append([]byte{}, v); err == nil && (got == nil) != first.null {
		t.Fatal("an empty value and NULL are mixed up on an empty dst")
	}
	return first
}
