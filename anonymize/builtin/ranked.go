package builtin

import (
	"errors"
	"slices"
	"strconv"
	"sync"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/personal"
)

// ranking is a scheme of numbers that are permuted within each of its forms.
type ranking struct {
	name  string
	forms []form
}

// rankings are the schemes that permute_number knows.
func rankings() []ranking {
	return slices.Concat(freeRankings(), personRankings(), companyRankings(), ibanRankings())
}

// freeRankings are schemes whose digits are all free but for check digits at the end.
func freeRankings() []ranking {
	verhoeff := func(dst, free []byte) []byte { return append(dst, personal.Verhoeff(free)) }
	mod11x10 := func(dst, free []byte) []byte { return append(dst, personal.Mod11x10(free)) }
	return []ranking{
		{"us_ssn", []form{{slots: freeDigits(9)}}},
		endsIn("card", "", 15, 1, appendLuhn),
		endsIn("imei", "", 14, 1, appendLuhn),
		endsIn("fr_siren", "", 8, 1, appendLuhn),
		endsIn("it_piva", "", 10, 1, appendLuhn),
		endsIn("es_dni", "", 8, 1, appendDNI),
		endsIn("br_cpf", "", 9, 2, appendCPF),
		endsIn("in_aadhaar", "", 11, 1, verhoeff),
		endsIn("de_vat", "DE", 8, 1, mod11x10),
	}
}

// endsIn is a scheme of a prefix, free digits and what follows from them.
func endsIn(name, prefix string, n, checks int, check func(dst, free []byte) []byte) ranking {
	slots := slices.Concat(freeDigits(n), checked(checks))
	if prefix != "" {
		slots = slices.Concat(literal(prefix), slots)
	}
	return ranking{name, []form{{slots, func(number []byte) bool {
		end := len(prefix) + n
		check(number[:end], number[len(prefix):end])
		return true
	}}}}
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
	size := func(a anonymize.Args) float64 {
		n := 0.0
		for _, f := range scheme(a).forms {
			n += f.count()
		}
		return n
	}
	return anonymize.Definition{
		Name: "permute_number", Family: "permute_number", Group: anonymize.GroupIdentifier, KeyMask: true,
		Summary: "replaces a number by another one that checks, by a keyed permutation of all of its kind, so that distinct numbers stay distinct; what is no such number, or has capitals and small letters, fails the run",
		Accepts: textOnly(),
		Params: []anonymize.Param{{
			Name: "scheme", Kind: anonymize.ParamChoice, Required: true, Choices: names, Doc: "whose numbers they are; nobody says that what comes out was never handed out",
		}},
		Reads: anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueExact, Nulls: anonymize.NullsKept,
		Discloses: append(equalityAndFrequency(), anonymize.DisclosesLength, anonymize.DisclosesFormat), Rank: 4, Cost: 1_000, Reversible: true,
		Format: "valid check digits, written with the separators and in the case of the original; kept are an IBAN's country and bank, a CNPJ's branch, " +
			"a PAN's kind of holder, the century of a PESEL and of a personnummer of twelve digits, and of an NIR whether it is Corsica's or of an unknown month",
		Example:  anonymize.Example{Input: "123-45-6789", Params: map[string]any{"scheme": "us_ssn"}},
		Capacity: size, Inputs: size,
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			s := scheme(a)
			form := canonicalOf(a.Type)
			m := &rankedMask{form: form, folds: form == composed || form == blankPaddedComposed, forms: s.forms, works: sync.Pool{New: func() any { return new(rankedWork) }}}
			for i := range s.forms {
				tweak := a.Domain + "/" + s.name
				if i > 0 {
					tweak += "/" + strconv.Itoa(i)
				}
				p, err := derive.NewPermutation(a.Key, s.forms[i].size(), []byte(tweak))
				if err != nil {
					return nil, err
				}
				m.permutations = append(m.permutations, p)
			}
			return m, nil
		},
	}
}

type rankedMask struct {
	form canonical
	// folds reports that the column does not tell capitals from small letters.
	folds        bool
	forms        []form
	permutations []*derive.Permutation // of the ranks, by form
	works        sync.Pool             // of *rankedWork
}

// rankedWork is what one number is taken apart in. It is pooled because what a check is handed escapes to the heap.
type rankedWork struct{ symbols, number [longestNumber]byte }

var errRanked = errors.New("permute a number: the value is none of its scheme with a valid check digit, in letters of one case; where it need not stay unique use national_id, tax_id, iban or card")

// Append implements anonymize.Mask. A form's ranks that are no number are stepped over: the permutation is followed
// until it comes to one, which keeps it a permutation of the numbers.
func (m *rankedMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	w := m.works.Get().(*rankedWork)
	defer m.works.Put(w)
	value := m.form.of(scratch[:0], v.Text)
	if len(value) > longestNumber {
		return nil, errRanked
	}
	symbols, shaped := symbolsOf(w.symbols[:0], value)
	small, mixed := casesIn(value)
	if !shaped || mixed {
		return nil, errRanked
	}
	for i := range m.forms {
		rank, ok := m.forms[i].rank(w.number[:len(symbols)], symbols)
		if !ok {
			continue
		}
		number := append(w.number[:0], symbols...)
		for again := true; again; {
			rank = m.permutations[i].Encrypt(rank)
			again = !m.forms[i].unrank(number, rank)
		}
		begin := len(dst)
		if dst = append(dst, number...); len(symbols) < len(value) {
			dst = spread(dst, begin, value)
		}
		for at := begin; small && !m.folds && at < len(dst); at++ {
			dst[at] = lowerByte(dst[at])
		}
		return dst, nil
	}
	return nil, errRanked
}

// casesIn reports whether the letters of a value are small ones, and whether there are both: one number in two spellings
// is two values, and stays two where its case can be told from what comes out.
func casesIn(value []byte) (small, mixed bool) {
	capitals := false
	for _, b := range value {
		if isLetter(b) {
			small = small || b == lowerByte(b)
			capitals = capitals || b != lowerByte(b)
		}
	}
	return small, small && capitals
}
