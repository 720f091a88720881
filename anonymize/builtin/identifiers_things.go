package builtin

import (
	"strings"

	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/personal"
)

// ibanForms are the accounts of countries as the registry of ISO 13616 has them: 0 and X stand where the bank and its
// branch do, which no bank is called, # for a digit and A for a letter or digit that are drawn.
func ibanForms() []string {
	return []string{
		"AT00000###########", "BE000#########", "CH00000############", "CZ0000################", "DE00000000##########", "DK0000##########",
		"ES00000000############", "FI000000########", "FR0000000000###########00", "GBXXXX000000########", "IEXXXX000000########",
		"IT#0000000000############", "LU000#############", "NLXXXX##########", "NO0000#######", "PL00000000################",
		"PT00000000#############", "SE000#################",
	}
}

// ibans are account numbers by country.
func ibans() []numbering {
	forms := ibanForms()
	const format = "the country's length and form, and check digits (MOD 97-10)"
	const safe = "no bank has a code of zeros, or is called XXXX"
	longest := 0
	for _, form := range forms {
		longest = max(longest, len(form)+2)
	}
	all := []numbering{{
		name: "like", longest: longest, format: format, safe: safe,
		write: func(dst []byte, d *derive.Draw, own []byte) []byte {
			form := forms[4] // Germany, where the original is of no country that is known
			for _, f := range forms {
				if len(own) >= 2 && string(own[:2]) == f[:2] {
					form = f
				}
			}
			return writeIBAN(dst, d, form)
		},
	}}
	for _, form := range forms {
		all = append(all, numbering{
			name: strings.ToLower(form[:2]), longest: len(form) + 2,
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte { return writeIBAN(dst, d, form) },
		})
	}
	return all
}

func writeIBAN(dst []byte, d *derive.Draw, form string) []byte {
	start := len(dst)
	dst = append(append(dst, form[:2]...), "00"...)
	for rest := form[2:]; rest != ""; {
		n := len(rest) - len(strings.TrimLeft(rest, "#"))
		if n > 0 {
			dst, rest = appendDrawn(dst, d, n), rest[n:]
			continue
		}
		dst, rest = append(dst, rest[0]), rest[1:]
	}
	if form[:2] == "IT" {
		dst[start+4] = 'X' // the form wants a letter there
	}
	var turned [longestNumber]byte // the account first, then country and check digits
	text := append(append(turned[:0], dst[start+4:]...), dst[start:start+4]...)
	appendWidth(dst[start+2:start+2], uint64(98-personal.Mod97(text)), 2)
	return dst
}

// cards are numbers of payment cards. ISO/IEC 7812-1 gives numbers that begin with 9 to the standards bodies of
// countries, followed by the country's code, and 999 is no country's.
func cards() []numbering {
	const fewest, most, usual = 13, 19, 16
	return []numbering{{
		longest: usual, format: "as many digits as the original, 13 to 19, and a valid Luhn check digit", safe: "no card begins with 999",
		write: func(dst []byte, d *derive.Draw, own []byte) []byte {
			length := len(own)
			if length < fewest || length > most {
				length = usual
			}
			start := len(dst)
			dst = appendDrawn(append(dst, "999"...), d, length-4)
			return append(dst, personal.Luhn(dst[start:]))
		},
	}}
}

// otherNumbers are schemes that are the same everywhere.
func otherNumbers() []numbering { return append(moneyNumbers(), thingNumbers()...) }

// lettersThenDigits writes some letters and then some digits.
func lettersThenDigits(letters, digits int) func([]byte, *derive.Draw, []byte) []byte {
	return func(dst []byte, d *derive.Draw, _ []byte) []byte {
		return appendDrawn(appendFrom(dst, d, upperLetters, letters), d, digits)
	}
}

// moneyNumbers are those of cards, banks and securities.
func moneyNumbers() []numbering {
	return []numbering{
		{name: "card_cvv", longest: 3, format: "three digits", write: lettersThenDigits(0, 3)},
		{
			name: "bic", longest: 8, format: "eight characters of ISO 9362", safe: "a location code that ends in 0 is for tests",
			write: func(dst []byte, d *derive.Draw, own []byte) []byte {
				dst = appendFrom(dst, d, upperLetters, 4)
				country := "ZZ"
				if len(own) >= 6 && isLetter(own[4]) && isLetter(own[5]) {
					country = string(own[4:6])
				}
				return append(appendFrom(append(dst, country...), d, upperLetters, 1), '0')
			},
		},
		{
			name: "aba_routing", longest: 9, format: "a check digit (weights 3, 7, 1)", safe: "no routing number begins with 99",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendDrawn(append(dst, "99"...), d, 6)
				sum := personal.Weighted(dst[start:], 3, 7, 1, 3, 7, 1, 3, 7)
				return append(dst, '0'+byte((10-sum%10)%10))
			},
		},
		{
			name: "isin", longest: 12, format: "a valid check digit (ISO 6166)", safe: "ZZ is no country's code (ISO 3166-1)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendFrom(append(dst, "ZZ"...), d, tenDigits+upperLetters, 9)
				var spelled [2 * longestNumber]byte
				digits := spelled[:0]
				for _, b := range dst[start:] { // letters count as two digits
					if b >= 'A' {
						digits = appendWidth(digits, uint64(b-'A')+10, 2)
					} else {
						digits = append(digits, b)
					}
				}
				return append(dst, personal.Luhn(digits))
			},
		},
		{
			name: "lei", longest: 20, format: "valid check digits (ISO 17442, MOD 97-10)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = append(appendFrom(appendDrawn(dst, d, 4), d, tenDigits+upperLetters, 14), "00"...)
				check := 98 - personal.Mod97(dst[start:])
				return appendWidth(dst[:len(dst)-2], uint64(check), 2)
			},
		},
	}
}

// thingNumbers are those of devices, vehicles, patients and papers.
func thingNumbers() []numbering {
	const safeLetters = "ABCDEFGHJKLMNPRSTUVWXYZ" // of a VIN: no I, O and Q
	return []numbering{
		{
			name: "imei", longest: 15, format: "a valid Luhn check digit", safe: "a reporting body of 00 is for tests (3GPP TS 23.003)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendDrawn(append(dst, "00"...), d, 12)
				return append(dst, personal.Luhn(dst[start:]))
			},
		},
		{
			name: "vin", longest: 17, format: "a valid check digit at the ninth place (49 CFR 565.15)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendDrawn(appendFrom(dst, d, safeLetters+"123456789", 11), d, 6)
				dst[start+8] = vinCheck(dst[start:])
				return dst
			},
		},
		{
			name: "nhs_number", longest: 10, format: "a valid check digit (mod 11)", safe: "the NHS keeps numbers that begin with 999 for tests",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				for range maxDraws {
					dst = appendDrawn(append(dst[:start], "999"...), d, 6)
					if check := 11 - personal.Weighted(dst[start:], 10, 9, 8, 7, 6, 5, 4, 3, 2)%11; check != 10 {
						return append(dst, '0'+byte(check%11))
					}
				}
				return append(dst[:start], "9990000018"...)
			},
		},
		{
			name: "npi", longest: 10, format: "a valid check digit (Luhn behind 80840)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendDrawn(append(dst, '1'), d, 8)
				var whole [longestNumber]byte
				return append(dst, personal.Luhn(append(append(whole[:0], "80840"...), dst[start:]...)))
			},
		},
		{name: "passport", longest: 9, format: "a letter and eight digits", write: lettersThenDigits(1, 8)},
		{name: "driving_licence", longest: 13, format: "a letter and twelve digits", write: lettersThenDigits(1, 12)},
		{
			name: "plate", longest: 8, format: "three letters, two digits and three letters",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				return appendFrom(appendDrawn(appendFrom(dst, d, consonants, 3), d, 2), d, consonants, 3)
			},
		},
	}
}

// vinCheck is the check digit of a vehicle's number; what stands at its place counts as nothing.
func vinCheck(vin []byte) byte {
	const values = "12345678012345070923456789" // of the letters; I, O and Q are none
	weights := [...]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	sum := 0
	for i, b := range vin {
		n := int(b - '0')
		if b >= 'A' {
			n = int(values[b-'A'] - '0')
		}
		sum += n * weights[i]
	}
	if sum %= 11; sum == 10 {
		return 'X'
	}
	return '0' + byte(sum)
}
