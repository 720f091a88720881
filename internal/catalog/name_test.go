package catalog_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
)

func TestNamesAreWrittenPlainlyWherePossible(t *testing.T) {
	for _, test := range []struct {
		name      catalog.Name
		text, sql string
	}{
		{catalog.Name{Schema: "public", Name: "customer"}, "public.customer", `"public"."customer"`},
		{catalog.Name{Schema: "Foo Bar", Name: "select"}, "Foo Bar.select", `"Foo Bar"."select"`},
		{catalog.Name{Schema: "a.b", Name: `c"d`}, `"a.b"."c""d"`, `"a.b"."c""d"`},
		{catalog.Name{Schema: "ä", Name: "日本"}, "ä.日本", `"ä"."日本"`},
	} {
		if got := test.name.String(); got != test.text {
			t.Errorf("text: got %s, want %s", got, test.text)
		}
		if got := test.name.SQL(); got != test.sql {
			t.Errorf("SQL: got %s, want %s", got, test.sql)
		}
	}
}

func TestNamesThatCannotBeReadAreRefused(t *testing.T) {
	for _, text := range []string{"", ".", "a.", ".a", "a..b", `"a`, `"a"b`, `"a"b.c`, `a."`, `"a""`} {
		if got, err := catalog.SplitName(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
	var name catalog.Name
	for _, text := range []string{"one", "one.two.three", "a..b"} {
		if err := name.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: read as the table %v, want an error", text, name)
		}
	}
}

func TestNamesSurviveJSONAsKeysAndValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringN(0, 20, 63)
		want := map[catalog.Name]catalog.Name{
			{Schema: part.Draw(t, "a"), Name: part.Draw(t, "b")}: {Schema: part.Draw(t, "c"), Name: part.Draw(t, "d")},
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got map[catalog.Name]catalog.Name
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for key, value := range want {
			if got[key] != value {
				t.Fatalf("%s: got %v", text, got)
			}
		}
	})
}

func TestNamesAreOrderedBySchemaThenName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[ab]{0,2}`)
		a := catalog.Name{Schema: part.Draw(t, "as"), Name: part.Draw(t, "an")}
		b := catalog.Name{Schema: part.Draw(t, "bs"), Name: part.Draw(t, "bn")}
		want := strings.Compare(a.Schema, b.Schema)
		if want == 0 {
			want = strings.Compare(a.Name, b.Name)
		}
		if got := a.Compare(b); got != want || b.Compare(a) != -want {
			t.Fatalf("%v and %v: got %d, want %d", a, b, got, want)
		}
		if a.IsZero() != (a.Schema == "" && a.Name == "") {
			t.Fatalf("%v: zero %v", a, a.IsZero())
		}
	})
}

// FuzzNamesRoundTrip: what String and Column write, SplitName reads back; and what SplitName accepts is
// written again as something that reads the same.
func FuzzNamesRoundTrip(f *testing.F) {
	for _, seed := range [][3]string{
		{"public", "customer", "email"}, {"Foo Bar", "select", ""}, {"a.b", `c"d`, `"`}, {`"`, `""`, "."}, {"\x00", "\xff", "日本"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, schema, table, column string) {
		name := catalog.Name{Schema: schema, Name: table}
		got, err := catalog.SplitName(name.Column(column))
		if err != nil || !slices.Equal(got, []string{schema, table, column}) {
			t.Errorf("%q: got %q (%v)", name.Column(column), got, err)
		}
		var again catalog.Name
		if err := again.UnmarshalText([]byte(name.String())); err != nil || again != name {
			t.Errorf("%q: got %v (%v)", name, again, err)
		}
		if parts, err := catalog.SplitName(schema); err == nil && len(parts) == 2 {
			accepted := catalog.Name{Schema: parts[0], Name: parts[1]}
			if err := again.UnmarshalText([]byte(accepted.String())); err != nil || again != accepted {
				t.Errorf("%q: accepted as %v, then %v (%v)", schema, accepted, again, err)
			}
		}
	})
}
