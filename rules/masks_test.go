package rules

import (
	"errors"
	"math"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
)

// fake is a mask that answers with its own name: the rules never run one.
type fake struct{ name string }

func (f fake) Append(dst []byte, _ anonymize.Value) ([]byte, error) {
	return append(dst, f.name...), nil
}

func fakeMask(name string, u anonymize.Uniqueness, accepts ...catalog.Class) anonymize.Definition {
	d := anonymize.Definition{
		Name: name, Family: name, Group: anonymize.GroupRealistic, Summary: "a mask for tests", Accepts: accepts, Reads: anonymize.ReadsValue,
		Determinism: anonymize.Keyed, Uniqueness: u, Nulls: anonymize.NullsKept, Rank: 3, Cost: 1,
		Example: anonymize.Example{Input: "x"},
		New:     func(anonymize.Args) (anonymize.Mask, error) { return fake{name}, nil },
	}
	return d
}

// testMasks is a registry of small definitions, so that these tests say what the rules do and not what a
// mask does.
func testMasks(t testing.TB) *anonymize.Registry {
	t.Helper()
	every := []catalog.Class{
		catalog.ClassText, catalog.ClassInteger, catalog.ClassNumeric, catalog.ClassBoolean, catalog.ClassDate,
		catalog.ClassTimestamp, catalog.ClassTime, catalog.ClassUUID, catalog.ClassJSON, catalog.ClassBytes,
		catalog.ClassNetwork, catalog.ClassEnum, catalog.ClassArray, catalog.ClassOther,
	}
	keep := fakeMask("keep", anonymize.UniqueExact, every...)
	keep.Determinism, keep.Rank, keep.Cost, keep.New = anonymize.Kept, 6, 0, nil
	free := func(name string, accepts ...catalog.Class) anonymize.Definition {
		d := fakeMask(name, anonymize.UniqueNone, accepts...)
		d.Determinism, d.Rank = anonymize.DataFree, 1
		return d
	}
	null := free("null", every...)
	null.Check = func(a anonymize.Args) error {
		if a.NotNull {
			return errors.New("the column does not allow NULL")
		}
		return nil
	}
	constant := free("constant", every...)
	constant.Params = []anonymize.Param{{Name: "value", Kind: anonymize.ParamString, Required: true, Doc: "the value"}}
	constant.Example.Params = map[string]any{"value": "x"}

	email := fakeMask("email", anonymize.UniqueBounded, catalog.ClassText)
	email.Capacity = func(a anonymize.Args) float64 {
		if a.Type.MaxLength == 0 {
			return math.Exp2(120)
		}
		return math.Exp2(float64(5 * (a.Type.MaxLength - 12)))
	}
	email.Check = func(a anonymize.Args) error {
		if n := a.Type.MaxLength; n > 0 && n < 16 {
			return errors.New("the column is too short for an address")
		}
		return nil
	}
	permute := fakeMask("permute_int", anonymize.UniqueExact, catalog.ClassInteger)
	permute.KeyMask = true
	permute.Params = []anonymize.Param{
		{Name: "min", Kind: anonymize.ParamInt, Default: int64(1), Doc: "the least"},
		{Name: "max", Kind: anonymize.ParamInt, Doc: "the most"},
	}
	permute.Capacity = func(a anonymize.Args) float64 {
		return map[string]float64{"int2": math.Exp2(14), "int4": math.Exp2(30), "int8": math.Exp2(52)}[a.Type.Base]
	}
	redact := fakeMask("redact", anonymize.UniqueNone, catalog.ClassText)
	redact.Params = []anonymize.Param{
		{Name: "char", Kind: anonymize.ParamString, Default: "*", Doc: "the character written"},
		{Name: "keep_length", Kind: anonymize.ParamBool, Default: true, Doc: "whether the length stays"},
	}
	known := fakeMask("redact_text", anonymize.UniqueNone, catalog.ClassText)
	known.Reads = anonymize.ReadsRow
	known.Params = []anonymize.Param{{Name: "known", Kind: anonymize.ParamColumns, Doc: "columns whose values are replaced"}}
	shift := fakeMask("date_shift", anonymize.UniqueNone, catalog.ClassDate, catalog.ClassTimestamp)
	shift.Reads = anonymize.ReadsRow
	shift.Params = []anonymize.Param{
		{Name: "entity", Kind: anonymize.ParamColumn, Required: true, Doc: "the column that the shift belongs to"},
		{Name: "days", Kind: anonymize.ParamInt, Default: int64(30), Doc: "the most days"},
	}
	shift.Example.Params = map[string]any{"entity": "id"}
	json := fakeMask("json", anonymize.UniqueNone, catalog.ClassJSON)
	json.Params = []anonymize.Param{
		{Name: "paths", Kind: anonymize.ParamPaths, Required: true, Doc: "a mask for each path"},
		{Name: "unknown", Kind: anonymize.ParamChoice, Default: "fail", Choices: []string{"fail", "redact"}, Doc: "what becomes of other keys"},
	}
	json.Example.Params = map[string]any{"paths": []anonymize.PathMask{{Path: "a", Keep: true}}}
	mix := fakeMask("mix", anonymize.UniqueNone, catalog.ClassText, catalog.ClassInteger)
	mix.Reads = anonymize.ReadsTable
	mix.Params = []anonymize.Param{{Name: "within", Kind: anonymize.ParamColumns, Doc: "columns whose values stay together"}}
	later := free("recompute", every...)
	later.Params = []anonymize.Param{{Name: "as", Kind: anonymize.ParamString, Doc: "an expression"}}
	wide := fakeMask("wide", anonymize.UniqueNone, catalog.ClassText)
	wide.Params = []anonymize.Param{{Name: "file", Kind: anonymize.ParamFile, Required: true, Doc: "a file of values"}}
	wide.Example.Params = map[string]any{"file": anonymize.FileText{}}
	first := fakeMask("first_name", anonymize.UniqueNone, catalog.ClassText)
	first.Discloses = []anonymize.Disclosure{anonymize.DisclosesEquality, anonymize.DisclosesFrequency}
	r, err := anonymize.NewRegistry([]anonymize.Definition{
		first, mix, wide, later, keep, null, free("empty", every...), constant, email, permute, redact, known, shift, json,
		fakeMask("last_name", anonymize.UniqueNone, catalog.ClassText),
		fakeMask("phone", anonymize.UniqueNone, catalog.ClassText, catalog.ClassInteger),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
