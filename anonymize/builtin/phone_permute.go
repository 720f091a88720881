package builtin

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// mostSubscriber is how many digits E.164 gives a number, its country code included; nothing has more.
const mostSubscriber = 15

func permutePhone() anonymize.Definition {
	return anonymize.Definition{
		Name: "permute_phone", Family: "permute_phone", Group: anonymize.GroupPseudonymize, KeyMask: true,
		Summary: "replaces a telephone number by another one, by a keyed permutation of those as long, so that distinct numbers stay distinct; " +
			"what comes out may be somebody's number, so never let it be dialled; what is no number of 6 digits to 15 fails the run",
		Accepts: []catalog.Class{catalog.ClassText, catalog.ClassInteger},
		Reads:   anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueExact, Nulls: anonymize.NullsKept,
		Discloses: append(equalityAndFrequency(), anonymize.DisclosesLength, anonymize.DisclosesFormat), Rank: 4, Cost: 500, Reversible: true,
		Format:  "as many digits and the same separators, the country code behind + or 00, and zeros before the number; ten digits of the North American plan's form keep that form",
		Example: anonymize.Example{Input: "+1 (212) 736-5000"},
		// What is as long can have no more distinct values than outputs.
		Capacity: func(anonymize.Args) float64 { return math.Inf(1) },
		Check: func(a anonymize.Args) error {
			if a.Type.Class() == catalog.ClassInteger && a.Type.Base != "int8" {
				return fmt.Errorf("type %s is too small for telephone numbers; use permute_int", a.Type.Name)
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			m := &permutedPhone{form: canonicalOf(a.Type)}
			size := uint64(1) // of numbers of one digit less
			for n := range mostSubscriber + 1 {
				if n >= fewestDigits {
					p, err := derive.NewPermutation(a.Key, 9*size, fmt.Appendf(nil, "%s/%d", a.Domain, n))
					if err != nil {
						return nil, err
					}
					m.of[n], m.least[n] = p, size
				}
				if n > 0 {
					size *= 10
				}
			}
			return m, nil
		},
	}
}

// permutedPhone permutes what is left of a number behind its prefix: a country code and zeros, none of which an output
// can gain or lose, because what is permuted begins with another digit than 0 before and after. So that the same
// number has the same digits whether it is written with its country's code or without, only the length chooses the
// permutation.
type permutedPhone struct {
	form canonical
	// of are the permutations by how many digits are permuted, least the least number of so many.
	of    [mostSubscriber + 1]*derive.Permutation
	least [mostSubscriber + 1]uint64
}

var errPhone = errors.New("permute a telephone number: the value is none of 6 to 15 digits, written with + in front, blanks, hyphens, dots, slashes and parentheses at most; where it need not stay unique use phone")

// Append implements anonymize.Mask.
func (m *permutedPhone) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	var memory [2 + mostSubscriber]byte // 00 before all of them
	digits, international, ok := phoneDigits(memory[:0], value)
	if !ok || m.form == number && len(digits) < len(value) {
		return nil, errPhone
	}
	prefix, ok := phonePrefix(digits, international)
	if rest := len(digits) - prefix; !ok || rest < fewestDigits || rest > mostSubscriber {
		return nil, errPhone
	}
	subscriber := digits[prefix:]
	n := len(subscriber)
	rank := uint64(0)
	for _, b := range subscriber {
		rank = rank*10 + uint64(b-'0')
	}
	plan := planKind(digits, prefix)
	for rank -= m.least[n]; ; {
		rank = m.of[n].Encrypt(rank)
		appendWidth(subscriber[:0], rank+m.least[n], n)
		if planKind(digits, prefix) == plan {
			break
		}
	}
	for _, b := range value {
		if isDigit(b) {
			b, digits = digits[0], digits[1:]
		}
		dst = append(dst, b)
	}
	return dst, nil
}

// phoneDigits appends the digits of a number, and reports whether a + stands before them and nothing that has no place
// in a number stands anywhere. There is room for as many as dst has.
func phoneDigits(dst, value []byte) (digits []byte, international, ok bool) {
	for _, b := range value {
		switch {
		case isDigit(b):
			if len(dst) == cap(dst) {
				return nil, false, false
			}
			dst = append(dst, b)
		case b == '+' && len(dst) == 0 && !international:
			international = true
		case strings.IndexByte(" -./()", b) < 0:
			return nil, false, false
		}
	}
	return dst, international, true
}

// phonePrefix is how many digits stay: the country's code behind + or 00, and zeros. A number of eleven digits that
// begins with 1 has the long-distance prefix of the North American plan. It reports false for what has a + and no code.
func phonePrefix(digits []byte, international bool) (n int, ok bool) {
	zeros := func(n int) int {
		for n < len(digits) && digits[n] == '0' {
			n++
		}
		return n
	}
	start := zeros(0)
	switch {
	case international && start > 0:
		return 0, false
	case international, start == 2:
		n = start + countryCode(digits[start:])
		return zeros(n), n < len(digits)
	case start == 0 && len(digits) == 11 && digits[0] == '1':
		return zeros(1), true
	}
	return start, true
}

// countryCode is how many digits the country's code has that a number begins with: ITU-T E.164 gives one to 1 and 7,
// two to those here, and three to all others, also where nobody has them yet.
func countryCode(digits []byte) int {
	const codes = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
	switch {
	case len(digits) < 2:
		return len(digits)
	case digits[0] == '1' || digits[0] == '7':
		return 1
	}
	for i := 0; i+3 < len(codes); i += 3 {
		if codes[i+1] == digits[0] && codes[i+2] == digits[1] {
			return 2
		}
	}
	return 3
}

// planKind tells apart what must not turn into each other: 1 for ten digits of the North American plan's form, 2 for
// eleven that begin with 1, which would be read as its long-distance prefix, 0 for all others.
func planKind(digits []byte, prefix int) int {
	switch rest := digits[prefix:]; {
	case len(digits) == 11 && prefix == 0 && rest[0] == '1':
		return 2
	case len(rest) == 10 && rest[0] > '1' && rest[3] > '1' && (rest[1] != '1' || rest[2] != '1') && (rest[4] != '1' || rest[5] != '1'):
		return 1
	}
	return 0
}
