package builtin_test

import (
	"fmt"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

// fictions are the ranges as their authorities print them, in every form that a number may have.
func fictions() map[string]string {
	return map[string]string{
		"au": `(0|\(0|[+]?61[ .-]?)[2378](\))?[ .-]?(5550|7010)[ .-]?\d{4}`,
		"de": `(0|\(0|[+]?49[ .-]?)(30\)?[ .-]?23125|69\)?[ .-]?90009|40\)?[ .-]?66969|221\)?[ .-]?4710|89\)?[ .-]?99998)[ .-]?\d{3}`,
		"fr": `(0|\(0|[+]?33[ .-]?)(1\)?[ .-]?99[ .-]?00|2\)?[ .-]?61[ .-]?91|3\)?[ .-]?53[ .-]?01|4\)?[ .-]?65[ .-]?71|5\)?[ .-]?36[ .-]?49|6\)?[ .-]?39[ .-]?98)[ .-]?\d\d[ .-]?\d\d`,
		"ie": `(0|\(0|[+]?353[ .-]?)20\)?[ .-]?91\d[ .-]?\d{4}`,
		"se": `(0|\(0|[+]?46[ .-]?)(31\)?[ .-]?390[ .-]?06[ .-]?\d\d|40\)?[ .-]?628[ .-]?04[ .-]?\d\d|8\)?[ .-]?465[ .-]?004[ .-]?\d\d|980\)?[ .-]?319[ .-]?2\d\d|70\)?[ .-]?174[ .-]?06[ .-]?(0[5-9]|[1-9]\d))`,
	}
}

func TestPhonesOfEveryRegionAreReservedForFiction(t *testing.T) {
	for region, pattern := range fictions() {
		reserved := matches(pattern)
		params := map[string]any{"region": region}
		inputs := append(people(), "+49 (30) 901820", "030-901820", "+4930901820", "030901820", "(030) 901820", "025550 0000", "0199000000", "031-390 06 42")
		holds(t, lookup(t, "phone"),
			masktest.Case{Name: region, Args: args("text", params), Inputs: inputs, FixedShape: true, Valid: reserved},
			masktest.Case{Name: region + " narrow", Args: args("varchar(11)", params), Inputs: []string{"030901820", "030/901820", "+493090182"}, FixedShape: true, Valid: reserved},
			masktest.Case{Name: region + " bigint", Args: args("int8", params), Inputs: []string{"4930901820", "1", "-1"}, FixedShape: true, Valid: reserved},
			masktest.Case{Name: region + " too narrow", Args: args("varchar(9)", params), Refused: true})
		m, seen := made(t, "phone", args("text", params), 0), map[string]bool{}
		for i := range few(20_000) {
			out, err := m.Append([]byte{}, anonymize.Value{Text: fmt.Appendf(nil, "%010d", i)})
			if err != nil || !reserved(string(out)) {
				t.Fatalf("%s: %s is nobody's to give (%v)", region, out, err)
			}
			seen[string(out)] = true
		}
		if region == "se" && !testing.Short() && len(seen) != 495 {
			t.Errorf("%d numbers of Sweden's 495 came up", len(seen))
		}
	}
}

func TestPhonesOfARegionAreWrittenAsTheOriginalIs(t *testing.T) {
	for _, c := range []struct{ region, input, form string }{
		{"de", "030-901820", `0\d+-\d+-\d{3}`}, {"de", "+49 30 901820", `\+49 \d+ \d+ \d{3}`}, {"de", "(030) 901820", `\(0\d+\) \d+ \d{3}`}, {"de", "n/a", `0\d{10}`},
		{"fr", "01.42.34.56.78", `0\d\.\d\d\.\d\d\.\d\d\.\d\d`}, {"fr", "+33142345678", `\+33\d{9}`}, {"au", "(02) 9876 5432", `\(0\d\) \d{4} \d{4}`}, {"se", "08-123 456 78", `0\d+-[\d-]+`},
	} {
		if got := mask(t, "phone", args("text", map[string]any{"region": c.region}), c.input); !matches(c.form)(got) {
			t.Errorf("%s: %q became %q", c.region, c.input, got)
		}
	}
}
