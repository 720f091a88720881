package builtin

import (
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/personal"
)

// personRankings are schemes of people's numbers.
func personRankings() []ranking {
	return []ranking{
		{"gb_nino", ninoForms()},
		{"gb_nhs", []form{{slices.Concat(freeDigits(9), checked(1)), func(number []byte) bool { // NHS Data Dictionary: modulus 11, and 10 is no digit
			check := 11 - personal.Weighted(number[:9], 10, 9, 8, 7, 6, 5, 4, 3, 2)%11
			number[9] = '0' + byte(check%11)
			return check != 10
		}}}},
		{"de_steuer_id", []form{{slices.Concat(repeatedSlot(), checked(1)), finishIDNr}}},
		{"es_nie", []form{{slices.Concat(places(free, 1, "XYZ"), freeDigits(7), checked(1)), func(number []byte) bool { // Orden INT/2058/2008: X, Y, Z count as 0, 1, 2
			first := number[0]
			number[0] = '0' + first - 'X'
			appendDNI(number[:8], number[:8])
			number[0] = first
			return true
		}}}},
		{"nl_bsn", []form{{slices.Concat(freeDigits(8), checked(1)), func(number []byte) bool { // the eleven test
			check := personal.Weighted(number[:8], 9, 8, 7, 6, 5, 4, 3, 2) % 11
			number[8] = '0' + byte(check%10)
			return check < 10
		}}}},
		{"pl_pesel", peselForms()},
		{"se_personnummer", personnummerForms()},
		{"in_pan", []form{{
			// The Income Tax Department: five letters, of which the fourth tells what the holder is, 0001 to 9999, and a
			// letter whose making is not published.
			slices.Concat(places(free, 3, upperLetters), places(kept, 1, "ABCEFGHJKLPT"), places(free, 1, upperLetters), freeDigits(4), places(free, 1, upperLetters)),
			func(number []byte) bool { return string(number[5:9]) != "0000" },
		}}},
		{"fr_nir", nirForms()},
		{"it_codice_fiscale", []form{{
			slices.Concat(places(free, 6, upperLetters), places(omocode, 2, tenDigits), places(free, 1, codiceMonths), places(omocode, 1, "01234567"),
				places(omocode, 1, tenDigits), places(free, 1, "ABCDEFGHILMZ"), places(omocode, 3, tenDigits), checked(1)),
			finishCodiceFiscale,
		}}},
		{"ca_sin", sinForms()},
		{"au_tfn", []form{{slices.Concat(freeDigits(8), checked(1)), func(number []byte) bool { // the Taxation Office's weights; the last counts as -1
			check := personal.Weighted(number[:8], 1, 4, 3, 7, 5, 8, 6, 9) % 11
			number[8] = '0' + byte(check%10)
			return check < 10
		}}}},
	}
}

// ninoForms are National Insurance numbers, with and without the suffix: HMRC's manual NIM39110 has the letters that
// are not used and the prefixes that are not allocated.
func ninoForms() []form {
	allocated := func(number []byte) bool {
		switch string(number[:2]) {
		case "BG", "GB", "KN", "NK", "NT", "TN", "ZZ":
			return false
		}
		return true
	}
	short := slices.Concat(places(free, 1, "ABCEGHJKLMNOPRSTWXYZ"), places(free, 1, "ABCEGHJKLMNPRSTWXYZ"), freeDigits(6))
	return []form{{slices.Concat(short, places(free, 1, "ABCD")), allocated}, {short, allocated}}
}

// finishIDNr holds what the German authority says of an IdNr beside its repeated digit: it does not begin with 0, and
// three equal digits do not stand together.
func finishIDNr(number []byte) bool {
	for i := 2; i < repeatedDigits; i++ {
		if number[i-2] == number[i-1] && number[i-1] == number[i] {
			return false
		}
	}
	number[repeatedDigits] = personal.Mod11x10(number[:repeatedDigits])
	return number[0] != '0'
}

// two is the number that two digits are.
func two(digits []byte) int { return int(digits[0]-'0')*10 + int(digits[1]-'0') }

// isDay reports whether a month has such a day.
func isDay(year, month, day int) bool {
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	return 1 <= month && month <= 12 && 1 <= day && day <= last
}

// peselForms are PESELs of five centuries, which the month tells: a decree of the Polish minister of the interior adds
// 80 for the nineteenth, 20 for the twenty-first and so on.
func peselForms() []form {
	var forms []form
	for _, c := range []struct{ century, more int }{{1900, 0}, {2000, 20}, {2100, 40}, {2200, 60}, {1800, 80}} {
		slots := slices.Concat(freeDigits(2), wordsOf(free, 2, numerals(c.more+1, c.more+12, 2)), wordsOf(free, 2, numerals(1, 31, 2)), freeDigits(4), checked(1))
		forms = append(forms, form{slots, func(number []byte) bool {
			sum := personal.Weighted(number[:10], 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
			number[10] = '0' + byte((10-sum%10)%10)
			return isDay(c.century+two(number), two(number[2:])-c.more, two(number[4:]))
		}})
	}
	return forms
}

// personnummerForms are those of people and of co-ordination, whose days begin at 61, of ten digits and of twelve
// (Skatteverket, SKV 704 and SKV 707). A plus sign for people of a hundred years is not read.
func personnummerForms() []form {
	var forms []form
	for _, century := range [][]slot{nil, wordsOf(kept, 2, "181920")} {
		for _, more := range []int{0, 60} {
			slots := slices.Concat(century, freeDigits(2), wordsOf(free, 2, numerals(1, 12, 2)), wordsOf(free, 2, numerals(more+1, more+31, 2)), freeDigits(3), checked(1))
			forms = append(forms, form{slots, func(number []byte) bool {
				year := 2000 // of ten digits, the year 00 may be it
				if len(number) == 12 {
					year = two(number) * 100
					number = number[2:]
				}
				number[9] = personal.Luhn(number[:9])
				return isDay(year+two(number), two(number[2:]), two(number[4:])-more) && string(number[6:9]) != "000"
			}})
		}
	}
	return forms
}

// nirForms are a sex, year and month of birth, a place and a number, and the key (INSEE). Months of 20 to 42 and from
// 50 on are those of people whose month is not known. Corsica's 2A and 2B count as 19 and 18. Numbers that are
// provisional, whose sex is 3, 4, 7 or 8, are none.
func nirForms() []form {
	var forms []form
	for _, department := range []string{numerals(1, 99, 2), "2A2B"} {
		for _, months := range []string{numerals(1, 12, 2), numerals(20, 42, 2) + numerals(50, 99, 2)} {
			slots := slices.Concat(places(free, 1, "12"), freeDigits(2), wordsOf(free, 2, months), wordsOf(free, 2, department), freeDigits(6), checked(2))
			forms = append(forms, form{slots, func(number []byte) bool {
				var counted [13]byte
				copy(counted[:], number)
				if b := counted[6]; isLetter(b) {
					counted[5], counted[6] = '1', '9'-(b-'A')
				}
				appendWidth(number[:13], uint64(97-personal.Mod97(counted[:])), 2)
				return string(number[7:10]) != "000" && string(number[10:13]) != "000"
			}})
		}
	}
	return forms
}

// sinForms are Social Insurance numbers; 0 and 8 begin none of people's, but the numbers of the Revenue Agency's own
// that stand in such columns, and stay such.
func sinForms() []form {
	luhn := func(number []byte) bool {
		number[8] = personal.Luhn(number[:8])
		return true
	}
	return []form{
		{slices.Concat(places(free, 1, "12345679"), freeDigits(7), checked(1)), luhn},
		{slices.Concat(places(kept, 1, "08"), freeDigits(7), checked(1)), luhn},
	}
}

// codiceMonths are the letters of the months in a codice fiscale.
const codiceMonths = "ABCDEHLMPRST"

// finishCodiceFiscale holds the decree of 23 December 1976: surname and name are consonants, then vowels, then X; the
// day of a woman is 40 more.
func finishCodiceFiscale(number []byte) bool {
	number[15] = codiceFiscaleCheck(number[:15])
	var digits [4]byte
	for i, at := range []int{6, 7, 9, 10} {
		digits[i], _ = omocoded(number[at])
	}
	month := strings.IndexByte(codiceMonths, number[8]) + 1
	return isName(number[:3]) && isName(number[3:6]) && isDay(2000+two(digits[:]), month, two(digits[2:])%40)
}

// isName reports whether three letters are consonants, then vowels, then X where there were too few.
func isName(letters []byte) bool {
	stage := 0
	for _, b := range letters {
		switch b {
		case 'A', 'E', 'I', 'O', 'U':
			if stage == 2 {
				return false
			}
			stage = 1
		case 'X':
			if stage == 1 {
				stage = 2
			}
		default:
			if stage > 0 {
				return false
			}
		}
	}
	return true
}
