package builtin_test

import (
	"fmt"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

// TestNumbersThatArePermutedCheckAndStayApart holds for every scheme, on numbers that check by another reckoning.
func TestNumbersThatArePermutedCheckAndStayApart(t *testing.T) {
	luhn := passesLuhn
	for scheme, c := range map[string]struct {
		inputs []string
		valid  func(string) bool
	}{
		"us_ssn": {[]string{"123-45-6789", "123456789", "000-00-0000", "123 45 6789"}, matches(`\d{3}[- ]?\d\d[- ]?\d{4}`)},
		"card":   {[]string{"4111 1111 1111 1111", "4111111111111111", "5555555555554444"}, func(s string) bool { return luhn(bareOf(s)) }},
		"imei":   {[]string{"490154203237518", "356938035643809"}, luhn}, "fr_siren": {[]string{"732 829 320", "732829320"}, func(s string) bool { return luhn(bareOf(s)) }},
		"it_piva":    {[]string{"00743110157", "12345670017"}, luhn},
		"es_dni":     {[]string{"12345678Z", "00000000T"}, func(s string) bool { return matches(`\d{8}[A-Z]`)(s) && dni(s) }},
		"br_cpf":     {[]string{"529.982.247-25", "52998224725"}, func(s string) bool { return cpf(bareOf(s)) }},
		"in_aadhaar": {[]string{"2341 2341 2346", "234123412346"}, func(s string) bool { return verhoeff(bareOf(s)) }},
		"de_vat":     {[]string{"DE136695976", "DE 136695976"}, func(s string) bool { return hybrid(bareOf(s)[2:]) }},
	} {
		params := map[string]any{"scheme": scheme}
		holds(t, lookup(t, "permute_number"), masktest.Case{Name: scheme, Args: args("text", params), Inputs: c.inputs, FixedShape: true, MayEqual: true, Valid: c.valid})
		m := made(t, "permute_number", args("text", params), 0)
		for _, odd := range []string{"", "n/a", "1", c.inputs[0] + "1"} {
			if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(odd)}); err == nil {
				t.Errorf("%s: %q became %q", scheme, odd, out)
			}
		}
	}
	m := made(t, "permute_number", args("text", map[string]any{"scheme": "us_ssn"}), 0)
	many, seen := 100_000, map[string]bool{}
	if testing.Short() {
		many = 5_000
	}
	for i := range many {
		out, err := m.Append([]byte{}, anonymize.Value{Text: fmt.Appendf(nil, "%09d", i)})
		if err != nil || seen[string(out)] {
			t.Fatalf("number %d meets another, or %v", i, err)
		}
		seen[string(out)] = true
	}
}

// bareOf is a number without its separators.
func bareOf(s string) string {
	var bare []rune
	for _, r := range s {
		if r != ' ' && r != '-' && r != '.' {
			bare = append(bare, r)
		}
	}
	return string(bare)
}

// dni looks the letter up by subtracting.
func dni(s string) bool {
	n := 0
	for _, r := range s[:8] {
		n = n*10 + int(r-'0')
	}
	for n >= 23*1000 {
		n -= 23 * 1000
	}
	for n >= 23 {
		n -= 23
	}
	return s[8] == "TRWAGMYFPDXBNJZSQVHLCKE"[n]
}
