package builtin_test

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/anonymize/masktest"
	"github.com/lethedb/lethe/internal/catalog"
)

// masks is one list for all tests: the words are read once.
var masks = sync.OnceValue(builtin.Masks)

func lookup(t testing.TB, name string) anonymize.Definition {
	t.Helper()
	for _, d := range masks() {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("there is no mask %s", name)
	return anonymize.Definition{}
}

// holds tries the laws on the cases; of a mask's cases -short tries the first, which is what the race
// detector needs to see.
func holds(t *testing.T, d anonymize.Definition, cases ...masktest.Case) {
	t.Helper()
	if testing.Short() {
		cases = cases[:1]
	}
	masktest.Run(t, d, cases...)
}

// args are those of a column of the given type, such as text, varchar(20), int8 or citext.
func args(typ string, params map[string]any) anonymize.Args {
	return anonymize.Args{Column: "subject", Type: typeOf(typ), Params: params}
}

func typeOf(name string) catalog.Type {
	t := catalog.Type{Name: name, Base: name, CaseFolded: strings.HasPrefix(name, "citext")}
	if base, rest, found := strings.Cut(name, "("); found {
		t.Base = base
		if _, err := fmt.Sscanf(rest, "%d)", &t.MaxLength); err != nil {
			panic(err)
		}
	}
	return t
}

func people() []string {
	return []string{
		"Mary", "MARY", "mary", "Smith", "Mary Smith", "Smith, Mary", "O'Brien", "José", "n/a", "", " ", "-", "x", "李小龍", "Mary-Ann van der Berg",
		"mary.smith@shop.example", "MARY.SMITH@sakilacustomer.org", "msmith77", "+1 (212) 736-5000", "12 Oak Street", "Springfield",
	}
}

func matches(pattern string) func(string) bool {
	return regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString
}

func TestEveryContractIsWholeAndEveryNameIsTakenOnce(t *testing.T) {
	if _, err := anonymize.NewRegistry(builtin.Masks()); err != nil {
		t.Fatal(err)
	}
}

func TestWordMasksKeepTheLaws(t *testing.T) {
	for name, valid := range map[string]string{
		"first_name": `[A-Z][a-z]+`,
		"last_name":  `[A-Z][a-z]+([A-Z][a-z]+)?`,
		"full_name":  `[A-Z][a-z]+ [A-Z][A-Za-z]+`,
		"city":       `[A-Z][A-Za-z]+( [A-Z][a-z]+)*`,
		"street":     `[1-9][0-9]{0,3} [A-Z][a-z]+ [A-Z][a-z]+`,
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, lookup(t, name),
				masktest.Case{Name: "text", Args: args("text", nil), Inputs: people(), FixedShape: true, Valid: matches(valid)},
				masktest.Case{Name: "narrow", Args: args("varchar(19)", nil), Inputs: people(), FixedShape: true, Valid: matches(valid)},
				masktest.Case{Name: "name", Args: args("name", nil), Inputs: people(), FixedShape: true, Valid: matches(valid)},
				masktest.Case{Name: "citext", Args: args("citext", nil), Inputs: []string{"Mary", "Smith", "n/a", ""}, FixedShape: true, Valid: matches(valid)},
				masktest.Case{Name: "bpchar", Args: args("bpchar(30)", nil), Inputs: []string{"Mary   ", "Smith   ", "   "}, FixedShape: true, Valid: matches(valid)},
				masktest.Case{Name: "too narrow", Args: args("varchar(2)", nil), Refused: true},
			)
		})
	}
}

func TestCaseIsWrittenAsAsked(t *testing.T) {
	for _, c := range []struct {
		style, input, valid string
	}{
		{"title", "MARY", `[A-Z][a-z]+ [A-Z][A-Za-z]+`},
		{"upper", "Mary", `[A-Z]+ [A-Z]+`},
		{"lower", "Mary", `[a-z]+ [a-z]+`},
		{"like", "MARY SMITH", `[A-Z]+ [A-Z]+`},
		{"like", "mary smith", `[a-z]+ [a-z]+`},
		{"like", "Mary Smith", `[A-Z][a-z]+ [A-Z][A-Za-z]+`},
		{"like", "42", `[A-Z][a-z]+ [A-Z][A-Za-z]+`},
	} {
		got := mask(t, "full_name", args("text", map[string]any{"case": c.style}), c.input)
		if !matches(c.valid)(got) {
			t.Errorf("%s of %s is %s", c.style, c.input, got)
		}
	}
}

func TestAccountMasksKeepTheLaws(t *testing.T) {
	deliverable := func(s string) bool {
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s && s == strings.ToLower(s) && strings.HasSuffix(s, "@example.com")
	}
	holds(t, lookup(t, "email"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: people(), FixedShape: true, Valid: deliverable},
		masktest.Case{Name: "varchar", Args: args("varchar(50)", nil), Inputs: people(), FixedShape: true, Valid: deliverable},
		masktest.Case{Name: "narrow", Args: args("varchar(24)", nil), Inputs: people(), FixedShape: true, Valid: deliverable},
		masktest.Case{Name: "citext", Args: args("citext", nil), Inputs: []string{"mary@a.b", "smith@a.b", "n/a", ""}, FixedShape: true, Valid: deliverable},
		masktest.Case{
			Name: "own domain", Args: args("text", map[string]any{"host": "mail.flowmart.test"}), Inputs: people(), FixedShape: true,
			Valid: func(s string) bool { return strings.HasSuffix(s, "@mail.flowmart.test") },
		},
		masktest.Case{Name: "too narrow", Args: args("varchar(15)", nil), Refused: true},
		masktest.Case{Name: "a domain of somebody", Args: args("text", map[string]any{"host": "flowmart.com"}), Refused: true},
		masktest.Case{Name: "localhost", Args: args("text", map[string]any{"host": "localhost"}), Refused: true},
		masktest.Case{Name: "a domain that only ends so", Args: args("text", map[string]any{"host": "notexample.com"}), Refused: true},
		masktest.Case{Name: "no domain", Args: args("text", map[string]any{"host": ""}), Refused: true},
		masktest.Case{Name: "capitals", Args: args("text", map[string]any{"host": "Example.com"}), Refused: true},
	)
	name := matches(`[a-z][a-z0-9_]{3,31}`)
	holds(t, lookup(t, "username"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: people(), FixedShape: true, Valid: name},
		masktest.Case{Name: "varchar", Args: args("varchar(16)", nil), Inputs: people(), FixedShape: true, Valid: name},
		masktest.Case{Name: "in between", Args: args("varchar(25)", nil), Inputs: people(), FixedShape: true, Valid: name},
		masktest.Case{Name: "too narrow", Args: args("varchar(3)", nil), Refused: true},
	)
}

func TestPhonesKeepTheLaws(t *testing.T) {
	us := matches(`\+1[2-9]\d{2}55501\d\d|\+1([ .-])[2-9]\d\d[ .-]555[ .-]01\d\d|\([2-9]\d\d\) 555-01\d\d|[2-9]\d\d[ .-]?555[ .-]?01\d\d`)
	holds(t, lookup(t, "phone"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: people(), FixedShape: true, Valid: us},
		masktest.Case{Name: "narrow", Args: args("varchar(10)", nil), Inputs: people(), FixedShape: true, Valid: us},
		masktest.Case{
			Name: "gb", Args: args("text", map[string]any{"region": "gb"}), Inputs: people(), FixedShape: true,
			Valid: matches(`\+447700900\d{3}|\+44.7700.900\d{3}|\(07700\) 900\d{3}|07700[ .-]?900\d{3}`),
		},
		masktest.Case{
			Name: "bigint", Args: args("int8", nil), Inputs: []string{"2127365000", "-1", "0", "9223372036854775807"},
			FixedShape: true, Valid: matches(`[2-9]\d\d55501\d\d`),
		},
		masktest.Case{Name: "integer", Args: args("int4", nil), Refused: true},
		masktest.Case{Name: "too narrow", Args: args("varchar(9)", nil), Refused: true},
	)
}

func TestPostcodesKeepTheLaws(t *testing.T) {
	inputs := []string{"SW1A 1AA", "10001", "10001-1234", "1012 AB", "K1A0B1", "00-950", "n/a", "", "-", " ", "7", "x", "١٢٣", "Ö1", strings.Repeat("7", 40)}
	holds(t, lookup(t, "postcode"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: inputs, FixedShape: true, Valid: matches(`[A-Za-z0-9 -]+`)},
		masktest.Case{Name: "bpchar", Args: args("bpchar(10)", nil), Inputs: []string{"SW1A 1AA  ", "10001     ", "          "}, FixedShape: true},
		masktest.Case{Name: "narrow", Args: args("varchar(2)", nil), Inputs: []string{"", "-", "12"}, FixedShape: true},
	)
}

func TestDigestsKeepTheLaws(t *testing.T) {
	hex, base32 := matches(`[0-9a-f]{4,32}`), matches(`[0-9a-hjkmnp-tv-z]{4,25}`)
	holds(t, lookup(t, "hmac"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: people(), FixedShape: true, Valid: hex},
		masktest.Case{Name: "base32", Args: args("text", map[string]any{"encoding": "base32"}), Inputs: people(), FixedShape: true, Valid: base32},
		masktest.Case{Name: "length", Args: args("varchar(20)", map[string]any{"length": int64(12)}), Inputs: people(), FixedShape: true, Valid: matches(`[0-9a-f]{12}`)},
		masktest.Case{Name: "narrow", Args: args("varchar(9)", nil), Inputs: people(), FixedShape: true, Valid: hex},
		masktest.Case{
			Name: "uuid", Args: args("uuid", nil), FixedShape: true,
			Inputs: []string{"8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2", "00000000-0000-0000-0000-000000000000"},
			Valid:  matches(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`),
		},
		masktest.Case{Name: "bytea", Args: args("bytea", nil), Inputs: []string{`\x00`, `\x`, `\xdeadbeef`}, FixedShape: true, Valid: matches(`\\x[0-9a-f]{32}`)},
		masktest.Case{Name: "short bytea", Args: args("bytea", map[string]any{"length": int64(5)}), Inputs: []string{`\x00`, `\x`}, FixedShape: true, Valid: matches(`\\x[0-9a-f]{10}`)},
		masktest.Case{Name: "more than there is", Args: args("text", map[string]any{"length": int64(33)}), Refused: true},
		masktest.Case{Name: "longer than the column", Args: args("varchar(8)", map[string]any{"length": int64(9)}), Refused: true},
		masktest.Case{Name: "no length", Args: args("text", map[string]any{"length": int64(0)}), Refused: true},
		masktest.Case{Name: "less than nothing", Args: args("text", map[string]any{"length": int64(-5)}), Refused: true},
		masktest.Case{Name: "too narrow", Args: args("varchar(3)", nil), Refused: true},
		masktest.Case{Name: "uuid with a length", Args: args("uuid", map[string]any{"length": int64(8)}), Refused: true},
	)
	holds(t, lookup(t, "token"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: people(), FixedShape: true, Valid: base32},
		masktest.Case{
			Name: "prefix", Args: args("varchar(20)", map[string]any{"prefix": "cus_"}), Inputs: people(), FixedShape: true,
			Valid: matches(`cus_[0-9a-z]{4,25}`),
		},
		masktest.Case{Name: "prefix fills the column", Args: args("varchar(4)", map[string]any{"prefix": "cus_"}), Refused: true},
		masktest.Case{Name: "blank in the prefix", Args: args("text", map[string]any{"prefix": "cus "}), Refused: true},
		masktest.Case{Name: "longer than the column", Args: args("varchar(8)", map[string]any{"prefix": "cus_", "length": int64(5)}), Refused: true},
		masktest.Case{Name: "more than there is", Args: args("text", map[string]any{"length": int64(26)}), Refused: true},
	)
}

func TestPermutationsKeepTheLaws(t *testing.T) {
	holds(t, lookup(t, "permute_int"),
		masktest.Case{Name: "integer", Args: args("int4", nil), Inputs: []string{"1", "2", "3", "4711", "1073741823"}, FixedShape: true, Valid: matches(`[1-9]\d{0,9}`)},
		masktest.Case{Name: "bigint", Args: args("int8", nil), Inputs: []string{"1", "2", "4503599627370495"}, FixedShape: true, Valid: matches(`[1-9]\d{0,15}`)},
		masktest.Case{Name: "smallint", Args: args("int2", nil), Inputs: []string{"1", "2", "16383"}, FixedShape: true, Valid: matches(`[1-9]\d{0,4}`)},
		masktest.Case{
			Name: "own range", Args: args("int4", map[string]any{"min": int64(-500), "max": int64(499)}), Inputs: []string{"-500", "0", "499"},
			FixedShape: true, MayEqual: true, Valid: matches(`0|-?[1-9]\d{0,2}`),
		},
		masktest.Case{
			Name: "all of bigint but its least", Args: args("int8", map[string]any{"min": int64(-9223372036854775807), "max": int64(9223372036854775807)}),
			Inputs: []string{"-9223372036854775807", "0", "9223372036854775807"}, FixedShape: true,
		},
		masktest.Case{Name: "more than the type", Args: args("int2", map[string]any{"max": int64(40000)}), Refused: true},
		masktest.Case{Name: "upside down", Args: args("int4", map[string]any{"min": int64(10), "max": int64(1)}), Refused: true},
		masktest.Case{Name: "one number", Args: args("int4", map[string]any{"min": int64(7), "max": int64(7)}), Refused: true},
		masktest.Case{Name: "99 numbers", Args: args("int4", map[string]any{"min": int64(1), "max": int64(99)}), Refused: true},
	)
}

func TestDestroyersKeepTheLaws(t *testing.T) {
	holds(t, lookup(t, "null"), masktest.Case{Args: args("text", nil), Inputs: people()},
		masktest.Case{Name: "not null", Args: anonymize.Args{Type: typeOf("text"), NotNull: true}, Refused: true})
	holds(t, lookup(t, "empty"), masktest.Case{Args: args("text", nil), Inputs: people(), FixedShape: true, Valid: matches(``)},
		masktest.Case{Name: "checked domain", Refused: true, Args: anonymize.Args{
			Type: catalog.Type{Name: "public.year", Base: "int4", Domain: "public.year", DomainChecks: []string{"CHECK (VALUE >= 1901)"}},
		}},
		masktest.Case{Name: "composite", Args: args("address", nil), Refused: true})
	holds(t, lookup(t, "redact"),
		masktest.Case{Name: "text", Args: args("text", nil), Inputs: people(), FixedShape: true, AnyKey: true, Valid: matches(`\*{1,4}`)},
		masktest.Case{
			Name: "length", Args: args("text", map[string]any{"keep_length": true, "char": "#"}), Inputs: people(), FixedShape: true, AnyKey: true, Valid: matches(`#+`),
		},
		masktest.Case{Name: "narrow", Args: args("varchar(2)", nil), Inputs: []string{"ab", ""}, FixedShape: true, AnyKey: true, Valid: matches(`\*{1,4}`)},
		masktest.Case{Name: "a blank covers nothing", Args: args("text", map[string]any{"char": " "}), Refused: true},
		masktest.Case{Name: "nothing covers nothing", Args: args("text", map[string]any{"char": ""}), Refused: true},
		masktest.Case{Name: "two characters", Args: args("text", map[string]any{"char": "ab"}), Refused: true},
		masktest.Case{Name: "beyond ASCII", Args: args("text", map[string]any{"char": "•"}), Refused: true},
	)
}

func TestRedactKeepsLengthInCharacters(t *testing.T) {
	for input, want := range map[string]string{"李小龍": "***", "José": "****", "": "*", "ab   ": "**"} {
		got := mask(t, "redact", args("bpchar(9)", map[string]any{"keep_length": true}), input)
		if got != want {
			t.Errorf("%q became %q, want %q", input, got, want)
		}
	}
}

func TestConstantsAreCheckedBeforeTheRun(t *testing.T) {
	good := map[string]string{
		"text": "x", "varchar(3)": "äöü", "int2": "-5", "int8": "9223372036854775807", "numeric": "-1.50", "float8": "NaN", "bool": "t",
		"date": "2020-02-29", "timestamptz": "2020-02-29 10:00:00+00", "timestamp": "infinity", "json": `{"a": 1}`, "bytea": `\x00ff`,
		"uuid": "8c9f63d1-37a4-4a7c-b6cf-6e53a7f3c1d2", "inet": "10.0.0.1", "cidr": "10.0.0.0/8", "text[]": "{a,b}", "tsvector": "",
	}
	bad := map[string]string{
		"varchar(3)": "four", "int2": "40000", "int4": "1.5", "numeric": "1e", "bool": "perhaps", "date": "29.2.2020", "timestamptz": "now-ish",
		"json": `{"a": }`, "bytea": "00ff", "uuid": "8c9f", "inet": "localhost", "cidr": "10.0.0.1/8", "text[]": "a,b", "name": strings.Repeat("x", 64),
	}
	d := lookup(t, "constant")
	for typ, value := range good {
		holds(t, d, masktest.Case{Name: typ, Args: args(typ, map[string]any{"value": value}), Inputs: []string{"a", "b"}, Valid: matches(regexp.QuoteMeta(value))})
	}
	for typ, value := range bad {
		holds(t, d, masktest.Case{Name: "bad " + typ, Args: args(typ, map[string]any{"value": value}), Refused: true})
	}
	mood := catalog.Type{Name: "mood", Base: "mood", Enum: []string{"sad", "happy"}}
	holds(t, d,
		masktest.Case{Name: "label", Args: anonymize.Args{Type: mood, Params: map[string]any{"value": "happy"}}, Inputs: []string{"sad", "happy"}},
		masktest.Case{Name: "no label", Args: anonymize.Args{Type: mood, Params: map[string]any{"value": "angry"}}, Refused: true},
	)
}

func TestDateShiftsKeepTheLaws(t *testing.T) {
	inputs := []string{"1984-02-29", "2020-01-01", "0001-01-01", "0044-03-15 BC", "9999-12-31", "5874897-12-31", "4714-11-25 BC"}
	whole := matches(`\d{4,7}-\d\d-\d\d( BC)?`)
	days := map[string]any{"days": int64(30)}
	holds(t, lookup(t, "date_shift"),
		masktest.Case{Name: "date", Args: args("date", days), Inputs: inputs, FixedShape: true, Valid: func(s string) bool { return whole(s) || strings.HasSuffix(s, "infinity") }},
		masktest.Case{
			Name: "timestamptz", Args: args("timestamptz", days), FixedShape: true,
			Inputs: []string{"1984-02-29 23:59:59.999999+00", "0044-03-15 12:00:00+00 BC", "294276-12-31 23:59:59+00", "4714-11-25 00:00:00+00 BC"},
		},
		masktest.Case{Name: "no days", Args: args("date", map[string]any{"days": int64(0)}), Refused: true},
		masktest.Case{Name: "negative days", Args: args("date", map[string]any{"days": int64(-1)}), Refused: true},
		masktest.Case{Name: "more than a century", Args: args("date", map[string]any{"days": int64(40000)}), Refused: true},
		masktest.Case{Name: "its own entity", Args: args("date", map[string]any{"days": int64(3), "entity": "subject"}), Refused: true},
	)
	entity := args("date", map[string]any{"days": int64(30), "entity": "customer_id"})
	entity.Siblings = map[string]int{"customer_id": 0}
	entity.SiblingTypes = map[string]catalog.Type{"customer_id": typeOf("int8")}
	holds(t, lookup(t, "date_shift"),
		masktest.Case{Name: "entity", Args: entity, Inputs: inputs, Row: masktest.Row{Ins: [][]byte{[]byte("77")}, Outs: [][]byte{[]byte("78")}}},
		masktest.Case{Name: "no entity in the row", Args: entity, Inputs: inputs, Row: masktest.Row{Ins: [][]byte{nil}, Outs: [][]byte{nil}}},
	)
}

func TestFreeTextKeepsTheLaws(t *testing.T) {
	known := args("text", map[string]any{"known": []string{"first_name", "last_name"}})
	known.Siblings = map[string]int{"first_name": 0, "last_name": 1}
	keep := known
	keep.Params = map[string]any{"known": []string{"first_name", "last_name"}, "unsure": "keep"}
	row := masktest.Row{Ins: [][]byte{[]byte("Mary"), []byte("Smith")}, Outs: [][]byte{[]byte("Velda"), []byte("Quimby")}}
	holds(t, lookup(t, "redact_text"),
		masktest.Case{Name: "nothing known", Args: args("text", nil), Inputs: people(), AnyKey: true, Valid: matches(`\[(r(e(d(a(c(t(e(d\]?)?)?)?)?)?)?)?)?`)},
		masktest.Case{Name: "known", Args: known, Inputs: people(), Row: row, AnyKey: true, MayEqual: true},
		masktest.Case{Name: "unsure kept", Args: keep, Inputs: people(), Row: row, AnyKey: true, MayEqual: true},
		masktest.Case{Name: "keep without known", Args: args("text", map[string]any{"unsure": "keep"}), Refused: true},
		masktest.Case{Name: "knows itself", Args: args("text", map[string]any{"known": []string{"subject"}}), Refused: true},
	)
}

func TestJSONKeepsTheLaws(t *testing.T) {
	email, err := lookup(t, "email").New(anonymize.Args{
		Type: typeOf("text"), Params: map[string]any{"host": "example.com"}, Key: masktest.TestKey(lookup(t, "email"), anonymize.Args{}, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	paths := []anonymize.PathMask{{Path: "$.email", Mask: email}, {Path: "$.total", Keep: true}, {Path: "$.tags[*]", Mask: email}}
	inputs := []string{
		`{"email": "mary@shop.example", "total": 12.50}`, `{"tags": ["a", "b", null], "email":"x"}`, `{"email": 5}`, `{"email": true, "email": "twice"}`,
	}
	valid := func(s string) bool { return json.Valid([]byte(s)) }
	redact := map[string]any{"paths": paths, "unknown": "redact"}
	holds(t, lookup(t, "json"),
		masktest.Case{Name: "refuse", Args: args("jsonb", map[string]any{"paths": paths}), Inputs: inputs, AnyKey: true, Valid: valid},
		masktest.Case{Name: "redact", Args: args("json", redact), Inputs: inputs, AnyKey: true, MayEqual: true, Valid: valid},
		masktest.Case{Name: "no paths", Args: args("json", map[string]any{"paths": []anonymize.PathMask{}}), Refused: true},
		masktest.Case{Name: "everything kept", Args: args("json", map[string]any{"paths": []anonymize.PathMask{{Path: "$.a", Keep: true}}}), Refused: true},
	)
}

// mask makes a mask with a key of the suite and masks one value.
func mask(t testing.TB, name string, a anonymize.Args, input string) string {
	t.Helper()
	out, err := made(t, name, a, 0).Append([]byte{}, anonymize.Value{Text: []byte(input)})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

// made makes a mask as the rules do: defaults filled in, Check asked first.
func made(t testing.TB, name string, a anonymize.Args, key byte) anonymize.Mask {
	t.Helper()
	d := lookup(t, name)
	a = withDefaults(d, a)
	a.Key = masktest.TestKey(d, a, key)
	if d.Check != nil {
		if err := d.Check(a); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	m, err := d.New(a)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

func withDefaults(d anonymize.Definition, a anonymize.Args) anonymize.Args {
	params := map[string]any{}
	for _, p := range d.Params {
		if p.Default != nil {
			params[p.Name] = p.Default
		}
	}
	for name, value := range a.Params {
		params[name] = value
	}
	a.Params = params
	return a
}
