package builtin

import (
	"slices"

	"github.com/lethedb/lethe/internal/personal"
)

// companyRankings are schemes of companies' numbers, and of banks'.
func companyRankings() []ranking {
	return []ranking{
		{"br_cnpj", cnpjForms()},
		// Which prefixes are in use changes with the years, so that any nine digits are an EIN.
		{"us_ein", []form{{slots: freeDigits(9)}}},
		{"us_aba", []form{{
			// The American Bankers Association: 00 to 12, 21 to 32, 61 to 72 and 80; weights 3, 7, 1.
			slices.Concat(wordsOf(free, 2, numerals(0, 12, 2)+numerals(21, 32, 2)+numerals(61, 72, 2)+"80"), freeDigits(6), checked(1)),
			func(number []byte) bool {
				sum := personal.Weighted(number[:8], 3, 7, 1, 3, 7, 1, 3, 7)
				number[8] = '0' + byte((10-sum%10)%10)
				return true
			},
		}}},
		{"au_abn", []form{{
			// The Australian Business Register: 1 off the first digit, weights 10, 1, 3 to 19, modulus 89. The first two
			// check the others, and are 11 to 99.
			slices.Concat(checked(2), freeDigits(9)),
			func(number []byte) bool {
				sum := personal.Weighted(number[2:], 3, 5, 7, 9, 11, 13, 15, 17, 19)
				appendWidth(number[:0], uint64(99-sum%89), 2)
				return true
			},
		}}},
	}
}

// cnpjForms are companies' roots of eight digits, and those with letters that are handed out from July 2026 on (Instrução
// Normativa RFB 2.229/2024), each with its branch. A character counts as its ASCII code less 48.
func cnpjForms() []form {
	finish := func(number []byte) {
		number[12] = eleven(personal.Weighted(number[:12], 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
		number[13] = eleven(personal.Weighted(number[:13], 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
	}
	rest := slices.Concat(places(kept, 4, tenDigits+upperLetters), checked(2))
	return []form{
		{slices.Concat(freeDigits(8), rest), func(number []byte) bool {
			finish(number)
			return true
		}},
		{slices.Concat(places(free, 8, tenDigits+upperLetters), rest), func(number []byte) bool {
			finish(number)
			return hasLetter(number[:8])
		}},
	}
}

func hasLetter(text []byte) bool { return slices.ContainsFunc(text, isLetter) }

// ibanRankings are IBANs whose account is permuted (the registry of ISO 13616 has their forms): country and bank stay,
// national check digits and those of the IBAN follow.
func ibanRankings() []ranking {
	sign := tenDigits + upperLetters
	bank := func(n int) []slot { return places(kept, n, tenDigits) }
	name := places(kept, 4, upperLetters)
	return []ranking{
		{"iban_de", []form{ibanForm("DE", slices.Concat(bank(8), freeDigits(10)), nil)}},
		{"iban_gb", []form{ibanForm("GB", slices.Concat(name, bank(6), freeDigits(8)), nil)}},
		{"iban_fr", []form{
			ibanForm("FR", slices.Concat(bank(10), freeDigits(11), checked(2)), finishRIB),
			ibanForm("FR", slices.Concat(bank(10), places(free, 11, sign), checked(2)), func(account []byte) bool { return finishRIB(account) && hasLetter(account[10:21]) }),
		}},
		{"iban_es", []form{ibanForm("ES", slices.Concat(bank(8), checked(2), freeDigits(10)), finishCCC)}},
		{"iban_it", []form{
			ibanForm("IT", slices.Concat(checked(1), bank(10), freeDigits(12)), finishCIN),
			ibanForm("IT", slices.Concat(checked(1), bank(10), places(free, 12, sign)), func(account []byte) bool { return finishCIN(account) && hasLetter(account[11:]) }),
		}},
		{"iban_nl", []form{
			ibanForm("NL", slices.Concat(name, freeDigits(9), checked(1)), func(account []byte) bool { // banks' own numbers pass the eleven test
				check := (11 - elevenTest(account[4:13])%11) % 11
				account[13] = '0' + byte(check%10)
				return check < 10
			}),
			ibanForm("NL", slices.Concat(name, freeDigits(10)), func(account []byte) bool { return elevenTest(account[4:])%11 != 0 }), // those of the giro do not
		}},
	}
}

// elevenTest is the weighted sum of a Dutch account, or of its first digits.
func elevenTest(account []byte) int { return personal.Weighted(account, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1) }

// ibanForm is a country's form; finish is shown what stands behind the check digits.
func ibanForm(country string, account []slot, finish func(account []byte) bool) form {
	return form{slices.Concat(literal(country), checked(2), account), func(number []byte) bool {
		if finish != nil && !finish(number[4:]) {
			return false
		}
		var turned [longestNumber]byte // the account first, then country and no check digits
		text := append(append(append(turned[:0], number[4:]...), number[:2]...), "00"...)
		appendWidth(number[:2], uint64(98-personal.Mod97(text)), 2)
		return true
	}}
}

// finishRIB writes the key of a French account: 97 less 89 times the bank, 15 times the branch and 3 times the account,
// in which A and J are 1, B, K and S are 2 and so on (Comité français d'organisation et de normalisation bancaires).
func finishRIB(account []byte) bool {
	var counted [21]byte
	for i, b := range account[:21] {
		switch {
		case b >= 'S':
			b = b - 'S' + '2'
		case b >= 'J':
			b = b - 'J' + '1'
		case b >= 'A':
			b = b - 'A' + '1'
		}
		counted[i] = b
	}
	sum := 89*personal.Mod97(counted[:5]) + 15*personal.Mod97(counted[5:10]) + 3*personal.Mod97(counted[10:])
	appendWidth(account[:21], uint64(97-sum%97), 2)
	return true
}

// finishCCC writes the two check digits of a Spanish account, one of bank and branch and one of the rest (Consejo
// Superior Bancario).
func finishCCC(account []byte) bool {
	digit := func(sum int) byte {
		return "01987654321"[sum%11]
	}
	account[8] = digit(personal.Weighted(account[:8], 4, 8, 5, 10, 9, 7, 3, 6))
	account[9] = digit(personal.Weighted(account[10:], 1, 2, 4, 8, 5, 10, 9, 7, 3, 6))
	return true
}

// finishCIN writes the check letter of an Italian account, which is made as that of a codice fiscale (ABI).
func finishCIN(account []byte) bool {
	account[0] = codiceFiscaleCheck(account[1:])
	return true
}
