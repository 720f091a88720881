package builtin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

func TestPermutedPhonesKeepTheLaws(t *testing.T) {
	inputs := []string{
		"+1 (212) 736-5000", "+1 212 736 5000", "+12127365000", "2127365000", "212-736-5000", "12127365000", "020 7946 0000", "+44 20 7946 0000", "+44 (0)20 7946 0000",
		"0044 20 7946 0000", "030/901820", "+49 30 901820", "(030) 90 18 20", "123456", "000123456", "999999999999999", "+999 123 4567890", "+353 1 234 5678",
	}
	phone := matches(`[+]?[-0-9 ./()]+`)
	holds(t, lookup(t, "permute_phone"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: inputs, FixedShape: true, MayEqual: true, Valid: phone},
		masktest.Case{Name: "varchar", Args: args("varchar(20)", nil), Inputs: inputs, FixedShape: true, MayEqual: true, Valid: phone},
		masktest.Case{Name: "citext", Args: args("citext", nil), Inputs: inputs, FixedShape: true, MayEqual: true, Valid: phone},
		masktest.Case{Name: "bpchar", Args: args("bpchar(24)", nil), Inputs: []string{"+1 212 736 5000   ", "2127365000  "}, FixedShape: true, MayEqual: true, Valid: phone},
		masktest.Case{Name: "bigint", Args: args("int8", nil), Inputs: []string{"2127365000", "447911123456", "100000"}, FixedShape: true, MayEqual: true, Valid: matches(`[1-9]\d{5,14}`)},
		masktest.Case{Name: "integer", Args: args("int4", nil), Refused: true},
	)
	m := made(t, "permute_phone", args("text", nil), 0)
	for _, odd := range []string{"", "n/a", "12345", "0000000000", "+", "+0123456789", "++12127365000", "1+2127365000", "212-736-5000 x5", "1234567890123456", "+1 12345", "２１２７３６５０００"} {
		if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(odd)}); err == nil {
			t.Errorf("%q became %q", odd, out)
		}
	}
	m = made(t, "permute_phone", args("int8", nil), 0)
	for _, odd := range []string{"-2127365000", "0", "9223372036854775807"} {
		if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(odd)}); err == nil {
			t.Errorf("%q became %q", odd, out)
		}
	}
}

func TestPermutedPhonesAreWrittenAsTheOriginalIs(t *testing.T) {
	for input, form := range map[string]string{
		"+1 (212) 736-5000": `\+1 \([2-9]\d\d\) [2-9]\d\d-\d{4}`, "212.736.5000": `[2-9]\d\d\.[2-9]\d\d\.\d{4}`, "1-212-736-5000": `1-[2-9]\d\d-[2-9]\d\d-\d{4}`,
		"020 7946 0000": `0[1-9]\d \d{4} \d{4}`, "+44 (0)20 7946 0000": `\+44 \(0\)[1-9]\d \d{4} \d{4}`, "0044 20 7946 0000": `0044 [1-9]\d \d{4} \d{4}`,
		"+353 1 234 5678": `\+353 [1-9] \d{3} \d{4}`, "+7 495 1234567": `\+7 [1-9]\d\d \d{7}`, "+39 06 12345678": `\+39 0[1-9] \d{8}`, "20127365000": `[2-9]\d{10}`,
	} {
		if got := mask(t, "permute_phone", args("text", nil), input); !matches(form)(got) {
			t.Errorf("%q became %q", input, got)
		}
	}
	// One number has one image, with its country's code and without.
	bare := strings.NewReplacer(" ", "", "+44", "0", "(0)", "", "0044", "0")
	a, b, c := mask(t, "permute_phone", args("text", nil), "020 7946 0000"), mask(t, "permute_phone", args("text", nil), "+44 20 7946 0000"), mask(t, "permute_phone", args("text", nil), "+44 (0)20 7946 0000")
	if bare.Replace(a) != bare.Replace(b) || bare.Replace(b) != bare.Replace(c) {
		t.Errorf("one number has several images: %s, %s, %s", a, b, c)
	}
}

// TestPermutedPhonesStayApart holds for every prefix at once, one number in many spellings included.
func TestPermutedPhonesStayApart(t *testing.T) {
	m := made(t, "permute_phone", args("text", nil), 0)
	seen := map[string]string{}
	for _, format := range []string{"%06d", "1%06d", "+1 212 %07d", "212%07d", "1 212-%07d", "+44 20 %08d", "020 %08d", "0044 20%08d", "+44 (0)20 %08d", "00%08d", "9%010d", "1%010d", "+353 1 %07d", "+35 31 %07d", "+%08d"} {
		for i := range few(20_000) {
			input := fmt.Sprintf(format, i*37)
			out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input)})
			if err != nil {
				continue // zeros in front leave too few digits
			}
			if before, met := seen[string(out)]; met && before != input {
				t.Fatalf("%q and %q both became %q", before, input, out)
			}
			seen[string(out)] = input
		}
	}
	if len(seen) < few(200_000) {
		t.Errorf("only %d numbers were permuted", len(seen))
	}
}

func BenchmarkPermutedPhone(b *testing.B) {
	m := made(b, "permute_phone", args("text", nil), 0)
	dst := make([]byte, 0, 1<<10)
	next := []byte("+1 (212) 736-5000")
	b.ReportAllocs()
	for b.Loop() {
		out, err := m.Append(dst, anonymize.Value{Text: next})
		if err != nil {
			b.Fatal(err)
		}
		next = append(next[:0], out...)
	}
}
