package builtin_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/internal/catalog"
)

func canonical(t catalog.Type, text string) string {
	return string(builtin.Canonical([]byte("before"), t, []byte(text))[len("before"):])
}

func TestCanonicalFormIsThatOfTheTypesEquality(t *testing.T) {
	folded := catalog.Type{Base: "varchar", CaseFolded: true}
	paddedAndFolded := catalog.Type{Base: "bpchar", CaseFolded: true}
	for _, c := range []struct {
		typ         catalog.Type
		input, want string
	}{
		{typeOf("text"), "Bob ", "Bob "},
		{typeOf("varchar(9)"), "BOB", "BOB"},
		{typeOf("bpchar(9)"), "Bob   ", "Bob"},
		{typeOf("bpchar(9)"), "  Bob\t ", "  Bob\t"},
		{typeOf("citext"), "BÖB ", "böb "},
		{folded, "E\u0301A", "éa"},
		{folded, "\xff\xfeA", "\xff\xfea"},
		{paddedAndFolded, "É  ", "é"},
		{typeOf("int4"), "007", "7"},
		{typeOf("int4"), "-0", "0"},
		{typeOf("int8"), "-42", "-42"},
		{typeOf("numeric"), "1.50", "1.5"},
		{typeOf("numeric"), "-0.000", "0"},
		{typeOf("numeric"), "100", "100"},
		{typeOf("numeric"), "0.00100", "0.001"},
		{typeOf("numeric"), "NaN", "NaN"},
		{typeOf("numeric"), "-Infinity", "-Infinity"},
		{typeOf("float8"), "-0", "0"},
		{typeOf("float8"), "1e+20", "100000000000000000000"},
		{typeOf("float8"), "1.25e-05", "0.0000125"},
		{typeOf("float8"), "12.5e+1", "125"},
		{typeOf("float8"), "1e9999", "1e9999"},
		{typeOf("numeric"), ".5", "0.5"},
		{typeOf("numeric"), ".", "."},
		{typeOf("numeric"), "", ""},
		{typeOf("money"), "$1,000.00", "$1,000.00"},
		{typeOf("date"), "2020-02-29", "2020-02-29"},
		{typeOf("timestamp"), "2020-02-29 00:00:00", "2020-02-29"},
		{typeOf("timestamptz"), "2020-02-29 00:00:00+00", "2020-02-29"},
		{typeOf("timestamptz"), "0044-03-15 00:00:00+00 BC", "0044-03-15 BC"},
		{typeOf("timestamptz"), "2020-02-29 10:00:00.5+00", "2020-02-29 10:00:00.5"},
		{typeOf("inet"), "10.0.0.1", "10.0.0.1"},
		{typeOf("cidr"), "10.0.0.1/32", "10.0.0.1"},
		{typeOf("cidr"), "10.0.0.0/8", "10.0.0.0/8"},
		{typeOf("cidr"), "::1/128", "::1"},
		{typeOf("uuid"), "8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2", "8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2"},
		{typeOf("bool"), "t", "t"},
	} {
		if got := canonical(c.typ, c.input); got != c.want {
			t.Errorf("%s %q is %q, want %q", c.typ.Base, c.input, got, c.want)
		}
	}
}

// The form of a number names exactly its value: two spellings meet if and only if the numbers are equal.
func TestCanonicalNumbersMeetIfAndOnlyIfEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?[0-9]{1,6}(\.[0-9]{1,6})?(e[+-]?[0-9]{1,2})?`)
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		formA, formB := canonical(typeOf("numeric"), a), canonical(typeOf("numeric"), b)
		if (x.Cmp(y) == 0) != (formA == formB) {
			t.Fatalf("%s is %s, %s is %s", a, formA, b, formB)
		}
		if again := canonical(typeOf("numeric"), formA); again != formA {
			t.Fatalf("%s is %s, which is %s", a, formA, again)
		}
		if z, ok := new(big.Rat).SetString(formA); !ok || z.Cmp(x) != 0 {
			t.Fatalf("%s became another number, %s", a, formA)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"", "-", "1e", "1.2.3", "0x10", " 00:00:00+00 BC", "::/128", "Ẽ\u0323", "\xff", "+5"} {
		f.Add(seed)
	}
	types := []catalog.Type{typeOf("text"), typeOf("bpchar"), typeOf("citext"), typeOf("numeric"), typeOf("timestamptz"), typeOf("cidr")}
	f.Fuzz(func(t *testing.T, input string) {
		for _, typ := range types {
			once := canonical(typ, input)
			if typ.Base == "numeric" || typ.Base == "text" || typ.Base == "bpchar" {
				if twice := canonical(typ, once); twice != once {
					t.Errorf("%s: %q, %q, %q", typ.Base, input, once, twice)
				}
			}
		}
	})
}
