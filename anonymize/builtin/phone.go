package builtin

import (
	"fmt"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

func phone() anonymize.Definition {
	return anonymize.Definition{
		Name:    "phone",
		Group:   anonymize.GroupRealistic,
		Family:  "phone",
		Summary: "replaces a telephone number by one that is reserved for fiction, written the same way",
		Accepts: []catalog.Class{catalog.ClassText, catalog.ClassInteger},
		Params: []anonymize.Param{{
			Name: "region", Kind: anonymize.ParamChoice, Default: "us", Choices: []string{"us", "gb", "au", "de", "fr", "ie", "se"},
			Doc: "whose numbers to write: 555-0100 to 555-0199 of 460-odd area codes, Ofcom's 07700 900000 to 900999, or what ACMA, Bundesnetzagentur, ARCEP, ComReg and PTS keep for films and books (80,000, 5,000, 60,000, 100,000 and 495 numbers)",
		}},
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Discloses:   append(equalityAndFrequency(), anonymize.DisclosesFormat),
		Rank:        3,
		Cost:        130,
		Example:     anonymize.Example{Input: "(212) 736-5000"},
		Check: func(a anonymize.Args) error {
			if a.Type.Class() == catalog.ClassInteger {
				if a.Type.Base != "int8" {
					return fmt.Errorf("type %s is too small for telephone numbers of ten digits; use permute_int, constant or null", a.Type.Name)
				}
				return nil
			}
			if limit(a) < longestForm(planOf(a), phonePlain) {
				return tooNarrow(a, "a telephone number")
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			m := &phoneMask{
				prf:     derive.NewPRF(a.Key),
				form:    canonicalOf(a.Type),
				plans:   planOf(a),
				integer: a.Type.Class() == catalog.ClassInteger,
				codes:   areaCodes(),
			}
			for f := range m.fits {
				m.fits[f] = longestForm(m.plans, phoneForm(f)) <= limit(a)
			}
			for i := range m.plans {
				m.total += m.plans[i].count
			}
			return m, nil
		},
	}
}

// plan is how one region writes its numbers. In each form a digit stands for itself, A for the next digit
// of the area code, N for the next digit drawn, and a blank for the separator that the value uses.
type plan struct {
	// plain has digits only, compact begins with the country code, spaced has separators; paren, where
	// there is one, puts the area code in parentheses.
	plain, national, paren, compact, spaced string
	// integer is for columns of integers, which cannot begin with 0.
	integer string
	// low and count say which numbers the digits drawn may be, where the plan is one of several of its region.
	low, count uint64
}

func planOf(a anonymize.Args) []plan {
	switch region := stringOf(a, "region"); region {
	case "us":
	case "gb":
		return []plan{{
			plain: "07700900NNN", national: "07700 900NNN", paren: "(07700) 900NNN",
			compact: "+447700900NNN", spaced: "+44 7700 900NNN", integer: "447700900NNN",
		}}
	default:
		return plansOf(region)
	}
	return []plan{{
		plain: "AAA55501NN", national: "AAA 555 01NN", paren: "(AAA) 555-01NN",
		compact: "+1AAA55501NN", spaced: "+1 AAA 555 01NN", integer: "AAA55501NN",
	}}
}

// areaCodes returns codes of the form of geographic area codes of the North American plan. Left out are
// those that ring elsewhere or are kept for a change of the plan: N11, codes ending in two equal digits
// (toll-free 8YY, personal 5YY, premium 900), 37X, 96X, N9X, 710, and everything that begins with 5 or 8.
func areaCodes() []uint16 {
	var codes []uint16
	for _, first := range []uint16{2, 3, 4, 6, 7, 9} {
		for second := range uint16(9) {
			for third := range uint16(10) {
				code := first*100 + second*10 + third
				if second == third || code/10 == 37 || code/10 == 96 || code == 710 {
					continue
				}
				codes = append(codes, code)
			}
		}
	}
	return codes
}

type phoneMask struct {
	prf     *derive.PRF
	form    canonical
	plans   []plan
	fits    [phoneInteger + 1]bool // by form, whether the column takes it
	total   uint64                 // how many numbers all plans have, 0 for one plan alone
	integer bool
	codes   []uint16
}

// Append implements anonymize.Mask. Text that is no number becomes digits alone.
func (m *phoneMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	d := m.prf.Draw(value)
	form, separator := m.formOf(v.Text)
	start := len(dst)
	for range maxDraws {
		dst = m.write(dst[:start], &d, form, separator)
		if !sameDigits(dst[start:], v.Text) {
			break
		}
	}
	return dst, nil
}

// formOf returns the form that is like the value's and fits the column, and the separator it uses.
func (m *phoneMask) formOf(text []byte) (form phoneForm, separator byte) {
	if m.integer {
		return phoneInteger, 0
	}
	digits, international, parenthesis := 0, false, false
	for _, b := range text {
		switch {
		case isDigit(b):
			digits++
		case b == '+' && digits == 0:
			international = true
		case b == '(':
			parenthesis = true
		case separator == 0 && (b == '-' || b == '.' || b == ' ') && digits > 0:
			separator = b
		}
	}
	form = phonePlain
	switch {
	case digits == 0:
	case international && (separator != 0 || parenthesis):
		form = phoneSpaced
	case international:
		form = phoneCompact
	case parenthesis:
		form = phoneParen
	case separator != 0:
		form = phoneNational
	}
	if !m.fits[form] {
		form = phonePlain
	}
	if parenthesis || separator == 0 {
		separator = ' '
	}
	return form, separator
}

// write fills in a form. The area code and the number are two draws whatever the form, so that one value
// has one number however it is written.
func (m *phoneMask) write(dst []byte, d *derive.Draw, written phoneForm, separator byte) []byte {
	if m.total > 0 {
		number := d.N(m.total)
		i := 0
		for ; number >= m.plans[i].count; i++ {
			number -= m.plans[i].count
		}
		return fillIn(dst, m.plans[i].form(written), 0, m.plans[i].low+number, separator)
	}
	form := m.plans[0].form(written)
	code := m.codes[d.N(uint64(len(m.codes)))]
	number := d.N(1000)
	if strings.IndexByte(form, 'A') >= 0 {
		number %= 100
	}
	return fillIn(dst, form, uint64(code), number, separator)
}

// fillIn writes an area code and a number into a form.
func fillIn(dst []byte, form string, code, number uint64, separator byte) []byte {
	area, rest := uint64(100), uint64(1)
	for n := strings.Count(form, "N"); n > 1; n-- {
		rest *= 10
	}
	for i := range len(form) {
		switch c := form[i]; c {
		case 'A':
			dst = append(dst, '0'+byte(code/area%10))
			area /= 10
		case 'N':
			dst = append(dst, '0'+byte(number/rest%10))
			rest /= 10
		case ' ':
			dst = append(dst, separator)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// sameDigits reports whether two numbers are one: the digits of the shorter, if it has any, end the other.
func sameDigits(a, b []byte) bool {
	i, j := len(a), len(b)
	matched := 0
	for {
		for i > 0 && !isDigit(a[i-1]) {
			i--
		}
		for j > 0 && !isDigit(b[j-1]) {
			j--
		}
		if i == 0 || j == 0 {
			return matched > 0
		}
		if a[i-1] != b[j-1] {
			return false
		}
		i, j, matched = i-1, j-1, matched+1
	}
}
