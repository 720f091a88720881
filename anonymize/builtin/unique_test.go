package builtin_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
)

// few returns n, or a twentieth of it with -short: what is counted here has no goroutines to watch.
func few(n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

// inputsVariable says how many distinct values each mask is given that promises to keep them apart; make long
// gives ten million.
const inputsVariable = "LETHE_INPUTS"

func manyInputs(t *testing.T) int {
	t.Helper()
	text := os.Getenv(inputsVariable)
	if text == "" {
		return few(100_000)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is no number of values", inputsVariable)
	}
	return n
}

// 10⁵ values are enough for a mask that keeps fewer bits than it says to be caught: over 2³² two of them
// meet with a chance of 69 %.
func TestUniqueMasksKeepManyValuesApart(t *testing.T) {
	many := manyInputs(t)
	for _, c := range []struct {
		mask string
		args anonymize.Args
	}{
		{"email", args("text", nil)},
		{"email", args("varchar(30)", nil)},
		{"username", args("varchar(16)", nil)},
		{"username", args("text", nil)},
		{"hmac", args("text", nil)},
		{"hmac", args("text", map[string]any{"encoding": "base32", "length": int64(14)})},
		{"token", args("varchar(16)", map[string]any{"prefix": "c-"})},
		{"permute_int", args("int4", nil)},
		{"permute_int", args("int8", nil)},
		{"permute_number", args("text", map[string]any{"scheme": "us_ssn"})},
		{"fpe", args("text", nil)},
		{"permute_uuid", args("uuid", nil)},
		{"permute_phone", args("text", nil)},
		{"permute_number", args("text", map[string]any{"scheme": "us_ein"})},
	} {
		// Nine digits are a number of any kind, zeros in front of an integer say nothing.
		form := "%09d"
		switch c.mask {
		case "permute_uuid":
			form = "8c9f63d1-37a4-4a7c-b6cf-%012x"
		case "permute_phone":
			form = "+49 30 %09d"
		}
		m := made(t, c.mask, c.args, 0)
		// 16 bytes of a digest stand for each output, so that ten million fit the memory of any machine.
		seen := make(map[[16]byte]struct{}, many)
		var out []byte
		for i := range many {
			var err error
			input := fmt.Appendf(nil, form, i+1)
			if out, err = m.Append(out[:0], anonymize.Value{Text: input}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytes.ToLower(out), out) {
				t.Fatalf("%s writes capitals, which an index over lower() does not tell apart", c.mask)
			}
			sum := sha256.Sum256(out)
			seen[[16]byte(sum[:16])] = struct{}{}
		}
		if len(seen) != many {
			t.Errorf("%s on %s: %d of %d values are distinct", c.mask, c.args.Type.Name, len(seen), many)
		}
	}
}

func TestASmallPermutationIsABijection(t *testing.T) {
	m := made(t, "permute_int", args("int2", map[string]any{"min": int64(-3), "max": int64(1234)}), 0)
	seen := map[int]bool{}
	for n := -3; n <= 1234; n++ {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(strconv.Itoa(n))})
		if err != nil {
			t.Fatal(err)
		}
		image, err := strconv.Atoi(string(out))
		if err != nil || image < -3 || image > 1234 || seen[image] {
			t.Fatalf("an image is outside the range or comes twice")
		}
		seen[image] = true
	}
}

func TestNumbersOutsideThePermutedRangeFailTheRun(t *testing.T) {
	m := made(t, "permute_int", args("int4", nil), 0)
	for _, input := range []string{"0", "-1", "1073741824", "99999999999999999999", "", "x", "1.5"} {
		if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)}); err == nil {
			t.Errorf("%q became %q", input, out)
		}
	}
}

func TestCapacityShrinksWithTheColumn(t *testing.T) {
	for _, c := range []struct {
		mask, typ string
		params    map[string]any
		bits      float64
	}{
		{"email", "text", nil, 100},
		{"email", "varchar(50)", nil, 100},
		{"email", "varchar(20)", nil, 40},
		{"username", "varchar(16)", nil, 79},
		{"hmac", "text", nil, 128},
		{"hmac", "uuid", nil, 122},
		{"hmac", "varchar(10)", nil, 40},
		{"hmac", "bytea", map[string]any{"length": int64(4)}, 32},
		{"token", "varchar(12)", map[string]any{"prefix": "ab_"}, 45},
		{"permute_int", "int4", map[string]any{"min": int64(0), "max": int64(1<<20 - 1)}, 20},
	} {
		d := lookup(t, c.mask)
		if got := math.Log2(d.Capacity(withDefaults(d, args(c.typ, c.params)))); got != c.bits {
			t.Errorf("%s on %s tells 2^%v values apart, want 2^%v", c.mask, c.typ, got, c.bits)
		}
	}
}

func TestUniquenessHoldsForAHundredMillionRowsByDefault(t *testing.T) {
	const rows = 1e8
	for _, name := range []string{"email", "username", "hmac", "token"} {
		d := lookup(t, name)
		if chance := rows * rows / 2 / d.Capacity(withDefaults(d, args("text", nil))); chance > math.Exp2(-40) {
			t.Errorf("%s: the chance of a collision is %v", name, chance)
		}
	}
}

func TestEqualValuesMeetUnderOneDomainWhereverTheyStand(t *testing.T) {
	for _, c := range []struct{ mask, typ, other, a, b string }{
		{"email", "varchar(50)", "text", "mary@shop.example", "mary@shop.example"},
		{"email", "citext", "citext", "Mary@Shop.example", "mary@shop.EXAMPLE"},
		{"first_name", "bpchar(20)", "varchar(45)", "Mary    ", "Mary"},
		{"full_name", "varchar(30)", "text", "Mary Smith", "Mary Smith"},
		{"permute_int", "int4", "int4", "42", "+42"},
		{"phone", "varchar(20)", "text", "(212) 736-5000", "(212) 736-5000"},
		{"username", "varchar(32)", "text", "msmith", "msmith"},
	} {
		if a, b := mask(t, c.mask, args(c.typ, nil), c.a), mask(t, c.mask, args(c.other, nil), c.b); a != b {
			t.Errorf("%s: %s and %s differ: %q, %q", c.mask, c.typ, c.other, a, b)
		}
	}
}

func TestNoRowKeepsItsOwnName(t *testing.T) {
	for _, name := range []string{"first_name", "last_name", "full_name", "city", "street", "email"} {
		m := made(t, name, args("text", nil), 0)
		for i := range few(20_000) {
			// What the mask wrote is what it could write again: feed it its own words, in other spellings.
			first, err := m.Append([]byte{}, anonymize.Value{Text: fmt.Append(nil, i)})
			if err != nil {
				t.Fatal(err)
			}
			for _, own := range []string{string(first), strings.ToUpper(string(first)), "Dr. " + string(first) + " jr."} {
				second, err := m.Append([]byte{}, anonymize.Value{Text: []byte(own)})
				if err != nil {
					t.Fatal(err)
				}
				words := strings.FieldsFunc(strings.ToLower(string(second)), func(r rune) bool { return r == ' ' || r == '.' || r == '@' })
				for at, word := range words {
					switch {
					case name == "email" && at > 1, name == "street" && at == 2, name == "city" && len(words) > 1:
						continue // the reserved domain, Lane, and the South of South Plover are nobody's
					}
					if containsWord(strings.ToLower(own), word) {
						t.Fatalf("%s gave %q for %q", name, second, own)
					}
				}
				if strings.EqualFold(own, string(second)) {
					t.Fatalf("%s gave %q back", name, own)
				}
			}
		}
	}
}

func TestAccentsMakeNoOtherName(t *testing.T) {
	// Every name of the list, dressed up, is fed back: none may come out undressed.
	dress := strings.NewReplacer("a", "á", "e", "ë", "i", "ı", "o", "ø", "u", "ů", "l", "ł", "n", "n\u0303", "c", "ç", "A", "Å", "O", "Ö", "L", "Ł")
	m := made(t, "first_name", args("text", nil), 0)
	for i := range few(60_000) {
		name, err := m.Append([]byte{}, anonymize.Value{Text: fmt.Append(nil, i)})
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(dress.Replace(string(name)))})
		if err != nil || string(out) == string(name) {
			t.Fatalf("%s came out as %s (%v)", dress.Replace(string(name)), out, err)
		}
	}
}

func containsWord(text, word string) bool {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '.' || r == '@' }) {
		if w == word {
			return true
		}
	}
	return false
}

// Names recur as often as chance allows: over n draws from k words the counts have a variance of about
// n/k. Six standard deviations of chi-square keep the test quiet for good and still catch a biased draw.
func TestNamesRecurNoMoreOftenThanChance(t *testing.T) {
	for _, c := range []struct {
		mask string
		k    float64
	}{{"first_name", 8704}, {"last_name", 47527}} {
		m := made(t, c.mask, args("text", nil), 0)
		counts := map[string]int{}
		n := few(200_000)
		for i := range n {
			out, err := m.Append([]byte{}, anonymize.Value{Text: fmt.Append(nil, "x", i)})
			if err != nil {
				t.Fatal(err)
			}
			counts[string(out)]++
		}
		expected := float64(n) / c.k
		chi := 0.0
		for _, count := range counts {
			chi += (float64(count) - expected) * (float64(count) - expected) / expected
		}
		chi += (c.k - float64(len(counts))) * expected
		if off := (chi - c.k) / math.Sqrt(2*c.k); math.Abs(off) > 6 {
			t.Errorf("%s: chi-square is %.1f standard deviations off", c.mask, off)
		}
	}
}

func TestPhonesAreReservedForFictionAndKeepTheirForm(t *testing.T) {
	for input, form := range map[string]string{
		"2127365000": `\d{3}55501\d\d`, "212-736-5000": `\d{3}-555-01\d\d`, "212.736.5000": `\d{3}\.555\.01\d\d`, "212 736 5000": `\d{3} 555 01\d\d`,
		"(212) 736-5000": `\(\d{3}\) 555-01\d\d`, "+12127365000": `\+1\d{3}55501\d\d`, "+1 212-736-5000": `\+1 \d{3} 555 01\d\d`,
		"+49 30 901820": `\+1 \d{3} 555 01\d\d`, "n/a": `\d{3}55501\d\d`, "": `\d{3}55501\d\d`,
	} {
		if got := mask(t, "phone", args("text", nil), input); !matches(form)(got) {
			t.Errorf("%q became %q", input, got)
		}
	}
	if got := mask(t, "phone", args("int8", map[string]any{"region": "gb"}), "447911123456"); !matches(`447700900\d{3}`)(got) {
		t.Errorf("a British number in a bigint became %s", got)
	}
}

func TestPostcodesKeepTheirForm(t *testing.T) {
	for input, form := range map[string]string{
		"SW1A 1AA": `[A-Z]{2}\d[A-Z] \d[A-Z]{2}`, "10001-1234": `\d{5}-\d{4}`, "k1a 0b1": `[a-z]\d[a-z] \d[a-z]\d`, "": `\d{5}`, "--": `\d{5}`,
		"see the note below": `\d{5}`, "1/2": `\d-\d`,
	} {
		if got := mask(t, "postcode", args("text", nil), input); !matches(form)(got) {
			t.Errorf("%q became %q", input, got)
		}
	}
}
