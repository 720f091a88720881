package builtin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

// rankedScheme is a scheme, its numbers, what is none of them, and a check that is written another way than the mask.
type rankedScheme struct {
	name   string
	inputs []string
	// odd are of the right length and check, or nearly, and are not the scheme's.
	odd   []string
	valid func(s string) bool
	// pattern is that of the numbers that are counted through: # is the next digit of a count, from the right; ? is
	// sought among the digits and ! among the letters until the number is valid.
	pattern string
	// inner is a check of a part that is sought before the rest is.
	inner func(s string) bool
}

func rankedSchemes() []rankedScheme {
	return append(rankedPeople(), rankedAccounts()...)
}

func rankedPeople() []rankedScheme {
	nino := matches(`[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z]\d{6}[A-D]?`)
	foreign, unallocated := matches(`[XYZ]\d{7}[A-Z]`), matches(`(BG|GB|KN|NK|NT|TN|ZZ).*`)
	nie := func(s string) bool {
		return foreign(s) && dni(string('0'+s[0]-'X')+s[1:])
	}
	return []rankedScheme{
		{
			name: "gb_nino", inputs: []string{"AB 12 34 56 C", "AB123456C", "ab123456c", "AB123456"}, odd: []string{"QQ123456C", "BG123456A", "AO123456A", "AB123456E", "aB123456C"},
			valid: func(s string) bool { return nino(s) && !unallocated(s) }, pattern: "AB######C",
		},
		{
			name: "gb_nhs", inputs: []string{"943 476 5919", "9434765919", "4010232137"}, odd: []string{"9434765918", "0000000010"},
			valid: func(s string) bool { return len(s) == 10 && weighed(s, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0 }, pattern: "#######33?",
		},
		{
			name: "de_steuer_id", inputs: []string{"86095742719", "86 095 742 719", "47036892816", "65929970489"}, odd: []string{"86095742718", "12345678903", "11123456783", "01123456789"},
			valid:   func(s string) bool { return len(s) == 11 && s[0] != '0' && hybrid(s) && twiceOrThrice(s[:10]) },
			pattern: "",
		},
		{name: "es_nie", inputs: []string{"X2482300W", "X-2482300-W", "Z3113766P", "x2482300w"}, odd: []string{"X2482300A", "A2482300W", "X2482300w"}, valid: nie, pattern: "Y#######!"},
		{
			name: "nl_bsn", inputs: []string{"111222333", "1112.22.333", "123456782"}, odd: []string{"111222334"},
			valid:   func(s string) bool { return len(s) == 9 && (weighed(s, 9, 8, 7, 6, 5, 4, 3, 2)-int(s[8]-'0'))%11 == 0 },
			pattern: "2#######?",
		},
		{
			name: "pl_pesel", inputs: []string{"44051401359", "02070803628", "92322900007"}, odd: []string{"44051401358", "44053201350", "44133101350"},
			valid: func(s string) bool {
				return len(s) == 11 && weighed(s, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0 && peselDay(s)
			}, pattern: "8#0#1#####?",
		},
		{
			name: "se_personnummer", inputs: []string{"811228-9874", "8112289874", "19811228-9874", "670919-9530", "701063-2391"}, odd: []string{"811228-9875", "811328-9874", "17811228-9874", "811228+9874"},
			valid: swedish, pattern: "8#0#1####?",
		},
		{
			name: "in_pan", inputs: []string{"ACUPA7085R", "acupa7085r", "AAPFU0939F"}, odd: []string{"ACUPA0000R", "ACUXA7085R", "1CUPA7085R"},
			valid: matches(`[A-Z]{3}[ABCEFGHJKLPT][A-Z]\d{4}[A-Z]`), pattern: "",
		},
		{
			name: "fr_nir", inputs: []string{"2 95 10 99 126 111 93", "295109912611193", "255081416802538", "1 85 05 2A 004 024 58"}, odd: []string{"295109912611194", "355081416802538"},
			valid: nir(), pattern: "1#0#10####1##??",
		},
		{
			name: "it_codice_fiscale", inputs: []string{"RSSMRA85T10A562S", "MRTMTT91D08F205J", "MLLSNT82P65Z404U"}, odd: []string{"RSSMRA85T10A562T", "RSSMRA85T39A562S", "AEXMRA85T10A562S"},
			valid: codiceFiscale(), pattern: "",
		},
		{name: "ca_sin", inputs: []string{"130 692 544", "130692544", "046 454 286"}, odd: []string{"130692545"}, valid: func(s string) bool { return len(s) == 9 && passesLuhn(s) }, pattern: "2#######?"},
		{
			name: "au_tfn", inputs: []string{"123 456 782", "123456782", "876543210"}, odd: []string{"123456783"},
			valid: func(s string) bool { return len(s) == 9 && weighed(s, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 }, pattern: "3#######?",
		},
	}
}

func rankedAccounts() []rankedScheme {
	iban := func(pattern string) func(string) bool {
		form := matches(pattern)
		return func(s string) bool { // check digits of 00 and 01 would do too, and are not given
			return form(s) && modulo(s[4:]+s[:4]) == 1 && s[2:4] > "01"
		}
	}
	cin := func(s string) bool { return italian(s[5:]) == s[4] }
	ccc := func(s string) bool {
		a := "00" + s[4:12] + s[12:13]
		b := s[14:24]
		first := weighed(a, 1, 2, 4, 8, 5, 10, 9, 7, 3, 6) % 11
		second := weighed(b, 1, 2, 4, 8, 5, 10, 9, 7, 3, 6) % 11
		digit := func(r int) byte { return "01987654321"[r] }
		return s[12] == digit(first) && s[13] == digit(second)
	}
	cnpj, aba := matches(`[0-9A-Z]{12}\d\d`), matches(`(0\d|1[012]|2[1-9]|3[012]|6[1-9]|7[012]|80)\d{7}`)
	french, latin := iban(`FR\d{12}[0-9A-Z]{11}\d\d`), iban(`IT\d\d[A-Z]\d{10}[0-9A-Z]{12}`)
	spanish := iban(`ES\d{22}`)
	letters := strings.NewReplacer("A", "1", "J", "1", "B", "2", "K", "2", "S", "2", "C", "3", "L", "3", "T", "3", "D", "4", "M", "4", "U", "4", "E", "5", "N", "5",
		"V", "5", "F", "6", "O", "6", "W", "6", "G", "7", "P", "7", "X", "7", "H", "8", "Q", "8", "Y", "8", "I", "9", "R", "9", "Z", "9")
	rib := func(s string) bool { return modulo(letters.Replace(s[4:27])) == 0 && s[25:27] != "00" } // the key, 01 to 97, makes the whole divisible
	return []rankedScheme{
		{
			name: "br_cnpj", inputs: []string{"11.222.333/0001-81", "11222333000181", "12.ABC.345/01DE-35", "16727230000197", "12.abc.345/01de-35"}, odd: []string{"11.222.333/0001-80", "12.aBC.345/01DE-35"},
			valid: func(s string) bool {
				return cnpj(s) && weighed(s, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9)%11%10 == int(s[12]-'0') && weighed(s, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9)%11%10 == int(s[13]-'0')
			}, pattern: "1#######0001??",
		},
		{name: "us_ein", inputs: []string{"12-3456789", "123456789"}, odd: []string{"12345678A"}, valid: matches(`\d{9}`), pattern: "4########"},
		{
			name: "us_aba", inputs: []string{"021000021", "011401533", "0110-0001-5"}, odd: []string{"021000022", "990000005"},
			valid: func(s string) bool {
				return aba(s) && weighed(s, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0
			}, pattern: "02######?",
		},
		{
			name: "au_abn", inputs: []string{"51 824 753 556", "53004085616", "83914571673"}, odd: []string{"51824753557", "10000000000"},
			valid: func(s string) bool {
				first := string(s[0]-1) + s[1:]
				return len(s) == 11 && s[0] != '0' && s[:2] != "10" && weighed(first, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)%89 == 0
			}, pattern: "??#########",
		},
		{name: "iban_de", inputs: []string{"DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "de89370400440532013000"}, odd: []string{"DE88370400440532013000", "AT611904300234573201"}, valid: iban(`DE\d{20}`), pattern: "DE??37040044##########"},
		{name: "iban_gb", inputs: []string{"GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819"}, odd: []string{"GB28NWBK60161331926819"}, valid: iban(`GB\d\d[A-Z]{4}\d{14}`), pattern: "GB??NWBK601613########"},
		{
			name: "iban_fr", inputs: []string{"FR14 2004 1010 0505 0001 3M02 606", "FR1420041010050500013M02606", "FR7630006000011234567890189"}, odd: []string{"FR1420041010050500013M02607", "FR1420041010050500013m02606"},
			valid: func(s string) bool { return french(s) && rib(s) }, inner: rib, pattern: "FR002004101005###########??",
		},
		{name: "iban_es", inputs: []string{"ES91 2100 0418 4502 0005 1332", "ES9121000418450200051332"}, odd: []string{"ES9021000418450200051332"}, valid: func(s string) bool { return spanish(s) && ccc(s) }, inner: ccc, pattern: "ES0021000418??##########"},
		{
			name: "iban_it", inputs: []string{"IT60 X054 2811 1010 0000 0123 456", "IT60X0542811101000000123456", "it60x0542811101000000123456"}, odd: []string{"IT60X0542811101000000123457", "IT60Y0542811101000000123456"},
			valid: func(s string) bool { return latin(s) && cin(s) }, inner: cin, pattern: "IT00!0542811101############",
		},
		{name: "iban_nl", inputs: []string{"NL91 ABNA 0417 1643 00", "NL91ABNA0417164300", "NL39RABO0300065264"}, odd: []string{"NL90ABNA0417164300"}, valid: iban(`NL\d\d[A-Z]{4}\d{10}`), pattern: "NL??INGB##########"},
	}
}

// modulo is the remainder by 97, reckoned in a way of its own: by the powers of ten from the right.
func modulo(text string) int {
	sum, power := 0, 1
	for i := len(text) - 1; i >= 0; i-- {
		if b := int(text[i]); b >= 'A' {
			b -= 'A' - 10
			sum += b%10*power + b/10*(power*10%97)
			power = power * 100 % 97
		} else {
			sum += (b - '0') * power
			power = power * 10 % 97
		}
	}
	return sum % 97
}

// twiceOrThrice reports whether one digit comes twice or three times, not in a row, and every other at most once.
func twiceOrThrice(s string) bool {
	repeated := 0
	for r := '0'; r <= '9'; r++ {
		n := strings.Count(s, string(r))
		if n > 1 {
			repeated++
		}
		if n > 3 || strings.Contains(s, strings.Repeat(string(r), 3)) {
			return false
		}
	}
	return repeated == 1
}

// isDate asks the calendar of the standard library.
func isDate(year, month, day int) bool {
	d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return d.Year() == year && int(d.Month()) == month && d.Day() == day
}

func number(s string) int {
	n := 0
	for _, r := range s {
		n = n*10 + int(r-'0')
	}
	return n
}

func peselDay(s string) bool {
	month := number(s[2:4])
	century := []int{1900, 2000, 2100, 2200, 1800}[month/20]
	return isDate(century+number(s[:2]), month%20, number(s[4:6]))
}

func swedish(s string) bool {
	year := 2000
	if len(s) == 12 {
		year, s = number(s[:2])*100, s[2:]
	}
	day := number(s[4:6])
	return len(s) == 10 && passesLuhn(s) && (isDate(year+number(s[:2]), number(s[2:4]), day) || isDate(year+number(s[:2]), number(s[2:4]), day-60)) && s[6:9] != "000"
}

func nir() func(string) bool {
	form, corsica := matches(`[12]\d\d(0[1-9]|1[0-2]|[235-9]\d|4[0-2])(0[1-9]|[1-9]\d|2[AB])\d{8}`), strings.NewReplacer("2A", "19", "2B", "18")
	return func(s string) bool {
		if !form(s) || s[7:10] == "000" || s[10:13] == "000" {
			return false
		}
		return 97-number(corsica.Replace(s[:13]))%97 == number(s[13:])
	}
}

// italian is the check letter by the table that the decree prints for odd places.
func italian(s string) byte {
	table := map[rune]int{
		'0': 1, '1': 0, '2': 5, '3': 7, '4': 9, '5': 13, '6': 15, '7': 17, '8': 19, '9': 21, 'A': 1, 'B': 0, 'C': 5, 'D': 7, 'E': 9, 'F': 13, 'G': 15, 'H': 17, 'I': 19, 'J': 21,
		'K': 2, 'L': 4, 'M': 18, 'N': 20, 'O': 11, 'P': 3, 'Q': 6, 'R': 8, 'S': 12, 'T': 14, 'U': 16, 'V': 10, 'W': 22, 'X': 25, 'Y': 24, 'Z': 23,
	}
	sum := 0
	for i, r := range s {
		switch {
		case i%2 == 0:
			sum += table[r]
		case r < 'A':
			sum += int(r - '0')
		default:
			sum += int(r - 'A')
		}
	}
	return byte('A' + sum%26)
}

func codiceFiscale() func(string) bool {
	const named = `([B-DF-HJ-NP-TV-Z]{3}|[B-DF-HJ-NP-TV-Z]{2}[AEIOU]|[B-DF-HJ-NP-TV-Z][AEIOU]{2}|[B-DF-HJ-NP-TV-Z][AEIOU]X|[AEIOU]{3}|[AEIOU]{2}X|[AEIOU]XX)`
	form := matches(named + named + `[0-9L-NP-V]{2}[ABCDEHLMPRST][0-9L-NP-V]{2}[A-ILMZ][0-9L-NP-V]{3}[A-Z]`)
	return func(s string) bool {
		if !form(s) {
			return false
		}
		plain := []byte(s)
		for _, at := range []int{6, 7, 9, 10} {
			if n := strings.IndexByte("LMNPQRSTUV", s[at]); n >= 0 {
				plain[at] = '0' + byte(n)
			}
		}
		month := strings.IndexByte("ABCDEHLMPRST", s[8]) + 1
		return isDate(2000+number(string(plain[6:8])), month, number(string(plain[9:11]))%40) && italian(s[:15]) == s[15]
	}
}

// TestEverySchemeChecksByAnotherReckoning holds the laws, and that nothing but the scheme's numbers passes.
func TestEverySchemeChecksByAnotherReckoning(t *testing.T) {
	for _, c := range rankedSchemes() {
		valid := func(s string) bool {
			return c.valid(strings.ToUpper(strings.NewReplacer(" ", "", "-", "", ".", "", "/", "").Replace(s)))
		}
		for _, input := range c.inputs {
			if !valid(input) {
				t.Errorf("%s: the test's own check refuses %s", c.name, input)
			}
		}
		params := map[string]any{"scheme": c.name}
		holds(t, lookup(t, "permute_number"),
			masktest.Case{Name: c.name, Args: args("text", params), Inputs: c.inputs, FixedShape: true, MayEqual: true, Valid: valid},
			masktest.Case{Name: c.name + " bpchar", Args: args("bpchar(40)", params), Inputs: []string{c.inputs[0] + "   ", c.inputs[1]}, FixedShape: true, MayEqual: true, Valid: valid})
		m := made(t, "permute_number", args("text", params), 0)
		for _, odd := range append([]string{"", "n/a", "1", c.inputs[0] + "1", "x" + c.inputs[0]}, c.odd...) {
			if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(odd)}); err == nil {
				t.Errorf("%s: %q became %q", c.name, odd, out)
			}
		}
		folding := made(t, "permute_number", args("citext", params), 0)
		for _, input := range c.inputs {
			upper, err := folding.Append([]byte{}, anonymize.Value{Text: []byte(strings.ToUpper(input))})
			lower, again := folding.Append([]byte{}, anonymize.Value{Text: []byte(strings.ToLower(input))})
			if err != nil || again != nil || string(upper) != string(lower) {
				t.Errorf("%s: one number of citext comes out as two: %v, %v", c.name, err, again)
			}
		}
	}
}

// counted is the number of a pattern that has i as its count.
func (c rankedScheme) counted(i int) string {
	text := []byte(c.pattern)
	for at := len(text) - 1; at >= 0; at-- {
		if text[at] == '#' {
			text[at] = '0' + byte(i%10)
			i /= 10
		}
	}
	if c.inner != nil {
		sought(text, c.inner)
		text[2], text[3] = '?', '?'
	}
	if !sought(text, c.valid) {
		return ""
	}
	return string(text)
}

// sought puts symbols where ? and ! stand until valid agrees.
func sought(text []byte, valid func(string) bool) bool {
	at := strings.IndexAny(string(text), "?!")
	if at < 0 {
		return valid(string(text))
	}
	mark, symbols := text[at], "0123456789"
	if mark == '!' {
		symbols = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	}
	for _, b := range []byte(symbols) {
		if text[at] = b; sought(text, valid) {
			return true
		}
	}
	text[at] = mark
	return false
}

// TestSchemesKeepManyNumbersApart counts numbers through; for those that do not lend themselves to it, it masks what
// another key makes of a number again and again: as long as nothing comes back, all of them differ.
func TestSchemesKeepManyNumbersApart(t *testing.T) {
	many := few(100_000)
	for _, c := range rankedSchemes() {
		params := map[string]any{"scheme": c.name}
		m, walk := made(t, "permute_number", args("text", params), 0), made(t, "permute_number", args("text", params), 1)
		seen, inputs := make(map[string]bool, many), make(map[string]bool, many)
		next := bareOf(c.inputs[1])
		var out []byte
		for i := 0; len(inputs) < many; i++ {
			if c.pattern != "" {
				if next = c.counted(i * 11); next == "" {
					continue
				}
			}
			var err error
			if out, err = m.Append(out[:0], anonymize.Value{Text: []byte(next)}); err != nil || !c.valid(strings.ToUpper(string(out))) {
				t.Fatalf("%s: %s became %s (%v)", c.name, next, out, err)
			}
			seen[string(out)], inputs[next] = true, true
			if c.pattern == "" {
				out, _ = walk.Append(out[:0], anonymize.Value{Text: []byte(next)})
				if next = string(out); inputs[next] {
					t.Fatalf("%s: the walk came back after %d steps", c.name, i)
				}
			}
		}
		if len(seen) != many {
			t.Errorf("%s: %d of %d numbers are distinct", c.name, len(seen), many)
		}
	}
}

// TestWhatASchemeKeepsStays holds what the contract says is kept.
func TestWhatASchemeKeepsStays(t *testing.T) {
	for _, c := range []struct{ scheme, input, want string }{
		{"iban_de", "DE89370400440532013000", `DE\d\d37040044\d{10}`}, {"iban_gb", "GB29 NWBK 6016 1331 9268 19", `GB\d\d NWBK 6016 13\d\d \d{4} \d\d`},
		{"iban_fr", "FR7630006000011234567890189", `FR\d\d3000600001\d{13}`}, {"iban_fr", "FR1420041010050500013M02606", `FR\d\d2004101005[0-9A-Z]*[A-Z][0-9A-Z]*`},
		{"iban_es", "ES9121000418450200051332", `ES\d\d21000418\d{12}`}, {"iban_it", "IT60X0542811101000000123456", `IT\d\d[A-Z]0542811101\d{12}`},
		{"iban_nl", "NL91ABNA0417164300", `NL\d\dABNA\d{10}`}, {"br_cnpj", "11.222.333/0001-81", `\d\d\.\d{3}\.\d{3}/0001-\d\d`}, {"in_pan", "AAPFU0939F", `[A-Z]{3}F[A-Z]\d{4}[A-Z]`},
		{"pl_pesel", "02270803624", `\d\d[23]\d{8}`}, {"se_personnummer", "19811228-9874", `19\d{6}-\d{4}`},
		{"ca_sin", "046 454 286", `0\d\d \d{3} \d{3}`}, {"fr_nir", "185052A00402458", `[12]\d{4}2[AB]\d{8}`},
	} {
		if got := mask(t, "permute_number", args("text", map[string]any{"scheme": c.scheme}), c.input); !matches(c.want)(got) {
			t.Errorf("%s: %s became %s", c.scheme, c.input, got)
		}
	}
	// An omocode, and what it stands for, are two people's.
	omocode := "MRTMTT9MDL8F20R"
	omocode += string(italian(omocode))
	got := mask(t, "permute_number", args("text", map[string]any{"scheme": "it_codice_fiscale"}), omocode)
	if !codiceFiscale()(got) || !matches(`[A-Z]{6}\d[L-NP-V][A-Z][L-NP-V]\d[A-Z]\d\d[L-NP-V][A-Z]`)(got) {
		t.Errorf("%s became %s", omocode, got)
	}
}

// TestCaseTellsNumbersApart holds where the column tells capitals from small letters.
func TestCaseTellsNumbersApart(t *testing.T) {
	for _, c := range rankedSchemes() {
		for _, input := range c.inputs {
			a := args("text", map[string]any{"scheme": c.name})
			upper, lower := mask(t, "permute_number", a, strings.ToUpper(input)), mask(t, "permute_number", a, strings.ToLower(input))
			if !strings.EqualFold(upper, lower) || strings.ToUpper(input) != strings.ToLower(input) && upper == lower {
				t.Errorf("%s: %s and its small letters became %s and %s", c.name, input, upper, lower)
			}
		}
	}
}

// BenchmarkRankedSchemes prices one number of each.
func BenchmarkRankedSchemes(b *testing.B) {
	for _, c := range rankedSchemes() {
		m := made(b, "permute_number", args("text", map[string]any{"scheme": c.name}), 0)
		b.Run(c.name, func(b *testing.B) {
			dst := make([]byte, 0, 1<<10)
			// One number after the other, because how often a permutation is followed depends on it.
			next := []byte(c.inputs[1])
			b.ReportAllocs()
			for b.Loop() {
				out, err := m.Append(dst, anonymize.Value{Text: next})
				if err != nil {
					b.Fatal(err)
				}
				next = append(next[:0], out...)
			}
		})
	}
}
