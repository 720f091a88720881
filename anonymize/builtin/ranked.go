package builtin

import (
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/personal"
)

// ranking is a scheme whose numbers are digits of which all but the last ones are free: a number's rank is what the free
// digits spell, so that a permutation of the ranks is one of the numbers.
type ranking struct {
	name string
	// prefix comes before the digits, free is how many of them are free.
	prefix string
	free   int
	// check appends what follows from the free digits.
	check func(dst, free []byte) []byte
}

// rankings are the schemes that permute_number knows.
func rankings() []ranking {
	return []ranking{
		{"us_ssn", "", 9, func(dst, _ []byte) []byte { return dst }},
		{"card", "", 15, appendLuhn},
		{"imei", "", 14, appendLuhn},
		{"fr_siren", "", 8, appendLuhn},
		{"it_piva", "", 10, appendLuhn},
		{"es_dni", "", 8, appendDNI},
		{"br_cpf", "", 9, appendCPF},
		{"in_aadhaar", "", 11, func(dst, free []byte) []byte { return append(dst, personal.Verhoeff(free)) }},
		{"de_vat", "DE", 8, func(dst, free []byte) []byte { return append(dst, personal.Mod11x10(free)) }},
	}
}

// permuteNumber is the mask for unique columns of numbers with check digits.
func permuteNumber() anonymize.Definition {
	schemes := rankings()
	names := make([]string, len(schemes))
	for i, s := range schemes {
		names[i] = s.name
	}
	scheme := func(a anonymize.Args) ranking {
		return schemes[max(slices.Index(names, stringOf(a, "scheme")), 0)]
	}
	size := func(a anonymize.Args) float64 { return math.Pow10(scheme(a).free) }
	return anonymize.Definition{
		Name: "permute_number", Family: "permute_number", Group: anonymize.GroupIdentifier, KeyMask: true,
		Summary: "replaces a number by another one that checks, by a keyed permutation of all of its kind, so that distinct numbers stay distinct; what is no such number fails the run",
		Accepts: textOnly(),
		Params: []anonymize.Param{{
			Name: "scheme", Kind: anonymize.ParamChoice, Required: true, Choices: names, Doc: "whose numbers they are; nobody says that what comes out was never handed out",
		}},
		Reads: anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueExact, Nulls: anonymize.NullsKept,
		Discloses: append(equalityAndFrequency(), anonymize.DisclosesFormat), Rank: 4, Cost: 500, Reversible: true,
		Format:   "valid check digits, written with the separators of the original",
		Example:  anonymize.Example{Input: "123-45-6789", Params: map[string]any{"scheme": "us_ssn"}},
		Capacity: size, Inputs: size,
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			s := scheme(a)
			count := uint64(1)
			for range s.free {
				count *= 10
			}
			p, err := derive.NewPermutation(a.Key, count, []byte(a.Domain+"/"+s.name))
			return &rankedMask{permutation: p, form: canonicalOf(a.Type), scheme: s, works: sync.Pool{New: func() any { return new(rankedWork) }}}, err
		},
	}
}

type rankedMask struct {
	permutation *derive.Permutation
	form        canonical
	scheme      ranking
	works       sync.Pool // of *rankedWork
}

// rankedWork is what one number is taken apart in. It is pooled because what a check is handed escapes to the heap.
type rankedWork struct{ symbols, checked [longestNumber]byte }

var errRanked = errors.New("permute a number: the value is none of its scheme with a valid check digit; where it need not stay unique use national_id, tax_id or card")

// Append implements anonymize.Mask.
func (m *rankedMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	w := m.works.Get().(*rankedWork)
	defer m.works.Put(w)
	value := m.form.of(scratch[:0], v.Text)
	if len(value) > longestNumber {
		return nil, errRanked
	}
	symbols, shaped := symbolsOf(w.symbols[:0], value)
	start := len(m.scheme.prefix)
	end := start + m.scheme.free
	if !shaped || len(symbols) < end || string(symbols[:start]) != m.scheme.prefix {
		return nil, errRanked
	}
	rank := uint64(0)
	for _, b := range symbols[start:end] {
		if !isDigit(b) {
			return nil, errRanked
		}
		rank = rank*10 + uint64(b-'0')
	}
	if string(symbols[end:]) != string(m.scheme.check(w.checked[:0], symbols[start:end])) {
		return nil, errRanked
	}
	begin := len(dst)
	dst = append(dst, m.scheme.prefix...)
	dst = appendWidth(dst, m.permutation.Encrypt(rank), m.scheme.free)
	dst = m.scheme.check(dst, dst[begin+start:])
	if len(symbols) == len(value) {
		return dst, nil
	}
	return spread(dst, begin, value), nil
}
