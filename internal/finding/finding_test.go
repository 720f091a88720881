package finding

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAFindingSaysPlaceObjectMessageAndThenTheRemedy(t *testing.T) {
	for _, c := range []struct {
		finding Finding
		want    string
	}{
		{Finding{Message: "no key"}, "no key"},
		{Finding{Message: "no key", Fix: "make one"}, "no key; make one"},
		{Finding{Object: "public.a", Message: "lost"}, "public.a: lost"},
		{Finding{Place: Place{File: "r.yaml"}, Message: "broken"}, "r.yaml: broken"},
		{Finding{Place: Place{"r.yaml", 3, 0}, Message: "broken"}, "r.yaml:3: broken"},
		{Finding{Place: Place{"r.yaml", 3, 7}, Object: "public.a.b", Message: "undecided", Fix: "decide"}, "r.yaml:3:7: public.a.b: undecided; decide"},
	} {
		if got := c.finding.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestFindingsComeBackFromJSON(t *testing.T) {
	list := List{{Code: "lost", Severity: Warning, Place: Place{"r.yaml", 3, 7}, Object: "public.a", Message: "lost", Fix: "look"}, {Code: "x", Message: "y"}}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var got List
	if err := json.Unmarshal(text, &got); err != nil || !slices.Equal(got, list) {
		t.Errorf("got %v, %v, want %v", got, err, list)
	}
	if text, err := json.Marshal(struct{ Findings List }{}); err != nil || string(text) != `{"Findings":[]}` {
		t.Errorf("an empty list is written as %s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`[{"severity": "dire"}]`), &got); err == nil {
		t.Error("a severity that does not exist was read")
	}
}

// TestSortIsAnOrder holds that the same findings always print the same way, errors first.
func TestSortIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) Finding {
			return Finding{
				Code: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "code"), Severity: Severity(rapid.IntRange(0, 2).Draw(t, "severity")),
				Place:  Place{rapid.SampledFrom([]string{"", "r.yaml"}).Draw(t, "file"), rapid.IntRange(0, 2).Draw(t, "line"), rapid.IntRange(0, 2).Draw(t, "column")},
				Object: rapid.SampledFrom([]string{"", "public.a"}).Draw(t, "object"), Message: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "message"),
			}
		})
		list := List(rapid.SliceOf(one).Draw(t, "findings"))
		shuffled := List(rapid.Permutation(list).Draw(t, "shuffled"))
		list.Sort()
		shuffled.Sort()
		if !slices.Equal(list, shuffled) {
			t.Fatalf("two orders of the same findings: %v and %v", list, shuffled)
		}
		if !slices.IsSortedFunc(list, func(a, b Finding) int { return int(a.Severity) - int(b.Severity) }) {
			t.Fatalf("an error stands after a lesser finding: %v", list)
		}
		if list.HasErrors() != (list.Count(Error) > 0) || list.Count(Error)+list.Count(Warning)+list.Count(Note) != len(list) {
			t.Fatal("the counts do not add up")
		}
	})
}
