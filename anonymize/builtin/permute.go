package builtin

import (
	"fmt"
	"math"
	"strconv"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// smallestPermutation is the least domain worth permuting: below it everybody's new number is soon guessed.
// It is the 100 of NIST SP 800-38G (2016); its later drafts ask for 10⁶, which a smallint cannot have.
const smallestPermutation = 100

func permuteInt() anonymize.Definition {
	return anonymize.Definition{
		Name:    "permute_int",
		Group:   anonymize.GroupPseudonymize,
		Family:  "permute_int",
		KeyMask: true,
		Summary: "renumbers keys by a keyed permutation of a fixed range; a number outside it fails the run",
		Accepts: []catalog.Class{catalog.ClassInteger},
		Params: []anonymize.Param{
			{
				Name: "min", Kind: anonymize.ParamInt,
				Doc: "the least number of the range; 1 when absent",
			},
			{
				Name: "max", Kind: anonymize.ParamInt,
				Doc: "the greatest number of the range; when absent 2^14-1 for smallint, 2^30-1 for integer, 2^52-1 for bigint",
			},
		},
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueExact,
		Nulls:       anonymize.NullsKept,
		Discloses:   equalityAndFrequency(),
		Rank:        4,
		Cost:        400,
		Reversible:  true,
		Example:     anonymize.Example{Input: "4711"},
		Capacity: func(a anonymize.Args) float64 {
			low, high := permutedRange(a)
			return float64(high) - float64(low) + 1
		},
		Inputs: func(a anonymize.Args) float64 {
			low, high := permutedRange(a)
			return float64(high) - float64(low) + 1
		},
		Check: func(a anonymize.Args) error {
			low, high := permutedRange(a)
			least, most := integerRange(a.Type.Base)
			switch {
			case low < least || high > most:
				return fmt.Errorf("range %d to %d does not fit %s; choose min and max between %d and %d", low, high, a.Type.Name, least, most)
			case high < low || uint64(high)-uint64(low) < smallestPermutation-1:
				return fmt.Errorf("range %d to %d has fewer than %d numbers to hide in; choose min and max further apart", low, high, smallestPermutation)
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			low, high := permutedRange(a)
			p, err := derive.NewPermutation(a.Key, uint64(high)-uint64(low)+1, []byte(a.Domain))
			if err != nil {
				return nil, fmt.Errorf("permute %d to %d: %w", low, high, err)
			}
			return &permuteMask{permutation: p, low: low, high: high}, nil
		},
	}
}

// permutedRange returns the range that is permuted, both ends in it.
func permutedRange(a anonymize.Args) (low, high int64) {
	low, high = 1, 1<<30-1
	switch a.Type.Base {
	case "int2":
		high = 1<<14 - 1
	case "int8":
		high = 1<<52 - 1
	}
	if n, given := intOf(a, "min"); given {
		low = n
	}
	if n, given := intOf(a, "max"); given {
		high = n
	}
	return low, high
}

// integerRange returns what a type holds. The least bigint is left out, so that every size fits 64 bits.
func integerRange(base string) (low, high int64) {
	switch base {
	case "int2":
		return math.MinInt16, math.MaxInt16
	case "int8":
		return math.MinInt64 + 1, math.MaxInt64
	}
	return math.MinInt32, math.MaxInt32
}

type permuteMask struct {
	permutation *derive.Permutation
	low, high   int64
}

// Append implements anonymize.Mask.
func (m *permuteMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	n, err := strconv.ParseInt(string(v.Text), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("permute: the value is no integer of 64 bits; permute_int stands on integers only")
	}
	if n < m.low || n > m.high {
		return nil, fmt.Errorf("permute: the value lies outside the range %d to %d; set min and max so that every value and those to come lie inside", m.low, m.high)
	}
	image := m.permutation.Encrypt(uint64(n) - uint64(m.low))
	return strconv.AppendInt(dst, int64(image+uint64(m.low)), 10), nil
}
