package builtin_test

import (
	"fmt"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

func TestUUIDsAndDigitsKeepTheLaws(t *testing.T) {
	uuids := []string{"8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "01890a5d-ac96-774b-bcce-b302099a8057"}
	holds(t, lookup(t, "permute_uuid"), masktest.Case{Args: args("uuid", nil), Inputs: uuids, FixedShape: true, Valid: matches(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)})
	holds(t, lookup(t, "fpe"), masktest.Case{
		Args: args("text", nil), Inputs: []string{"123456", "000001", "C-2041-77300", "999999999999999999", "12 34 56", "1 23 456"}, FixedShape: true, MayEqual: true, Valid: matches(`[\s\S]*\d[\s\S]*`),
	})
	for _, in := range uuids {
		got := mask(t, "permute_uuid", args("uuid", nil), in)
		if got[14] != in[14] || (got[19] >= '8') != (in[19] >= '8') {
			t.Errorf("%s became %s, of another version or variant", in, got)
		}
	}
}

// TestPermutationsKeepValuesApart holds on a hundred thousand values each.
func TestUUIDsAndDigitsStayApart(t *testing.T) {
	many := 100_000
	if testing.Short() {
		many = 5_000
	}
	for name, value := range map[string]func(i int) string{
		"permute_uuid": func(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", i%977, i) },
		"fpe":          func(i int) string { return fmt.Sprintf("A-%06d", i) },
	} {
		typ := "text"
		if name == "permute_uuid" {
			typ = "uuid"
		}
		m := made(t, name, args(typ, nil), 0)
		seen := make(map[string]bool, many)
		for i := range many {
			out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(value(i))})
			if err != nil || seen[string(out)] {
				t.Fatalf("%s: value %d meets another, or %v", name, i, err)
			}
			seen[string(out)] = true
		}
	}
}

func TestFewDigitsAreNotEncrypted(t *testing.T) {
	for _, in := range []string{"", "n/a", "12345", "1234567890123456789"} {
		if out, err := made(t, "fpe", args("text", nil), 0).Append([]byte{}, anonymize.Value{Text: []byte(in)}); err == nil {
			t.Errorf("%q became %q", in, out)
		}
	}
}
