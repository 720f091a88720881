package rules

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustGlob(t testing.TB, s string) glob {
	t.Helper()
	g, err := parseGlob(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGlobsCoverWholeNames(t *testing.T) {
	for _, test := range []struct {
		pattern, schema, table, column string
		want                           bool
	}{
		{"*.*.email", "public", "customer", "email", true},
		{"*.*.email", "public", "customer", "email2", false},
		{"*.*.email", "public", "customer", "work_email", false},
		{"tenant_*.users.*", "tenant_12", "users", "x", true},
		{"tenant_*.users.*", "tenant_", "users", "x", true},
		{"tenant_*.users.*", "tenant_12", "users2", "x", false},
		{"tenant_??.*.*", "tenant_12", "t", "x", true},
		{"tenant_??.*.*", "tenant_1", "t", "x", false},
		{"a.b.*c*d", "a", "b", "cccd", true},
		{"a.b.*c*d", "a", "b", "dddc", false},
		{"a.b.na?ve", "a", "b", "naïve", true},
		{`"a.b".*.x`, "a.b", "t", "x", true},
		{`"*".t.x`, "*", "t", "x", true},
		{`"*".t.x`, "s", "t", "x", false},
		{`a.b."c""d"`, "a", "b", `c"d`, true},
		{"A.b.c", "a", "b", "c", false},
		{"a.b.*", "a", "b", "", true},
	} {
		if got := mustGlob(t, test.pattern).matches(test.schema, test.table, test.column); got != test.want {
			t.Errorf("%s covers %s.%s.%s: got %v, want %v", test.pattern, test.schema, test.table, test.column, got, test.want)
		}
	}
}

func TestBadGlobsAreRefused(t *testing.T) {
	for _, pattern := range []string{"", ".", "a", "a.b", "a.b.c.d", "a..c", `"a`, `"a"b.c.d`, `a."".c`, `a.b"c.d`, "a.b."} {
		if _, err := parseGlob(pattern); err == nil {
			t.Errorf("%q is taken", pattern)
		}
	}
}

func TestNarrowerIsAsWritten(t *testing.T) {
	for _, test := range []struct{ narrow, wide string }{
		{"public.customer.email", "public.*.email"},
		{"*.users.email", "*.*.email"},
		{"public.*.email", "*.*.email"},
		{"*.*.email", "*.*.*mail"},
		{"*.*.*mail", "*.*.*l"},
		{"*.*.nam?", "*.*.nam*"},
		{"*.*.??ab", "*.*.?*ab"},
		{"*.*.?a*", "*.*.*a*"},
		{"public.*.e", "tenant_with_a_long_name_*.*.e*"},
	} {
		narrow, wide := mustGlob(t, test.narrow), mustGlob(t, test.wide)
		if narrow.narrower(wide) >= 0 || wide.narrower(narrow) <= 0 {
			t.Errorf("%s is not narrower than %s", test.narrow, test.wide)
		}
	}
	for _, tie := range [][2]string{{"a*.*.x", "*.a*.x"}, {"*.*.a*b", "*.*.b*a"}, {"*.*.a*", "*.*.*a"}} {
		if mustGlob(t, tie[0]).narrower(mustGlob(t, tie[1])) != 0 {
			t.Errorf("%s and %s do not tie", tie[0], tie[1])
		}
	}
}

// globText draws patterns over few letters, so that they meet.
func globText() *rapid.Generator[string] {
	part := rapid.StringMatching(`[ab*?]{1,5}`)
	return rapid.Custom(func(t *rapid.T) string {
		return part.Draw(t, "schema") + "." + part.Draw(t, "table") + "." + part.Draw(t, "column")
	})
}

func nameText() *rapid.Generator[string] { return rapid.StringMatching(`[abc]{0,6}`) }

// TestGlobAgreesWithPathMatch compares with the standard library, whose * and ? mean the same.
func TestGlobAgreesWithPathMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?ï]{1,8}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[abcï]{0,10}`).Draw(t, "name")
		want, err := path.Match(pattern, name)
		if err != nil {
			t.Fatal(err)
		}
		if got := newGlobPart(pattern, true).matches(name); got != want {
			t.Fatalf("%q covers %q: got %v, want %v", pattern, name, got, want)
		}
	})
}

// TestPrecedenceIsAnOrder holds that "narrower" never contradicts itself: it is antisymmetric and
// transitive, a pattern ties with itself, and whatever is covered by another is not the wider one.
func TestPrecedenceIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g [3]glob
		for i := range g {
			made, err := parseGlob(globText().Draw(t, fmt.Sprint("pattern", i)))
			if err != nil {
				t.Fatal(err)
			}
			g[i] = made
		}
		ab, ba, bc, ac := g[0].narrower(g[1]), g[1].narrower(g[0]), g[1].narrower(g[2]), g[0].narrower(g[2])
		if ab != -ba {
			t.Fatalf("%s against %s: %d one way, %d the other", g[0].text, g[1].text, ab, ba)
		}
		if g[0].narrower(g[0]) != 0 {
			t.Fatalf("%s does not tie with itself", g[0].text)
		}
		if ab < 0 && bc < 0 && ac >= 0 {
			t.Fatalf("%s < %s < %s, but not the first and the last", g[0].text, g[1].text, g[2].text)
		}
		if g[1].contains(g[0]) && !g[0].contains(g[1]) && ab >= 0 {
			t.Fatalf("%s is covered by %s and not narrower", g[0].text, g[1].text)
		}
		if g[0].same(g[1]) != (g[0].key() == g[1].key()) {
			t.Fatalf("%s and %s: equal keys must mean equal patterns", g[0].text, g[1].text)
		}
	})
}

// TestContainingPatternsCoverMore checks containment against names.
func TestContainingPatternsCoverMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[ab*?]{1,5}`)
		a, b := newGlobPart(part.Draw(t, "a"), true), newGlobPart(part.Draw(t, "b"), true)
		name := nameText().Draw(t, "name")
		if a.contains(b) && b.matches(name) && !a.matches(name) {
			t.Fatalf("%q contains %q but does not cover %q", string(a.text), string(b.text), name)
		}
	})
}

func TestNearestFindsWhatWasMeant(t *testing.T) {
	names := []string{"email", "first_name", "last_name", "phone", "null", "redact", "redact_text"}
	for word, want := range map[string]string{
		"emial": "email", "e-mail": "email", "frist_name": "first_name", "lastname": "last_name", "Phone": "phone",
		"nul": "null", "redcat": "redact", "zzzzzz": "", "": "", "redact_txt": "redact_text", strings.Repeat("x", 500): "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest to %q: got %q, want %q", word, got, want)
		}
	}
}
