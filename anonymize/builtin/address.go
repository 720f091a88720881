package builtin

import (
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
)

const (
	// houseNumbers is one more than the greatest house number written; numberDigits its length.
	houseNumbers = 10_000
	numberDigits = 4
	// fewestTypes is the least number of street types worth choosing from.
	fewestTypes = 8
)

func street(library *dictionary.Library) anonymize.Definition {
	parts := func(a anonymize.Args) (names, types choice) {
		room := limit(a)
		if room == math.MaxInt {
			return chooseFrom(library.StreetNames(), room), chooseFrom(library.StreetTypes(), room)
		}
		room -= numberDigits + 2 // two blanks
		typeRoom := min(library.StreetTypes().Longest(), room/2)
		return chooseFrom(library.StreetNames(), room-typeRoom), chooseFrom(library.StreetTypes(), typeRoom)
	}
	d := wordList("street", "replaces a street and house number by an invented one", "350 Fifth Avenue", nil)
	d.Params, d.Cost = nil, 200
	d.Discloses = equalityAndFrequency()
	d.Check = func(a anonymize.Args) error {
		if names, types := parts(a); names.n < fewestWords || types.n < fewestTypes {
			return tooNarrow(a, "a house number and a street")
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		names, types := parts(a)
		return &streetMask{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), names: names, types: types}, nil
	}
	return d
}

type streetMask struct {
	prf          *derive.PRF
	form         canonical
	names, types choice
}

// Append implements anonymize.Mask. The type of street may be the value's own: Street names no street.
func (m *streetMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch, second [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	own := plainOf(second[:0], value)
	d := m.prf.Draw(value)
	name, err := m.names.pick(&d, own)
	if err != nil {
		return nil, err
	}
	start := len(dst)
	for range maxDraws {
		dst = strconv.AppendUint(dst[:start], 1+d.N(houseNumbers-1), 10)
		if !holdsWord(value, string(dst[start:])) {
			break
		}
	}
	dst = append(append(dst, ' '), name...)
	return append(append(dst, ' '), m.types.words.Word(int(d.N(uint64(m.types.n))))...), nil
}

const (
	// longestPostcode is more than any country's, with its blank or hyphen. What is longer is something
	// else, and its shape is not to be seen.
	longestPostcode = 12
	// plainPostcode is how many digits stand for what is no postcode.
	plainPostcode = 5
)

func postcode() anonymize.Definition {
	return anonymize.Definition{
		Name:        "postcode",
		Group:       anonymize.GroupRealistic,
		Family:      "postcode",
		Summary:     "replaces each letter by a letter and each digit by a digit, so that a postcode keeps its country's form",
		Accepts:     textOnly(),
		Reads:       anonymize.ReadsValue,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Discloses:   append(equalityAndFrequency(), anonymize.DisclosesLength, anonymize.DisclosesFormat),
		Rank:        4,
		Cost:        250,
		Example:     anonymize.Example{Input: "SW1A 1AA"},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			return &postcodeMask{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), limit: limit(a)}, nil
		},
	}
}

type postcodeMask struct {
	prf   *derive.PRF
	form  canonical
	limit int
}

// Append implements anonymize.Mask. What has no letter and no digit, or is too long for a postcode,
// becomes five digits.
func (m *postcodeMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	value := m.form.of(scratch[:0], v.Text)
	d := m.prf.Draw(value)
	shape := v.Text
	for len(shape) > 0 && shape[len(shape)-1] == ' ' {
		shape = shape[:len(shape)-1]
	}
	start := len(dst)
	for range maxDraws {
		dst = m.write(dst[:start], &d, shape)
		if got := dst[start:]; len(got) != len(value) || !equalFoldASCII(got, string(value)) {
			break
		}
	}
	return dst, nil
}

func (m *postcodeMask) write(dst []byte, d *derive.Draw, shape []byte) []byte {
	start, masked := len(dst), 0
	if utf8.RuneCount(shape) <= min(longestPostcode, m.limit) {
		for i := 0; i < len(shape); {
			r, size := utf8.DecodeRune(shape[i:])
			i += size
			switch {
			case unicode.IsDigit(r):
				dst = append(dst, '0'+byte(d.N(10)))
			case unicode.IsUpper(r):
				dst = append(dst, 'A'+byte(d.N(26)))
			case unicode.IsLetter(r):
				dst = append(dst, 'a'+byte(d.N(26)))
			case r == ' ':
				dst = append(dst, ' ')
				continue
			default:
				dst = append(dst, '-')
				continue
			}
			masked++
		}
	}
	if masked > 0 {
		return dst
	}
	dst = dst[:start]
	for range min(plainPostcode, m.limit) {
		dst = append(dst, '0'+byte(d.N(10)))
	}
	return dst
}
