package anonymize

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// maskFunc is a mask made of a function.
type maskFunc func(dst []byte, v Value) ([]byte, error)

func (f maskFunc) Append(dst []byte, v Value) ([]byte, error) { return f(dst, v) }

// complete returns a definition without a hole.
func complete(name string) Definition {
	return Definition{
		Name: name, Family: "family", Group: GroupPseudonymize, Summary: "does something",
		Accepts: []catalog.Class{catalog.ClassText},
		Params: []Param{
			{Name: "prefix", Kind: ParamString, Default: "x", Doc: "begins every value"},
			{Name: "mode", Kind: ParamChoice, Choices: []string{"a", "b"}, Required: true, Doc: "which of the two"},
		},
		Reads: ReadsValue, Determinism: Keyed, Uniqueness: UniqueBounded, Nulls: NullsKept,
		Discloses: []Disclosure{DisclosesEquality}, Rank: 3, Cost: 50,
		Example:  Example{Input: "Ana", Params: map[string]any{"mode": "a"}},
		Capacity: func(Args) float64 { return 1e9 },
		New: func(Args) (Mask, error) {
			return maskFunc(func(dst []byte, _ Value) ([]byte, error) { return append(dst, 'x'), nil }), nil
		},
	}
}

func TestRegistryFindsWhatItWasGiven(t *testing.T) {
	r, err := NewRegistry([]Definition{complete("zeta"), complete("alpha"), complete("mid_1")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"alpha", "mid_1", "zeta"}
	if got := r.Names(); !slices.Equal(got, want) {
		t.Errorf("names are %v, want %v", got, want)
	}
	for i, d := range r.All() {
		found, ok := r.Lookup(d.Name)
		if d.Name != want[i] || !ok || found.Name != d.Name {
			t.Errorf("definition %d is %s, looked up as %v", i, d.Name, found)
		}
	}
	if _, ok := r.Lookup("alph"); ok {
		t.Error("a mask was found that nobody registered")
	}
	if empty, err := NewRegistry(nil); err != nil || len(empty.Names()) != 0 {
		t.Errorf("the empty registry: %v, %v", empty, err)
	}
}

func TestRegistryRefusesADuplicate(t *testing.T) {
	_, err := NewRegistry([]Definition{complete("a"), complete("b"), complete("a")})
	if err == nil || !strings.Contains(err.Error(), `"a": the name is taken`) {
		t.Errorf("got %v", err)
	}
}

func TestRegistryRefusesEveryHoleInAContract(t *testing.T) {
	kept := func(d *Definition) {
		d.Determinism, d.Rank, d.New, d.Capacity = Kept, 6, nil, nil
	}
	free := func(d *Definition) {
		d.Determinism, d.Rank, d.Discloses, d.Uniqueness, d.Capacity = DataFree, 1, nil, UniqueNone, nil
	}
	for words, change := range map[string]func(*Definition){
		"the name must be":               func(d *Definition) { d.Name = "First Name" },
		"a keyed mask needs a family":    func(d *Definition) { d.Family = "" },
		"group":                          func(d *Definition) { d.Group = "odd" },
		"a mask for keys must be keyed":  func(d *Definition) { free(d); d.KeyMask = true },
		"the summary is missing":         func(d *Definition) { d.Summary = " " },
		"it accepts no class":            func(d *Definition) { d.Accepts = nil },
		"a class twice":                  func(d *Definition) { d.Accepts = append(d.Accepts, catalog.ClassText) },
		"or an unknown one":              func(d *Definition) { d.Accepts = []catalog.Class{"blob"} },
		`it reads "entity"`:              func(d *Definition) { d.Reads = "entity" },
		`determinism ""`:                 func(d *Definition) { d.Determinism = "" },
		`uniqueness "some"`:              func(d *Definition) { d.Uniqueness = "some" },
		`null policy ""`:                 func(d *Definition) { d.Nulls = "" },
		"a word twice":                   func(d *Definition) { d.Discloses = append(d.Discloses, DisclosesEquality) },
		"rank 7":                         func(d *Definition) { d.Rank = 7 },
		"rank 0":                         func(d *Definition) { d.Rank = 0 },
		"rank 1 is for":                  func(d *Definition) { d.Rank = 1 },
		"rank 6 is for":                  func(d *Definition) { d.Rank = 6 },
		"the cost is missing":            func(d *Definition) { d.Cost = 0 },
		"discloses nothing":              func(d *Definition) { free(d); d.Discloses = []Disclosure{DisclosesLength} },
		"is not reversible":              func(d *Definition) { free(d); d.Reversible = true },
		"cannot keep values unique":      func(d *Definition) { free(d); d.Uniqueness = UniqueExact },
		"New must be nil":                func(d *Definition) { n := d.New; kept(d); d.New = n },
		"New is missing":                 func(d *Definition) { d.New = nil },
		"Capacity is for masks":          func(d *Definition) { d.Capacity = nil },
		"for all of them":                func(d *Definition) { d.Uniqueness = UniqueNone },
		"the example has no input":       func(d *Definition) { d.Example.Input = "" },
		"lacks the required parameter":   func(d *Definition) { d.Example.Params = nil },
		`example's parameter "pre"`:      func(d *Definition) { d.Example.Params["pre"] = "x" },
		`example's parameter "prefix"`:   func(d *Definition) { d.Example.Params["prefix"] = 7 },
		`example's parameter "mode"`:     func(d *Definition) { d.Example.Params["mode"] = "c" },
		`parameter "Prefix": the name`:   func(d *Definition) { d.Params[0].Name = "Prefix" },
		`parameter "mode": the name com`: func(d *Definition) { d.Params[0] = d.Params[1] },
		"the doc is missing":             func(d *Definition) { d.Params[0].Doc = "" },
		"a word of the rules":            func(d *Definition) { d.Params[0].Name = "domain" },
		`kind "text" is unknown`:         func(d *Definition) { d.Params[0].Kind = "text" },
		"choices are for":                func(d *Definition) { d.Params[0].Choices = []string{"a"} },
		"for every choice":               func(d *Definition) { d.Params[1].Choices = nil },
		"it is required and has":         func(d *Definition) { d.Params[0].Required = true },
		"the default has another type":   func(d *Definition) { d.Params[0].Default = 5 },
		"if and only if":                 func(d *Definition) { d.Reads = ReadsRow },
		"a parameter names columns":      func(d *Definition) { d.Params[0].Kind = ParamColumn },
	} {
		d := complete("mask")
		change(&d)
		if _, err := NewRegistry([]Definition{d}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want an error with %q, got %v", words, err)
		}
	}
}

func TestRegistryTakesKeepAndDataFreeMasks(t *testing.T) {
	keep, null := complete("keep"), complete("null")
	keep.Determinism, keep.Rank, keep.New, keep.Capacity, keep.Cost, keep.Family = Kept, 6, nil, nil, 0, ""
	null.Determinism, null.Rank, null.Discloses, null.Uniqueness = DataFree, 1, nil, UniqueNone
	null.Capacity, null.Family, null.Example.Input = nil, "", ""
	if _, err := NewRegistry([]Definition{keep, null}); err != nil {
		t.Error(err)
	}
}

func TestAKeyedMaskIsNotMadeWithoutAKey(t *testing.T) {
	none := complete("none")
	none.New = func(Args) (Mask, error) { return nil, nil }
	refusing := complete("refusing")
	refused := errors.New("no")
	refusing.New = func(Args) (Mask, error) { return nil, refused }
	r, err := NewRegistry([]Definition{complete("good"), none, refusing})
	if err != nil {
		t.Fatal(err)
	}
	good, _ := r.Lookup("good")
	if _, err := good.New(Args{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: got %v, want ErrNoKey", err)
	}
	keyed := Args{Key: derive.MaskingKeyOf([32]byte{1}).Key("d", "f")}
	if m, err := good.New(keyed); m == nil || err != nil {
		t.Errorf("with a key: %v", err)
	}
	empty, _ := r.Lookup("none")
	if _, err := empty.New(keyed); err == nil {
		t.Error("a mask that was not made is given out")
	}
	angry, _ := r.Lookup("refusing")
	if _, err := angry.New(keyed); !errors.Is(err, refused) {
		t.Errorf("the mask's own error is lost: %v", err)
	}
}
