package builtin

import (
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/personal"
)

const (
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	consonants   = "BCDFGHJKLMNPQRSTVWXYZ"
	tenDigits    = "0123456789"
	// dniLetters are the letters of a DNI, by the remainder of its number by 23.
	dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE"
)

// nationalIDs are numbers of persons, by country.
func nationalIDs() []numbering {
	return []numbering{
		{
			name: "us", longest: 9, format: "a social security number's nine digits", safe: "no SSN begins with 9, and no ITIN has such a middle group",
			// SSA: areas 900 to 999 are not issued. IRS: ITINs begin with 9 and have groups from 50 on.
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				dst = appendDrawn(append(dst, '9'), d, 2)
				dst = appendWidth(dst, 1+d.N(49), 2)
				return appendWidth(dst, 1+d.N(9999), 4)
			},
		},
		{
			name: "gb", longest: 9, format: "a National Insurance number", safe: "HMRC does not allocate the prefix ZZ",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				return appendFrom(appendDrawn(append(dst, "ZZ"...), d, 6), d, "ABCD", 1)
			},
		},
		{name: "de", longest: 11, format: "an IdNr with its check digit (ISO 7064 MOD 11,10)", write: writeIDNr},
		{
			name: "fr", longest: 15, format: "an NIR with its key (97 - n mod 97)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendFrom(dst, d, "12", 1)
				dst = appendWidth(dst, 20+d.N(80), 2)
				dst = appendWidth(dst, 1+d.N(12), 2)
				dst = appendDrawn(append(dst, "99"...), d, 6) // born abroad
				return appendWidth(dst, uint64(97-personal.Mod97(dst[start:])), 2)
			},
		},
		{name: "es", longest: 9, format: "a DNI with its letter (mod 23)", write: freely("", 8, appendDNI)},
		{name: "it", longest: 16, format: "a codice fiscale with its check letter", write: writeCodiceFiscale},
		{name: "nl", longest: 9, format: "a BSN that passes the eleven test", write: writeBSN},
		{
			name: "pl", longest: 11, format: "a PESEL with its check digit (weights 1, 3, 7, 9)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendDrawn(appendBirthday(dst, d), d, 4)
				sum := personal.Weighted(dst[start:], 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
				return append(dst, '0'+byte((10-sum%10)%10))
			},
		},
		{
			name: "se", longest: 10, format: "a personnummer with its check digit (Luhn)", safe: "Skatteverket keeps birth numbers 980 to 999 for tests",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendWidth(appendBirthday(dst, d), 980+d.N(20), 3)
				return append(dst, personal.Luhn(dst[start:]))
			},
		},
		{name: "br", longest: 11, format: "a CPF with its two check digits (mod 11)", write: freely("", 9, appendCPF)},
		{
			name: "in", longest: 12, format: "an Aadhaar number with its check digit (Verhoeff)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendDrawn(appendFrom(dst, d, "23456789", 1), d, 10)
				return append(dst, personal.Verhoeff(dst[start:]))
			},
		},
	}
}

// eleven is the check digit 11 - sum mod 11, with 0 for 10 and 11.
func eleven(sum int) byte {
	if check := 11 - sum%11; check < 10 {
		return '0' + byte(check)
	}
	return '0'
}

// writeIDNr writes ten digits of which the first is not 0 and one comes exactly twice and one not at all, as the
// German authority builds its numbers, and the check digit.
func writeIDNr(dst []byte, d *derive.Draw, _ []byte) []byte {
	start := len(dst)
	dst = append(dst, tenDigits...)
	digits := dst[start:]
	for i := len(digits) - 1; i > 0; i-- {
		j := int(d.N(uint64(i + 1)))
		digits[i], digits[j] = digits[j], digits[i]
	}
	from, to := int(d.N(10)), int(d.N(9))
	if to >= from {
		to++
	}
	digits[to] = digits[from] // one digit comes twice, in places that differ
	if digits[0] == '0' {
		for i := range digits { // the same for the whole number: what a digit is called
			digits[i] = '0' + ('9' - digits[i])
		}
	}
	return append(dst, personal.Mod11x10(digits))
}

// writeBSN writes nine digits whose sum, weighted by 9 to 2 and -1, is divisible by eleven.
func writeBSN(dst []byte, d *derive.Draw, _ []byte) []byte {
	start := len(dst)
	for range maxDraws {
		dst = appendDrawn(appendFrom(dst[:start], d, "123456789", 1), d, 7)
		if check := personal.Weighted(dst[start:], 9, 8, 7, 6, 5, 4, 3, 2) % 11; check < 10 {
			return append(dst, '0'+byte(check))
		}
	}
	return append(dst[:start], "100000009"...)
}

// writeCodiceFiscale writes six consonants, a birthday in the code's own form, a place abroad and the check letter.
func writeCodiceFiscale(dst []byte, d *derive.Draw, _ []byte) []byte {
	start := len(dst)
	dst = appendFrom(dst, d, consonants, 6)
	dst = appendWidth(dst, 20+d.N(80), 2)
	dst = appendFrom(dst, d, "ABCDEHLMPRST", 1) // the months
	dst = appendWidth(dst, 1+d.N(28)+40*d.N(2), 2)
	dst = appendDrawn(append(dst, 'Z'), d, 3)
	return append(dst, codiceFiscaleCheck(dst[start:]))
}

// codiceFiscaleCheck is the check letter of the Italian decree of 23 December 1976.
func codiceFiscaleCheck(code []byte) byte {
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, b := range code {
		n := int(b - '0')
		if b >= 'A' {
			n = int(b - 'A')
		}
		if i%2 == 0 {
			n = odd[n]
		}
		sum += n
	}
	return 'A' + byte(sum%26)
}

// taxIDs are numbers of tax payers and companies, by country.
func taxIDs() []numbering {
	return []numbering{
		{
			name: "us", longest: 9, format: "an EIN's nine digits", safe: "no campus of the IRS has such a prefix",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				unused := []string{"00", "07", "08", "09", "17", "18", "19", "28", "29", "49", "69", "70", "78", "79", "89", "96", "97"}
				return appendDrawn(append(dst, unused[d.N(uint64(len(unused)))]...), d, 7)
			},
		},
		{
			name: "gb", longest: 10, format: "a UTR with its check digit",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = appendDrawn(append(dst, '0'), d, 9)
				dst[start] = "21987654321"[personal.Weighted(dst[start+1:], 6, 7, 8, 9, 10, 5, 4, 3, 2)%11]
				return dst
			},
		},
		{
			name: "de", longest: 11, format: "a USt-IdNr. with its check digit (ISO 7064 MOD 11,10)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				dst = append(dst, "DE"...)
				start := len(dst)
				dst = appendDrawn(appendFrom(dst, d, "123456789", 1), d, 7)
				return append(dst, personal.Mod11x10(dst[start:]))
			},
		},
		{name: "fr", longest: 9, format: "a SIREN with its check digit (Luhn)", write: freely("", 8, appendLuhn)},
		{name: "it", longest: 11, format: "a partita IVA with its check digit (Luhn)", write: freely("", 10, appendLuhn)},
		{name: "se", longest: 10, format: "an organisationsnummer with its check digit (Luhn)", write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
			start := len(dst)
			dst = appendDrawn(append(dst, "55"...), d, 7)
			return appendLuhn(dst, dst[start:])
		}},
		{
			name: "nl", longest: 14, format: "a btw-id that checks (MOD 97-10)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = append(appendDrawn(append(dst, "NL"...), d, 9), 'B', '0', '0')
				check := 98 - personal.Mod97(dst[start:])
				return appendWidth(dst[:len(dst)-2], uint64(check), 2)
			},
		},
		{
			name: "pl", longest: 10, format: "an NIP with its check digit (mod 11)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				for range maxDraws {
					dst = appendDrawn(appendFrom(dst[:start], d, "123456789", 1), d, 8)
					if check := personal.Weighted(dst[start:], 6, 5, 7, 2, 3, 4, 5, 6, 7) % 11; check < 10 {
						return append(dst, '0'+byte(check))
					}
				}
				return append(dst[:start], "1000000006"...)
			},
		},
		{
			name: "br", longest: 14, format: "a CNPJ with its two check digits (mod 11)",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				start := len(dst)
				dst = append(appendDrawn(dst, d, 8), "0001"...)
				dst = append(dst, eleven(personal.Weighted(dst[start:], 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))
				return append(dst, eleven(personal.Weighted(dst[start:], 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))
			},
		},
		{
			name: "in", longest: 10, format: "a PAN's five letters, four digits and a letter",
			write: func(dst []byte, d *derive.Draw, _ []byte) []byte {
				dst = append(appendFrom(dst, d, upperLetters, 3), 'P')
				return appendFrom(appendDrawn(appendFrom(dst, d, upperLetters, 1), d, 4), d, upperLetters, 1)
			},
		},
	}
}
