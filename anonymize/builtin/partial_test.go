package builtin_test

import (
	"testing"

	"github.com/lethedb/lethe/anonymize/masktest"
)

func TestMasksThatLeaveAPartKeepTheLaws(t *testing.T) {
	for name, params := range map[string]map[string]any{
		"keep_ends": {"last": int64(2)}, "mask_email": nil, "truncate_text": {"length": int64(1)}, "initials": nil,
	} {
		holds(t, lookup(t, name), masktest.Case{Name: name, Args: args("text", params), Inputs: people(), AnyKey: true, MayEqual: true})
	}
	holds(t, lookup(t, "keep_ends"),
		masktest.Case{Name: "all", Args: args("varchar(6)", map[string]any{"first": int64(2), "last": int64(4)}), Refused: true},
		masktest.Case{Name: "a blank", Args: args("text", map[string]any{"char": " "}), Refused: true})
	holds(t, lookup(t, "truncate_text"),
		masktest.Case{Name: "nothing", Args: args("varchar(6)", map[string]any{"length": int64(6)}), Refused: true},
		masktest.Case{Name: "none", Args: args("text", map[string]any{"length": int64(0)}), Refused: true})
	holds(t, lookup(t, "scramble"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: []string{"Mary Smith 4711", "Order 7/B", "n/a", "", "李小龍", "José"}, FixedShape: true},
		masktest.Case{Name: "bpchar", Args: args("bpchar(20)", nil), Inputs: []string{"Mary Smith  ", "Bob Jones   "}, FixedShape: true})
	list := map[string]any{"values": []string{"surgery", "medicine", "paediatrics"}}
	holds(t, lookup(t, "lookup"),
		masktest.Case{Name: "text", Args: args("text", list), Inputs: append(people(), "surgery", "Medicine"), FixedShape: true, Valid: matches("surgery|medicine|paediatrics")},
		masktest.Case{Name: "one", Args: args("text", map[string]any{"values": []string{"surgery"}}), Refused: true},
		masktest.Case{Name: "too long", Args: args("varchar(7)", list), Refused: true})
	holds(t, lookup(t, "blank_bytes"), masktest.Case{Args: args("bytea", nil), Inputs: []string{`\xdeadbeef`, `\x`}, AnyKey: true, MayEqual: true, Valid: matches(`\\x(00)*`)})
}

func TestAPartIsLeftAndNoMore(t *testing.T) {
	for _, c := range []struct {
		mask   string
		params map[string]any
		in     string
		want   string
	}{
		{"keep_ends", map[string]any{"last": int64(4)}, "4111111111111111", "************1111"},
		{"keep_ends", map[string]any{"last": int64(4)}, "12345", "****"}, // one covered character is soon guessed
		{"keep_ends", map[string]any{"first": int64(1), "last": int64(0), "char": "x"}, "José", "Jxxx"},
		{"keep_ends", nil, "", "*"},
		{"mask_email", nil, "mary.smith@shop.example", "****@shop.example"}, {"mask_email", nil, "n/a", "****"}, {"mask_email", nil, "@", "****"},
		{"truncate_text", map[string]any{"length": int64(4)}, "Mary Smith", "Mary"}, {"truncate_text", map[string]any{"length": int64(4)}, "Mary", ""},
		{"initials", nil, "Mary Jane Smith", "M. J. S."}, {"initials", nil, "José", "J."}, {"initials", nil, "M. Smith", "X. S."}, {"initials", nil, "one two three four five", "o. t. t. f."},
	} {
		if got := mask(t, c.mask, args("text", c.params), c.in); got != c.want {
			t.Errorf("%s %v of %q: got %q, want %q", c.mask, c.params, c.in, got, c.want)
		}
	}
}
