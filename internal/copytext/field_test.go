package copytext_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/copytext"
)

func TestUnescapeTakesEveryEscapeOfTheServer(t *testing.T) {
	for raw, want := range map[string]string{
		"":                "",
		"plain":           "plain",
		`\b\f\n\r\t\v\\`:  "\b\f\n\r\t\v\\",
		`a\tb`:            "a\tb",
		`\\N`:             `\N`,
		`\\.`:             `\.`,
		`x\N`:             "xN",
		`\Nx`:             "Nx",
		`\q\"\'\é`:        `q"'é`,
		`\101\60\7`:       "A0\a",
		`\1012`:           "A2",
		`\501`:            "A", // nine bits: the ninth is dropped
		`\18`:             "\x018",
		`\8`:              "8",
		`\x41\x4a\x4A\xA`: "AJJ\n",
		`\x414`:           "A4",
		`\xg`:             "xg",
		`\x`:              "x",
		"\\\t\\\n\\\r":    "\t\n\r",
		`C:\\New folder`:  `C:\New folder`,
	} {
		got, null, err := copytext.Unescape([]byte("before"), []byte(raw))
		if err != nil || null || string(got) != "before"+want {
			t.Errorf("%q: got %q, null %v, error %v", raw, got, null, err)
		}
	}
}

func TestOnlyABareNIsNull(t *testing.T) {
	for raw, want := range map[string]bool{`\N`: true, `\\N`: false, "N": false, "": false, `\n`: false, "null": false} {
		got, null, err := copytext.Unescape([]byte("before"), []byte(raw))
		if err != nil || null != want || copytext.IsNull([]byte(raw)) != want {
			t.Errorf("%q: null is %v, want %v (%v)", raw, null, want, err)
		}
		if null && string(got) != "before" {
			t.Errorf("NULL left %q in dst", got)
		}
	}
	if got := copytext.AppendNull([]byte("a\t")); string(got) != "a\t\\N" {
		t.Errorf("NULL is written as %q", got)
	}
}

func TestUnescapeRefusesWhatNoValueHolds(t *testing.T) {
	for raw, want := range map[string]error{
		`\`: copytext.ErrBackslash, `abc\`: copytext.ErrBackslash, `\\\`: copytext.ErrBackslash,
		`\.`: copytext.ErrEndMark, `a\.b`: copytext.ErrEndMark,
		`\0`: copytext.ErrNUL, `a\000b`: copytext.ErrNUL, `\x0`: copytext.ErrNUL, `\x00`: copytext.ErrNUL, `\400`: copytext.ErrNUL,
	} {
		if _, _, err := copytext.Unescape(nil, []byte(raw)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", raw, err, want)
		}
	}
}

func TestAppendEscapedWritesAsTheServerDoes(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"\b\f\n\r\t\v\\":     `\b\f\n\r\t\v\\`,
		`\N`:                 `\\N`,
		"\x01\a\x0e\x1f\x7f": "\x01\a\x0e\x1f\x7f",
		"é\t👍":               `é\t👍`,
	} {
		if got := copytext.AppendEscaped([]byte("a"), []byte(text)); string(got) != "a"+want {
			t.Errorf("%q: got %q, want %q", text, got, "a"+want)
		}
	}
}

// textOf returns a generator of values without the byte zero, with much of what must be escaped.
func textOf() *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"\\", "\t", "\n", "\r", "\b", "\f", "\v", `\N`, `\.`, "x41", "101", "N", "é", "👍🏽", "\x01", "\x7f"}),
		rapid.StringMatching(`[a-zA-Z0-9 ]{1,8}`),
	)
	return rapid.Custom(func(t *rapid.T) []byte {
		var text []byte
		for _, p := range rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces") {
			text = append(text, p...)
		}
		return text
	})
}

func TestWhatIsEscapedComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		requireRoundTrip(t, rapid.OneOf(textOf(), rapid.SliceOf(rapid.ByteMin(1))).Draw(t, "text"))
	})
}

func requireRoundTrip(t interface{ Fatalf(string, ...any) }, text []byte) {
	raw := copytext.AppendEscaped(nil, text)
	if bytes.ContainsAny(raw, "\t\n\r") || copytext.IsNull(raw) {
		t.Fatalf("%q is written as %q, which is no field or NULL", text, raw)
	}
	got, null, err := copytext.Unescape(nil, raw)
	if err != nil || null || !bytes.Equal(got, text) {
		t.Fatalf("%q is written as %q and read as %q (null %v, %v)", text, raw, got, null, err)
	}
	if copytext.IsPlain(raw) && !bytes.Equal(raw, text) {
		t.Fatalf("%q is plain and differs from its text", raw)
	}
}

func FuzzWhatIsEscapedComesBack(f *testing.F) {
	for _, seed := range []string{"", "a", `\`, `\N`, "\t\n\\.", "é\x01\x7f\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.IndexByte(text, 0) >= 0 {
			return
		}
		requireRoundTrip(t, text)
	})
}

// What Unescape takes can be written again and then means the same.
func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{"", `\N`, `\x4`, `\777`, `a\`, `\.`, "\\\t"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, null, err := copytext.Unescape(nil, raw)
		if err != nil || null {
			return
		}
		again, null, err := copytext.Unescape(nil, copytext.AppendEscaped(nil, text))
		if err != nil || null || !bytes.Equal(again, text) {
			t.Fatalf("%q means %q, written again %q (null %v, %v)", raw, text, again, null, err)
		}
	})
}
