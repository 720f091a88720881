package builtin

import (
	"errors"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
)

// fewestWords is the least number of words a mask chooses from. Fewer would make the original easy to
// guess from the frequencies, and would leave no room to draw again.
const fewestWords = 64

// maxDraws is how often a mask draws again before it walks on to the next choice. With fewestWords words
// of which one is taken, 32 draws miss once in 2¹⁹⁰.
const maxDraws = 32

// scratchSize holds the canonical form of nearly every name, address or key without an allocation.
const scratchSize = 128

var errNoWord = errors.New("the value holds every word that could replace it; use redact or redact_text there")

// choice is a list of words that a mask chooses from, cut to those that fit the column.
type choice struct {
	words *dictionary.Words
	n     int
}

func chooseFrom(words *dictionary.Words, limit int) choice {
	return choice{words: words, n: words.Fitting(limit)}
}

// pick draws a word that own does not hold: the result is drawn again, deterministically, so that no row keeps
// a name of its own, not even as a part.
func (c choice) pick(d *derive.Draw, own plain) (string, error) {
	i := 0
	for range maxDraws {
		i = int(d.N(uint64(c.n)))
		if word := c.words.Word(i); !own.holds(word) {
			return word, nil
		}
	}
	for range c.n {
		if i++; i == c.n {
			i = 0
		}
		if word := c.words.Word(i); !own.holds(word) {
			return word, nil
		}
	}
	return "", errNoWord
}

// plain is a value with its accented letters as the ASCII letters that remain without accents, so that José is
// not given Jose.
type plain struct {
	text []byte
	// begins has a bit for each byte that begins a word, letters of either case alike: most words that are drawn
	// begin with another.
	begins uint32
}

// holds reports whether an ASCII word occurs as whole words, whatever the case.
func (p plain) holds(word string) bool {
	return p.begins>>(word[0]&31)&1 != 0 && holdsWord(p.text, word)
}

// plainOf returns the plain form of value. Scratch is where it may stand; ASCII values, the usual case, are taken
// as they are.
func plainOf(scratch, value []byte) plain { return plainIn(scratch, value, false) }

// plainIn is plainOf beside lists that write an umlaut as two letters, where umlauts says so.
func plainIn(scratch, value []byte, umlauts bool) plain {
	p, ascii := taken(value)
	if !ascii {
		p, _ = taken(unaccented(scratch, value, umlauts))
	}
	return p
}

// taken finds where words begin in text, and whether it is ASCII.
func taken(text []byte) (p plain, ascii bool) {
	var within bool
	var all byte
	for _, b := range text {
		if !within {
			p.begins |= 1 << (b & 31)
		}
		within = isWordByte(b)
		all |= b
	}
	p.text = text
	return p, all < utf8.RuneSelf
}

// unaccented appends value without its accents to scratch, with umlauts as two letters where umlauts says so.
func unaccented(scratch, value []byte, umlauts bool) []byte {
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRune(value[i:])
		switch base := undecomposed(r); {
		case r < utf8.RuneSelf:
			scratch = append(scratch, value[i])
		case umlauts && umlaut(r) != "":
			scratch = append(scratch, umlaut(r)...)
		case base != "":
			scratch = append(scratch, base...)
		case unicode.IsMark(r):
		default:
			start := len(scratch)
			for _, b := range norm.NFKD.Properties(value[i : i+size]).Decomposition() {
				if b < utf8.RuneSelf {
					scratch = append(scratch, b)
				}
			}
			if len(scratch) == start {
				scratch = append(scratch, value[i:i+size]...)
			}
		}
		i += size
	}
	return scratch
}

// umlaut writes a German umlaut as passports do. The mark alone follows its vowel in text that is decomposed.
func umlaut(r rune) string {
	switch r {
	case 'ä', 'Ä':
		return "ae"
	case 'ö', 'Ö':
		return "oe"
	case 'ü', 'Ü':
		return "ue"
	case '\u0308':
		return "e"
	}
	return ""
}

// undecomposed knows the letters of Europe that Unicode does not take apart.
func undecomposed(r rune) string {
	switch r {
	case 'ł', 'Ł':
		return "l"
	case 'ø', 'Ø':
		return "o"
	case 'đ', 'Đ', 'ð', 'Ð':
		return "d"
	case 'ß', 'ẞ':
		return "ss"
	case 'æ', 'Æ':
		return "ae"
	case 'œ', 'Œ':
		return "oe"
	case 'þ', 'Þ':
		return "th"
	case 'ı':
		return "i"
	}
	return ""
}

// holdsWord reports whether ASCII word occurs in value as whole words, whatever the case.
func holdsWord(value []byte, word string) bool {
	first := lowerByte(word[0])
	for i := 0; i+len(word) <= len(value); i++ {
		if lowerByte(value[i]) != first || i > 0 && isWordByte(value[i-1]) {
			continue
		}
		end := i + len(word)
		if end < len(value) && isWordByte(value[end]) {
			continue
		}
		if equalFoldASCII(value[i:end], word) {
			return true
		}
	}
	return false
}

// isWordByte reports whether b is a letter, a digit or a byte of a character beyond ASCII.
func isWordByte(b byte) bool {
	return isDigit(b) || isLetter(b) || b >= 0x80
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// equalFoldASCII compares texts of one length, ignoring the case of ASCII letters.
func equalFoldASCII(a []byte, b string) bool {
	for i := range a {
		if a[i] != b[i] && lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

// letterCase is how words are written.
type letterCase uint8

const (
	asListed letterCase = iota
	upperCase
	lowerCase
	likeValue
)

func caseOf(word string) letterCase {
	switch word {
	case "upper":
		return upperCase
	case "lower":
		return lowerCase
	case "like":
		return likeValue
	}
	return asListed
}

// of settles likeValue: a value all in upper or all in lower case wants the same, any other the list's.
func (c letterCase) of(value []byte) letterCase {
	if c != likeValue {
		return c
	}
	upper, lower := false, false
	for _, b := range value {
		upper = upper || 'A' <= b && b <= 'Z'
		lower = lower || 'a' <= b && b <= 'z'
	}
	switch {
	case upper && !lower:
		return upperCase
	case lower && !upper:
		return lowerCase
	}
	return asListed
}

// append appends an ASCII word in this case.
func (c letterCase) append(dst []byte, word string) []byte {
	switch c {
	case upperCase:
		for i := range len(word) {
			b := word[i]
			if 'a' <= b && b <= 'z' {
				b -= 'a' - 'A'
			}
			dst = append(dst, b)
		}
		return dst
	case lowerCase:
		for i := range len(word) {
			dst = append(dst, lowerByte(word[i]))
		}
		return dst
	}
	return append(dst, word...)
}
