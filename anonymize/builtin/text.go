package builtin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
)

// redacted stands for what was taken out of a text.
const redacted = "[redacted]"

func redactText(library *dictionary.Library) anonymize.Definition {
	return anonymize.Definition{
		Name:     "redact_text",
		Group:    anonymize.GroupText,
		Family:   "redact_text",
		Unmapped: true,
		Summary: "takes people out of free text: the row's own known values become their masked selves; e-mail addresses, links, " +
			"numbers and every word that is not plainly an everyday English one are redacted; without known, everything is",
		Accepts: textOnly(),
		Params: []anonymize.Param{
			{
				Name: "known", Kind: anonymize.ParamColumns,
				Doc: "columns of the row, or of rows that it refers to, whose values may stand in the text, also in part; without it the whole text is redacted",
			},
			{
				Name: "unsure", Kind: anonymize.ParamChoice, Default: "redact", Choices: []string{"redact", "keep"},
				Doc: "what becomes of words that may be names; keep is for texts in other languages, where only known values and patterns are found",
			},
		},
		Reads:       anonymize.ReadsRow,
		Determinism: anonymize.Keyed,
		Uniqueness:  anonymize.UniqueNone,
		Nulls:       anonymize.NullsKept,
		Discloses: []anonymize.Disclosure{
			anonymize.DisclosesEquality, anonymize.DisclosesFrequency, anonymize.DisclosesLength, anonymize.DisclosesFormat,
		},
		Rank:    5,
		Cost:    2_000,
		Example: anonymize.Example{Input: "Mary called at 10:30 about the parcel, reach her at mary@shop.example"},
		Check: func(a anonymize.Args) error {
			known, _ := a.Params["known"].([]string)
			if len(known) == 0 && stringOf(a, "unsure") == "keep" {
				return errors.New("unsure: keep without known would leave every name in the text; name the columns whose values are known")
			}
			for _, column := range known {
				if column == a.Column {
					return errors.New("known names the column itself; name the columns whose values may stand in this one")
				}
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			known, _ := a.Params["known"].([]string)
			m := &textMask{limit: limit(a), keepUnsure: stringOf(a, "unsure") == "keep", library: library}
			m.scans.New = func() any { return &textScan{mask: m, common: library.CommonWords()} }
			for _, column := range known {
				i, ok := a.Siblings[column]
				if !ok {
					return nil, fmt.Errorf("redact text: column %q is not among those the mask may read", column)
				}
				m.known = append(m.known, i)
			}
			return m, nil
		},
	}
}

// textMask keeps a word only when it is plainly harmless, so that what it does not understand it takes out:
// other languages, misspellings, codes, every capital within a sentence. What it cannot see is a person
// whose name is an everyday word and stands in lower case ("rose called") or, being on neither list of
// names, at the beginning of a sentence ("Pond called"), unless the row knows that name. Nor does it see
// who is meant where nobody is named ("the mayor's daughter"). Where that is too much, leave out known.
type textMask struct {
	known      []int
	keepUnsure bool
	limit      int
	library    *dictionary.Library
	scans      sync.Pool // of *textScan: what a scan remembers within a text takes memory
}

// Append implements anonymize.Mask. The empty text holds nobody and yet is redacted: that nothing was
// written about somebody may be worth hiding too.
func (m *textMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	start := len(dst)
	switch {
	case len(m.known) == 0 || len(v.Text) == 0:
		dst = append(dst, redacted...)
	case v.Row == nil:
		return nil, errors.New("redact text: the row is not at hand, so its known values cannot be read")
	case !utf8.Valid(v.Text):
		return nil, errors.New("redact text: the text is not UTF-8; its words cannot be told apart")
	default:
		text := v.Text
		if !isASCII(text) && !norm.NFC.IsNormal(text) {
			text = norm.NFC.Bytes(text)
		}
		s := m.scans.Get().(*textScan)
		dst = s.of(dst, text, v.Row)
		m.scans.Put(s)
	}
	return cutCharacters(dst, start, m.limit), nil
}

// isASCII reports whether text is all ASCII, and so valid and composed: the usual case, eight bytes at a time.
func isASCII(text []byte) bool {
	var all uint64
	for len(text) >= 8 {
		all |= binary.NativeEndian.Uint64(text)
		text = text[8:]
	}
	for _, b := range text {
		all |= uint64(b)
	}
	const high = 0x8080808080808080
	return all&high == 0
}

// cutCharacters cuts what was appended after start to n characters.
func cutCharacters(dst []byte, start, n int) []byte {
	if n == math.MaxInt || len(dst)-start <= n {
		return dst
	}
	for i := start; i < len(dst); n-- {
		if n == 0 {
			return dst[:i]
		}
		_, size := utf8.DecodeRune(dst[i:])
		i += size
	}
	return dst
}
