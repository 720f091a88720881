package builtin

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// isTitle knows the words that a name follows.
func isTitle(word []byte) bool {
	switch string(word) {
	case "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "lady", "lord", "rev", "st", "herr", "frau", "mme", "mlle", "sr", "sra", "don", "mister":
		return true
	}
	return false
}

// isPlainWord knows the words that may stand with a capital anywhere: those that sentences begin with, and
// the calendar's, but for May, April, June and August, who may be somebody.
func isPlainWord(word []byte) bool {
	switch string(word) {
	case "i", "a", "an", "the", "this", "that", "these", "those", "he", "she", "it", "we", "you", "they", "his", "her", "their",
		"our", "my", "your", "is", "are", "was", "were", "has", "have", "had", "not", "no", "yes", "and", "or", "but", "if", "when",
		"then", "there", "here", "to", "from", "of", "on", "in", "at", "by", "for", "with", "as", "so", "after", "before", "please",
		"also", "what", "who", "why", "how", "where", "which", "does", "did", "can", "could", "would", "should",
		"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
		"january", "february", "march", "july", "september", "october", "november", "december",
		"mr", "mrs", "ms", "dr":
		return true
	}
	return false
}

// isOrdinal reports whether word is a small number with an ending that makes it no code.
func isOrdinal(word []byte) bool {
	for len(word) > 0 && isDigit(word[0]) {
		word = word[1:]
	}
	var lower [3]byte // nothing longer is known
	if len(word) > len(lower) {
		return false
	}
	switch string(appendLower(lower[:0], word)) {
	case "", "st", "nd", "rd", "th", "x", "am", "pm", "h", "min", "kg", "km", "cm", "mm":
		return true
	}
	return false
}

// wordLength returns the length of the word that text begins with: letters, marks and digits of any
// script, with an apostrophe between letters.
func wordLength(text []byte) int {
	n := 0
	for n < len(text) {
		if b := text[n]; isLetter(b) || isDigit(b) {
			n++
			continue
		}
		r, size := utf8.DecodeRune(text[n:])
		if r == ' ' {
			break
		}
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) {
			n += size
			continue
		}
		if n > 0 && (r == '\'' || r == '’') {
			if next, _ := utf8.DecodeRune(text[n+size:]); unicode.IsLetter(next) {
				n += size
				continue
			}
		}
		break
	}
	return n
}

// withoutPossessive cuts 's off a word.
func withoutPossessive(word []byte) []byte {
	n := len(word)
	if n < 3 || word[n-1]|0x20 != 's' {
		return word
	}
	if word[n-2] == '\'' {
		return word[:n-2]
	}
	if size := len("’"); n > 1+size && string(word[n-1-size:n-1]) == "’" {
		return word[:n-1-size]
	}
	return word
}

// foldWord appends word in lower case, without accents and with plain apostrophes: the form in which two
// spellings of one name meet.
func foldWord(dst, word []byte) []byte {
	for _, b := range word {
		if b >= utf8.RuneSelf {
			for _, r := range string(norm.NFKD.Bytes(word)) {
				switch {
				case unicode.IsMark(r):
				case r == '’':
					dst = append(dst, '\'')
				default:
					dst = utf8.AppendRune(dst, unicode.ToLower(r))
				}
			}
			return dst
		}
	}
	return appendLower(dst, word)
}
