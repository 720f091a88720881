package builtin_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

// mary is the row that the texts below belong to: name, e-mail, full name, telephone, a kept column and a
// column that is NULL.
func mary() masktest.Row {
	fields := func(texts ...string) [][]byte {
		out := make([][]byte, len(texts))
		for i, text := range texts {
			if text != "NULL" {
				out[i] = []byte(text)
			}
		}
		return out
	}
	return masktest.Row{
		Ins:  fields("Mary", "Smith-Jones", "mary.smith@shop.example", "José Ana Li", "(212) 736-5000", "Springfield", "NULL"),
		Outs: fields("Velda", "Quimby", "rue.low.0abc@example.com", "Tom Paul Ray", "(415) 555-0123", "Springfield", "NULL"),
	}
}

func textMask(t testing.TB, typ, unsure string) anonymize.Mask {
	t.Helper()
	known := []string{"first", "last", "email", "full", "phone", "town", "nothing"}
	a := args(typ, map[string]any{"known": known, "unsure": unsure})
	a.Siblings = map[string]int{}
	for i, name := range known {
		a.Siblings[name] = i
	}
	return made(t, "redact_text", a, 0)
}

func TestKnownValuesBecomeTheirMaskedSelvesAndTheUnsureIsRedacted(t *testing.T) {
	m := textMask(t, "text", "redact")
	for _, c := range []struct{ input, want string }{
		// Known values: whole, in part, in other spellings.
		{"Mary called again about the parcel.", "Velda called again about the parcel."},
		{"we told MARY, and mary's friend", "we told Velda, and Velda's friend"},
		{"write to Mary.Smith@Shop.Example today", "write to rue.low.0abc@example.com today"},
		{"<mary.smith@shop.example>, thanks", "<rue.low.0abc@example.com>, thanks"},
		{"it is Smith-Jones or smith jones", "it is Quimby or Quimby"},
		{"only jones knows", "only [redacted] knows"},
		{"Jose Ana Li was here", "Tom Paul Ray was here"},
		{"josé was here", "Tom was here"},
		{"Jose\u0301 was here", "Tom was here"},
		{"call (212) 736-5000 or 212.736.5000", "call (415) 555-0123 or (415) 555-0123"},
		// A known value that is kept has no masked self to become.
		{"moved to Springfield", "moved to [redacted]"},
		// Patterns.
		{"mail bob@corp.example or see https://corp.example/u/bob?x=1.", "mail [redacted] or see [redacted]."},
		{"see www.corp.example/bob, please", "see [redacted], please"},
		{"call +49 30 901820-15 now", "call [redacted] now"},
		{"card 4111 1111 1111 1111 expired", "card [redacted] expired"},
		{"born 29.02.1984 in the winter of 1984", "born [redacted] in the winter of [redacted]"},
		{"at 10:30 on the 3rd, 12 pieces, 5 x 40", "at 10:30 on the 3rd, 12 pieces, 5 x 40"},
		{"token sk_live_4eC39HqLyjWDarjtT1zdp7dc leaked", "token [redacted]_live_[redacted] leaked"},
		{"postgres://u:p@host/db", "[redacted]"},
		// Words that may be names.
		{"then Robert said no", "then [redacted] said no"},
		{"robert said no", "[redacted] said no"},
		{"Robert said no. Nobody answered.", "[redacted] said no. Nobody answered."},
		{"The customer met Dr. Pond there", "The customer met Dr. [redacted] there"},
		{"J. Pond was here", "[redacted]. [redacted] was here"},
		{"for Robert Kowalczyk Esquire only", "for [redacted] only"},
		{"ASKED ROBERT ABOUT THE PARCEL", "ASKED [redacted] ABOUT THE PARCEL"},
		{"the parcel is for kowalczyk", "the parcel is for [redacted]"},
		{"lives in straße 5", "lives in [redacted] 5"},
		{"don’t call, it's late", "don’t call, it's late"},
		{"I met her on Monday in May", "I met her on Monday in [redacted]"},
		{"Пётр was here", "[redacted] was here"},
		{"\n", "\n"},
		{"", "[redacted]"},
	} {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(c.input), Row: mary()})
		if err != nil {
			t.Errorf("%q: %v", c.input, err)
		} else if string(out) != c.want {
			t.Errorf("%q\n became %q\n    want %q", c.input, out, c.want)
		}
	}
}

func TestUnsureWordsStayOnlyWhereTheRulesSaySo(t *testing.T) {
	m := textMask(t, "text", "keep")
	for input, want := range map[string]string{
		"Frau Kowalczyk rief wegen Mary an":       "Frau Kowalczyk rief wegen Velda an",
		"Пётр schrieb an bob@corp.example":        "Пётр schrieb an [redacted]",
		"seit 2019, Tel. 030 901820":              "seit 2019, Tel. [redacted]",
		"Schlüssel 4eC39HqLyjWDarjtT1zdp7dc fort": "Schlüssel [redacted] fort",
		"Kunde 123456789":                         "Kunde [redacted]",
	} {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input), Row: mary()})
		if err != nil || string(out) != want {
			t.Errorf("%q became %q, want %q (%v)", input, out, want, err)
		}
	}
}

// Whatever stands around it and however it is written, a known value does not come through.
func TestNoKnownValueComesThroughWhateverStandsAroundIt(t *testing.T) {
	secrets := []string{"mary", "smith", "jones", "shop", "josé", "736", "springfield"}
	for _, unsure := range []string{"redact", "keep"} {
		m := textMask(t, "text", unsure)
		rapid.Check(t, func(rt *rapid.T) {
			var b strings.Builder
			for range rapid.IntRange(1, 8).Draw(rt, "parts") {
				switch rapid.IntRange(0, 3).Draw(rt, "kind") {
				case 0:
					b.WriteString(rapid.SampledFrom([]string{
						"Mary", "MARY", "smith-jones", "Smith Jones", "Jones", "mary.smith@shop.example", "José", "Springfield", "(212) 736-5000",
					}).Draw(rt, "known"))
				case 1:
					b.WriteString(rapid.SampledFrom([]string{"the", "parcel", "Robert", "12", "@", "é", "don't"}).Draw(rt, "word"))
				default:
					b.WriteString(rapid.SampledFrom([]string{" ", ", ", "\n", "(", ")", "/", "'s ", "\t", ". ", "-", "\"", "…"}).Draw(rt, "gap"))
				}
				b.WriteString(rapid.SampledFrom([]string{" ", "", "-", "/"}).Draw(rt, "separator"))
			}
			input := b.String()
			out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input), Row: mary()})
			if err != nil {
				rt.Fatal(err)
			}
			for _, word := range strings.FieldsFunc(strings.ToLower(string(out)), func(r rune) bool {
				return strings.ContainsRune(" ,\n()/\t.-\"…'", r)
			}) {
				for _, secret := range secrets {
					if word == secret {
						rt.Fatalf("%q became %q", input, out)
					}
				}
			}
		})
	}
}

func TestTextsNeverOutgrowTheirColumn(t *testing.T) {
	for _, typ := range []string{"varchar(1)", "varchar(5)", "varchar(12)", "varchar(40)"} {
		m := textMask(t, typ, "redact")
		for _, input := range []string{"x", "Mary", "Mary é", "Пётр said", "mary Li José"} {
			out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input), Row: mary()})
			if err != nil || !utf8.Valid(out) || utf8.RuneCount(out) > typeOf(typ).MaxLength {
				t.Errorf("%s: %q became %q (%v)", typ, input, out, err)
			}
		}
	}
}

func TestBytesThatAreNoTextAreRefused(t *testing.T) {
	m := textMask(t, "text", "redact")
	if out, err := m.Append([]byte{}, anonymize.Value{Text: []byte("Mary\xff"), Row: mary()}); err == nil {
		t.Errorf("bytes that are no UTF-8 became %q", out)
	}
	if _, err := m.Append([]byte{}, anonymize.Value{Text: []byte("Mary")}); err == nil {
		t.Error("a text was masked whose row nobody could read")
	}
}

func FuzzRedactText(f *testing.F) {
	for _, seed := range []string{"Mary said", "a@b", "((((", "@@@@", "12 34 56", "J. P.", "’s", "www.", "Mary@", "1a 2b", "\u0301"} {
		f.Add(seed)
	}
	m := textMask(f, "text", "redact")
	f.Fuzz(func(t *testing.T, input string) {
		out, err := m.Append([]byte{}, anonymize.Value{Text: []byte(input), Row: mary()})
		if (err == nil) != utf8.ValidString(input) {
			t.Fatalf("%q: %v", input, err)
		}
		if err == nil && !utf8.Valid(out) {
			t.Fatalf("%q became invalid", input)
		}
	})
}
