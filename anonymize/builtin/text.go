package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"math"
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
		Family:   "redact_text",
		Unmapped: true,
		Summary: "takes people out of free text: the row's own known values become their masked selves; e-mail addresses, links, " +
			"numbers and every word that is not plainly an everyday English one are redacted; without known, everything is",
		Accepts: textOnly(),
		Params: []anonymize.Param{
			{
				Name: "known", Kind: anonymize.ParamColumns,
				Doc: "columns of the row whose values may stand in the text, also in part; without it the whole text is redacted",
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
		Cost:    10_000,
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
		if !norm.NFC.IsNormal(text) {
			text = norm.NFC.Bytes(text)
		}
		s := textScan{mask: m, text: text, out: dst, known: m.gather(v.Row), redactedEnd: -1, sentence: true}
		s.shouting = bytes.Equal(text, bytes.ToUpper(text))
		s.run()
		dst = s.out
	}
	return cutCharacters(dst, start, m.limit), nil
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

// knownValue is one of the row's own values, in words.
type knownValue struct {
	text  []byte
	words [][]byte // folded
	// out is the masked value and outWords its words as written; nil when the column is not masked.
	out      []byte
	outWords [][]byte
}

func (m *textMask) gather(row anonymize.Row) []knownValue {
	known := make([]knownValue, 0, len(m.known))
	for _, i := range m.known {
		in, ok := row.In(i)
		if !ok {
			continue
		}
		k := knownValue{text: bytes.TrimSpace(in)}
		for _, word := range wordsOf(k.text) {
			k.words = append(k.words, foldWord(nil, word))
		}
		if out, ok := row.Out(i); ok && !bytes.EqualFold(bytes.TrimSpace(out), k.text) {
			k.out = bytes.TrimSpace(out)
			k.outWords = wordsOf(k.out)
		}
		if len(k.words) > 0 {
			known = append(known, k)
		}
	}
	return known
}

// part returns what replaces the i-th word of the known value: the masked value's i-th word where both
// have as many, and it is another word.
func (k knownValue) part(i int) string {
	if len(k.outWords) != len(k.words) {
		return redacted
	}
	word := k.outWords[i]
	if bytes.Equal(foldWord(nil, word), k.words[i]) {
		return redacted
	}
	return string(word)
}

// whole returns what replaces the whole known value.
func (k knownValue) whole() string {
	if len(k.out) == 0 {
		return redacted
	}
	return string(k.out)
}

// wordsOf returns the words of text, without a possessive 's.
func wordsOf(text []byte) [][]byte {
	var words [][]byte
	for i := 0; i < len(text); {
		n := wordLength(text[i:])
		if n == 0 {
			_, size := utf8.DecodeRune(text[i:])
			i += size
			continue
		}
		words = append(words, withoutPossessive(text[i:i+n]))
		i += n
	}
	return words
}
