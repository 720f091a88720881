package leak

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func fields(texts ...string) [][]byte {
	row := make([][]byte, len(texts))
	for i, text := range texts {
		if text != "NULL" {
			row[i] = []byte(text)
		}
	}
	return row
}

func TestLookFindsOriginalsWhereverTheyStand(t *testing.T) {
	o := New()
	o.Add("e-mail", []byte("Ann.Lee@acme.example"))
	o.Add("street", []byte("12 High Street"))
	o.Add("code", []byte("X1"))
	o.AddPair("name", []byte("Ann"), []byte("Lee"))
	for _, c := range []struct {
		name string
		row  [][]byte
		want []Hit
	}{
		{"a whole field, in other case", fields("1", "ann.lee@ACME.example"), []Hit{{"e-mail", 1}}},
		{"inside a text", fields("write to ann.lee@acme.example, please"), []Hit{{"e-mail", 0}}},
		{"inside JSON", fields(`{"a": ["12 High Street"]}`), []Hit{{"street", 0}}},
		{"part of a longer word", fields("112 High Streets", "112 high street"), nil},
		{"a short one as a whole field only", fields("x1", "ax1 x1"), []Hit{{"code", 0}}},
		{"a pair in two fields", fields("7", "lee", "NULL", "ann"), []Hit{{"name", 1}}},
		{"a pair in one text", fields("Lee, Ann and ann lee"), []Hit{{"name", 0}, {"name", 0}}},
		{"halves of a pair", fields("ann", "smith"), nil},
		{"nothing", fields("NULL", ""), nil},
	} {
		got := o.Look(c.row)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
	}
	if o.Len() != 4 {
		t.Errorf("got %d originals, want 4", o.Len())
	}
}

// TestLookFindsWhateverWasAdded holds that no original hides: surrounded by anything that is no word, it
// is found.
func TestLookFindsWhateverWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := New()
		text := rapid.StringMatching(`[a-zA-Z0-9@. ]{6,40}`).Filter(func(s string) bool { return len(strings.TrimSpace(s)) >= 6 }).Draw(t, "original")
		for range rapid.IntRange(0, 20).Draw(t, "others") {
			o.Add("other", []byte(rapid.StringMatching(`[a-z]{6,12}`).Draw(t, "other")))
		}
		o.Add("kind", []byte(text))
		before := rapid.StringMatching(`([a-z]* )?`).Draw(t, "before")
		after := rapid.StringMatching(`([,;] [a-z]*)?`).Draw(t, "after")
		if len(o.Look([][]byte{[]byte(before + strings.ToUpper(text) + after)})) == 0 {
			t.Fatal("an original was not found")
		}
	})
}

func TestAddCountsEachOriginalOnce(t *testing.T) {
	o := New()
	for range 3 {
		o.Add("e-mail", []byte("a@b.example"))
		o.Add("e-mail", []byte("A@B.example "))
		o.Add("short", []byte("ab"))
		o.Add("none", []byte("  "))
		o.AddPair("name", []byte("Ann"), []byte("Lee"))
	}
	kinds := o.Kinds()
	if o.Len() != 3 || len(kinds) != 3 {
		t.Errorf("got %d originals in %v, want 3 of three kinds", o.Len(), kinds)
	}
}
