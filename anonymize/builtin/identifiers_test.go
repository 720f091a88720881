package builtin_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

// The checks here are written anew, another way than the masks compute them.

// passesLuhn doubles every second digit from the right.
func passesLuhn(number string) bool {
	sum := 0
	for i := 1; i <= len(number); i++ {
		n := int(number[len(number)-i] - '0')
		if i%2 == 0 {
			n = []int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}[n]
		}
		sum += n
	}
	return sum%10 == 0
}

// remainder spells letters as numbers and divides.
func remainder(text string) int64 {
	var digits strings.Builder
	for _, r := range text {
		if r >= 'A' {
			fmt.Fprint(&digits, r-'A'+10)
		} else {
			digits.WriteRune(r)
		}
	}
	n, _ := new(big.Int).SetString(digits.String(), 10)
	return n.Mod(n, big.NewInt(97)).Int64()
}

// weighed is the sum of digits times weights.
func weighed(number string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += w * int(number[i]-'0')
	}
	return sum
}

// hybrid is ISO 7064 MOD 11,10 over a number with its check digit: the last product must be 1.
func hybrid(number string) bool {
	p := 10
	for i := range number {
		s := (p + int(number[i]-'0')) % 10
		if i == len(number)-1 {
			return s == 1
		}
		if s == 0 {
			s = 10
		}
		p = (2 * s) % 11
	}
	return false
}

// verhoeffTable multiplies by the printed table of D5.
func verhoeff(number string) bool {
	d := []string{"0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"}
	p := []string{"0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"}
	c := byte('0')
	for i := range len(number) {
		n := number[len(number)-1-i]
		c = d[c-'0'][p[i%8][n-'0']-'0']
	}
	return c == '0'
}

func numberInputs() []string {
	return []string{
		"123-45-6789", "4111 1111 1111 1111", "4111111111111111", "378282246310005", "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "n/a", "", " ", "x",
		"943 476 5919", "DEUTDEFF", "US0378331005", "李小龍", strings.Repeat("7", 200),
	}
}

// cpf checks both digits of a Brazilian number of persons.
func cpf(s string) bool {
	first, second := 0, 0
	for i := range 9 {
		first += int(s[i]-'0') * (i + 1)
		second += int(s[i]-'0') * i
	}
	a := first % 11 % 10
	second += a * 9
	return int(s[9]-'0') == a && int(s[10]-'0') == second%11%10
}

func TestNumbersOfPeopleCheck(t *testing.T) {
	for country, valid := range map[string]func(string) bool{
		"us": matches(`9\d{2}(0[1-9]|[1-4]\d)\d{4}`),
		"gb": matches(`ZZ\d{6}[ABCD]`),
		"de": func(s string) bool { return matches(`[1-9]\d{10}`)(s) && hybrid(s) && twiceOnce(s[:10]) },
		"fr": func(s string) bool {
			n, ok := new(big.Int).SetString(s[:13], 10)
			key := 97 - n.Mod(n, big.NewInt(97)).Int64()
			return ok && matches(`[12]\d\d(0[1-9]|1[0-2])99\d{8}`)(s) && s[13:] == fmt.Sprintf("%02d", key)
		},
		"es": func(s string) bool {
			n, _ := new(big.Int).SetString(s[:8], 10)
			return s[8] == "TRWAGMYFPDXBNJZSQVHLCKE"[n.Mod(n, big.NewInt(23)).Int64()]
		},
		"it": matches(`[B-DF-HJ-NP-TV-Z]{6}\d\d[ABCDEHLMPRST]([04][1-9]|[1256]\d)Z\d{3}[A-Z]`),
		"nl": func(s string) bool {
			return matches(`[1-9]\d{8}`)(s) && (weighed(s, 9, 8, 7, 6, 5, 4, 3, 2)-int(s[8]-'0'))%11 == 0
		},
		"pl": func(s string) bool {
			return matches(`\d\d(0[1-9]|1[0-2])\d{7}`)(s) && weighed(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
		},
		"se": func(s string) bool { return matches(`\d{6}9[89]\d{2}`)(s) && passesLuhn(s) },
		"br": func(s string) bool { return matches(`\d{11}`)(s) && cpf(s) },
		"in": func(s string) bool { return matches(`[2-9]\d{11}`)(s) && verhoeff(s) },
	} {
		numbersHold(t, "national_id", country, valid)
	}
	// The example that Italian authorities print.
	if got := mask(t, "national_id", args("text", map[string]any{"country": "it"}), "x"); len(got) != 16 {
		t.Errorf("a codice fiscale has 16 characters, not %s", got)
	}
}

// twiceOnce reports whether of ten digits one comes twice and no other more than once.
func twiceOnce(s string) bool {
	twice := 0
	for r := '0'; r <= '9'; r++ {
		switch strings.Count(s, string(r)) {
		case 0, 1:
		case 2:
			twice++
		default:
			return false
		}
	}
	return twice == 1
}

func numbersHold(t *testing.T, name, country string, valid func(string) bool) {
	t.Helper()
	params := map[string]any{}
	if country != "" {
		params["country"] = country
	}
	bare := func(s string) bool { return valid(strings.NewReplacer(" ", "", "-", "", ".", "", "/", "").Replace(s)) }
	holds(t, lookup(t, name),
		masktest.Case{Name: name + " " + country, Args: args("text", params), Inputs: numberInputs(), FixedShape: true, Valid: bare},
		masktest.Case{Name: name + " bpchar", Args: args("bpchar(34)", params), Inputs: []string{"4111   ", "x   "}, FixedShape: true, Valid: bare},
		masktest.Case{Name: name + " too narrow", Args: args("varchar(2)", params), Refused: true})
	for i := range 2000 { // what is drawn now and then must check too
		if got := mask(t, name, args("text", params), fmt.Sprint("person ", i)); !bare(got) {
			t.Fatalf("%s %s: %s does not check", name, country, got)
		}
		if i > 200 && testing.Short() {
			break
		}
	}
}

func TestNumbersOfTaxPayersCheck(t *testing.T) {
	for country, valid := range map[string]func(string) bool{
		"us": matches(`(0[0789]|1[789]|2[89]|49|69|7[089]|89|9[67])\d{7}`),
		"gb": func(s string) bool { return s[0] == "21987654321"[weighed(s[1:], 6, 7, 8, 9, 10, 5, 4, 3, 2)%11] },
		"de": func(s string) bool { return s[:2] == "DE" && hybrid(s[2:]) },
		"fr": func(s string) bool { return len(s) == 9 && passesLuhn(s) },
		"it": func(s string) bool { return len(s) == 11 && passesLuhn(s) },
		"se": func(s string) bool { return len(s) == 10 && passesLuhn(s) },
		"nl": func(s string) bool { return matches(`NL\d{9}B\d\d`)(s) && remainder(s) == 1 },
		"pl": func(s string) bool { return weighed(s, 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == int(s[9]-'0') },
		"br": func(s string) bool {
			return matches(`\d{8}0001\d\d`)(s) && weighed(s, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9)%11%10 == int(s[12]-'0') &&
				weighed(s, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9)%11%10 == int(s[13]-'0')
		},
		"in": matches(`[A-Z]{3}P[A-Z]\d{4}[A-Z]`),
	} {
		numbersHold(t, "tax_id", country, valid)
	}
}

func TestNumbersOfThingsCheck(t *testing.T) {
	iban := func(s string) bool { return remainder(s[4:]+s[:4]) == 1 }
	for _, country := range []string{"like", "de", "gb", "fr", "es", "it", "nl", "pl", "se"} {
		numbersHold(t, "iban", country, iban)
	}
	for name, valid := range map[string]func(string) bool{
		"card":        func(s string) bool { return matches(`999\d{10,16}`)(s) && passesLuhn(s) },
		"card_cvv":    matches(`\d{3}`),
		"bic":         matches(`[A-Z]{4}[A-Z]{2}[A-Z]0`),
		"aba_routing": func(s string) bool { return s[:2] == "99" && weighed(s, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0 },
		"isin": func(s string) bool {
			var digits strings.Builder
			for _, r := range s {
				if r >= 'A' {
					fmt.Fprint(&digits, r-'A'+10)
				} else {
					digits.WriteRune(r)
				}
			}
			return s[:2] == "ZZ" && passesLuhn(digits.String())
		},
		"lei":        func(s string) bool { return len(s) == 20 && remainder(s) == 1 },
		"imei":       func(s string) bool { return s[:2] == "00" && len(s) == 15 && passesLuhn(s) },
		"vin":        vinChecks,
		"nhs_number": func(s string) bool { return s[:3] == "999" && weighed(s, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0 },
		"npi":        func(s string) bool { return len(s) == 10 && passesLuhn("80840"+s) },
		"passport":   matches(`[A-Z]\d{8}`), "driving_licence": matches(`[A-Z]\d{12}`), "plate": matches(`[A-Z]{3}\d\d[A-Z]{3}`),
	} {
		numbersHold(t, name, "", valid)
	}
}

// vinChecks looks each character's value up in the order that the regulation lists them in.
func vinChecks(s string) bool {
	if !matches(`[A-HJ-NPR-Z0-9]{17}`)(s) {
		return false
	}
	groups := []string{"0", "1AJ", "2BKS", "3CLT", "4DMU", "5ENV", "6FW", "7GPX", "8HY", "9RZ"}
	sum := 0
	for i, w := range []int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2} {
		for n, group := range groups {
			if strings.IndexByte(group, s[i]) >= 0 {
				sum += n * w
			}
		}
	}
	return s[8] == "0123456789X"[sum%11]
}

// TestANumberIsWrittenAsTheOriginalIs holds where both have as many characters.
func TestANumberIsWrittenAsTheOriginalIs(t *testing.T) {
	for _, c := range []struct{ mask, input, want string }{
		{"card", "4111 1111 1111 1111", `999\d \d{4} \d{4} \d{4}`},
		{"card", "4111-1111-1111-1111", `999\d-\d{4}-\d{4}-\d{4}`},
		{"card", "378282246310005", `999\d{12}`},
		{"card", "not a card", `999\d{13}`},
		{"national_id", "123-45-6789", `9\d\d-\d\d-\d{4}`},
		{"iban", "DE89 3704 0044 0532 0130 00", `DE\d\d 0000 0000 \d{4} \d{4} \d\d`},
		{"iban", "NL91ABNA0417164300", `NL\d\dXXXX\d{10}`},
		{"nhs_number", "943 476 5919", `999 \d{3} \d{4}`},
	} {
		a := args("text", nil)
		if d := lookup(t, c.mask); len(d.Params) > 0 {
			a.Params = map[string]any{"country": d.Params[0].Default}
		}
		if got := mask(t, c.mask, a, c.input); !matches(c.want)(got) {
			t.Errorf("%s of %q is %q", c.mask, c.input, got)
		}
	}
	m := made(t, "card", args("text", nil), 0)
	first, _ := m.Append(nil, anonymize.Value{Text: []byte("4111111111111111")})
	second, _ := m.Append(nil, anonymize.Value{Text: []byte("4111111111111111")})
	if string(first) != string(second) {
		t.Error("one card has two numbers")
	}
}
