package builtin

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/personal"
)

// identifiers returns the masks for numbers that authorities and issuers hand out, check digits and all.
func identifiers() []anonymize.Definition {
	return []anonymize.Definition{
		numbered("national_id", "replaces a person's number by another one that checks", "123-45-6789", "us", nationalIDs()),
		numbered("tax_id", "replaces a tax number or a company's number by another one that checks", "12-3456789", "us", taxIDs()),
		numbered("iban", "replaces an account number by one of the same country's form at no bank there is", "DE89 3704 0044 0532 0130 00", "like", ibans()),
		numbered("card", "replaces a card's number by one that no network begins with", "4111 1111 1111 1111", "", cards()),
		numbered("card_cvv", "replaces a card's verification code by three digits", "123", "", plainNumbers("card_cvv")),
		numbered("bic", "replaces a bank's code by one that is reserved for tests", "DEUTDEFF", "", plainNumbers("bic")),
		numbered("aba_routing", "replaces a routing number by one that checks and is no bank's", "021000021", "", plainNumbers("aba_routing")),
		numbered("isin", "replaces a security's number by one that checks and is no country's", "US0378331005", "", plainNumbers("isin")),
		numbered("lei", "replaces a legal entity's number by another one that checks", "5493001KJTIIGC8Y1R12", "", plainNumbers("lei")),
		numbered("imei", "replaces a device's number by one that checks and is reserved for tests", "490154203237518", "", plainNumbers("imei")),
		numbered("vin", "replaces a vehicle's number by another one that checks", "1M8GDM9AXKP042788", "", plainNumbers("vin")),
		numbered("nhs_number", "replaces a patient's number by one that checks and is reserved for tests", "943 476 5919", "", plainNumbers("nhs_number")),
		numbered("npi", "replaces a health provider's number by another one that checks", "1234567893", "", plainNumbers("npi")),
		numbered("passport", "replaces a passport's number by a letter and eight digits", "C01X00T47", "", plainNumbers("passport")),
		numbered("driving_licence", "replaces a driving licence's number by a letter and twelve digits", "D12345678", "", plainNumbers("driving_licence")),
		numbered("plate", "replaces a number plate by letters and digits of no country's form", "AB 123 CD", "", plainNumbers("plate")),
	}
}

// numbering is one way to number people or things.
type numbering struct {
	// name is what the parameter calls it.
	name string
	// longest is how many characters its longest number has.
	longest int
	// write appends a number that is drawn, without separators. Its original is there for schemes that follow it.
	write func(dst []byte, d *derive.Draw, own []byte) []byte
	// format and safe are those of the contract.
	format, safe string
	// whole reports that write wants the original as it is, and that what it writes stays as it is too; otherwise it
	// is shown letters and digits alone, and its symbols are spread between the original's separators.
	whole bool
}

// plainNumbers are the schemes that have one form everywhere.
func plainNumbers(name string) []numbering {
	all := otherNumbers()
	i := slices.IndexFunc(all, func(n numbering) bool { return n.name == name })
	return all[i : i+1]
}

// numbered is the contract of a mask over some schemes; of several one is chosen by the parameter country.
func numbered(name, summary, example, usual string, schemes []numbering) anonymize.Definition {
	scheme := func(a anonymize.Args) numbering {
		i := slices.IndexFunc(schemes, func(n numbering) bool { return n.name == stringOf(a, "country") })
		return schemes[max(i, 0)]
	}
	d := anonymize.Definition{
		Name: name, Family: name, Group: anonymize.GroupIdentifier, Summary: summary, Accepts: textOnly(),
		Reads: anonymize.ReadsValue, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsKept,
		Discloses: append(equalityAndFrequency(), anonymize.DisclosesFormat), Rank: 3, Cost: numberCost(name),
		Example: anonymize.Example{Input: example}, Format: schemes[0].format, Safe: schemes[0].safe,
		Check: func(a anonymize.Args) error {
			if s := scheme(a); s.longest > limit(a) {
				return tooNarrow(a, fmt.Sprintf("a number of %d characters", s.longest))
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &numberMask{
				prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), scheme: scheme(a), works: sync.Pool{New: func() any { return new(numberWork) }},
			}, nil
		},
	}
	if len(schemes) > 1 {
		names := make([]string, len(schemes))
		for i, s := range schemes {
			names[i] = s.name
		}
		d.Params = []anonymize.Param{{
			Name: "country", Kind: anonymize.ParamChoice, Default: usual, Choices: names, Doc: "whose numbers to write" + likeDoc(names),
		}}
		d.Format, d.Safe = formats(schemes)
	}
	return d
}

// numberCost is what BenchmarkEveryMask measures, in the order of it.
func numberCost(name string) int {
	switch name {
	case "iban", "filename", "api_key":
		return 500
	case "lei":
		return 400
	case "card", "isin", "vin", "ip":
		return 250
	}
	return 200
}

func likeDoc(names []string) string {
	if slices.Contains(names, "like") {
		return "; like takes the original's, where it is one of the others"
	}
	return ""
}

// formats puts together what the schemes promise, by country.
func formats(schemes []numbering) (format, safe string) {
	for _, s := range schemes {
		if s.format != "" {
			format += fmt.Sprintf("; %s: %s", s.name, s.format)
		}
		if s.safe != "" {
			safe += fmt.Sprintf("; %s: %s", s.name, s.safe)
		}
	}
	return trimLead(format), trimLead(safe)
}

func trimLead(s string) string {
	if s == "" {
		return s
	}
	return s[len("; "):]
}

// longestNumber is more than any number with its separators; what is longer is something else, and its shape is not
// to be seen.
const longestNumber = 64

type numberMask struct {
	prf    *derive.PRF
	form   canonical
	scheme numbering
	works  sync.Pool // of *numberWork
}

// numberWork is what writing one number works on. It is pooled because what a scheme is handed escapes to the heap.
type numberWork struct {
	draw derive.Draw
	own  [longestNumber]byte
}

// Append implements anonymize.Mask. Text that is no number becomes one without separators.
func (m *numberMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	w := m.works.Get().(*numberWork)
	defer m.works.Put(w)
	own, shaped := w.own[:0], len(value) <= longestNumber
	switch {
	case m.scheme.whole && shaped:
		own, shaped = append(own, value...), false
	case shaped:
		own, shaped = symbolsOf(own, value)
	}
	w.draw = m.prf.Draw(value)
	start := len(dst)
	for range maxDraws {
		dst = m.scheme.write(dst[:start], &w.draw, own)
		if !bytes.Equal(dst[start:], own) {
			break
		}
	}
	if shaped && len(own) == len(dst)-start && len(own) < len(value) {
		return spread(dst, start, value), nil
	}
	return dst, nil
}

// symbolsOf appends the letters, in upper case, and digits of value, and reports whether nothing else is in it but
// what stands between groups of them.
func symbolsOf(dst, value []byte) (symbols []byte, shaped bool) {
	for _, b := range value {
		switch {
		case isLetter(b):
			dst = append(dst, b&^0x20)
		case isDigit(b):
			dst = append(dst, b)
		case b != ' ' && b != '-' && b != '.' && b != '/':
			return dst, false
		}
	}
	return dst, true
}

// spread puts the separators of value between the symbols that dst holds from start on: there are as many.
func spread(dst []byte, start int, value []byte) []byte {
	var memory [longestNumber]byte
	symbols := append(memory[:0], dst[start:]...)
	dst = dst[:start]
	for _, b := range value {
		if isLetter(b) || isDigit(b) {
			dst = append(dst, symbols[0])
			symbols = symbols[1:]
		} else {
			dst = append(dst, b)
		}
	}
	return dst
}

// appendDrawn appends n digits, each equally likely.
func appendDrawn(dst []byte, d *derive.Draw, n int) []byte {
	for ; n > 9; n -= 9 {
		dst = appendWidth(dst, d.N(1e9), 9)
	}
	size := uint64(1)
	for range n {
		size *= 10
	}
	return appendWidth(dst, d.N(size), n)
}

// appendWidth appends a number with zeros before it.
func appendWidth(dst []byte, number uint64, width int) []byte {
	start := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; i >= start; i-- {
		dst[i] = '0' + byte(number%10)
		number /= 10
	}
	return dst
}

// appendFrom appends n letters or digits of an alphabet, each equally likely: as many from one draw as it holds.
func appendFrom(dst []byte, d *derive.Draw, alphabet string, n int) []byte {
	base := uint64(len(alphabet))
	for n > 0 {
		size, together := base, 1
		for ; together < n && size < 1<<56/base; together++ {
			size *= base
		}
		x := d.N(size)
		for range together {
			dst = append(dst, alphabet[x%base])
			x /= base
		}
		n -= together
	}
	return dst
}

// freely writes a prefix, digits that are all free, and what follows from the digits.
func freely(prefix string, free int, check func(dst, free []byte) []byte) func([]byte, *derive.Draw, []byte) []byte {
	return func(dst []byte, d *derive.Draw, _ []byte) []byte {
		dst = append(dst, prefix...)
		start := len(dst)
		dst = appendDrawn(dst, d, free)
		return check(dst, dst[start:])
	}
}

// appendLuhn appends the check digit of free digits.
func appendLuhn(dst, free []byte) []byte { return append(dst, personal.Luhn(free)) }

// appendDNI appends the letter of a DNI.
func appendDNI(dst, free []byte) []byte {
	n := 0
	for _, b := range free {
		n = (n*10 + int(b-'0')) % len(dniLetters)
	}
	return append(dst, dniLetters[n])
}

// appendCPF appends the two check digits of a CPF.
func appendCPF(dst, free []byte) []byte {
	first := eleven(personal.Weighted(free, 10, 9, 8, 7, 6, 5, 4, 3, 2))
	second := eleven(personal.Weighted(free, 11, 10, 9, 8, 7, 6, 5, 4, 3) + 2*int(first-'0'))
	return append(dst, first, second)
}

// appendBirthday appends the day of birth of somebody of the twentieth century, as YYMMDD.
func appendBirthday(dst []byte, d *derive.Draw) []byte {
	dst = appendWidth(dst, 20+d.N(80), 2)
	dst = appendWidth(dst, 1+d.N(12), 2)
	return appendWidth(dst, 1+d.N(28), 2)
}
