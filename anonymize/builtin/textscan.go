package builtin

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// textScan is one pass over one text, from left to right. At each place the first of these decides: an
// address or link, a known value, a known value's part, a run of digits, the word itself.
type textScan struct {
	mask  *textMask
	text  []byte
	known []knownValue
	out   []byte
	at    int
	// redactedEnd is where the last redaction ended in out, -1 if there was none.
	redactedEnd int
	// sentence reports that the next word may begin a sentence and so has a capital for no reason of its own.
	sentence bool
	// shouting reports a text without lower case, in which capitals say nothing.
	shouting bool
	// titled reports that the last word was a title, an initial or taken out, after which a dot may end an
	// abbreviation and no sentence.
	titled bool
	// fold holds the folded word here, next that of a word behind it; both are memory to use again.
	fold, next []byte
	// chunkEnd is where the chunk ends that address has looked at.
	chunkEnd int
}

func (s *textScan) run() {
	for s.at < len(s.text) {
		if b := s.text[s.at]; s.at < s.chunkEnd && b < utf8.RuneSelf && !isWordByte(b) && b != '+' && b != '(' {
			s.other()
			continue
		}
		switch {
		case s.address(), s.knownWhole(), s.knownPart(), s.digits(), s.word():
		default:
			s.other()
		}
	}
}

// other copies one character that belongs to no word.
func (s *textScan) other() {
	r, size := utf8.DecodeRune(s.text[s.at:])
	switch r {
	case '.', '!', '?':
		s.sentence = s.sentence || !s.titled
	case '\n':
		s.sentence = true
	}
	s.keep(size)
}

// keep copies n bytes.
func (s *textScan) keep(n int) {
	s.out = append(s.out, s.text[s.at:s.at+n]...)
	s.at += n
}

// replace writes with for n bytes. Redactions with blanks between them are written as one.
func (s *textScan) replace(n int, with string) {
	s.at += n
	s.sentence, s.titled = false, true
	if with != redacted {
		s.out = append(s.out, with...)
		return
	}
	if s.redactedEnd >= 0 && len(bytes.TrimLeft(s.out[s.redactedEnd:], " ")) == 0 {
		s.out = s.out[:s.redactedEnd]
		return
	}
	s.out = append(s.out, with...)
	s.redactedEnd = len(s.out)
}

// address replaces what is left of a chunk without blanks that holds an @ or is a link, behind its opening
// brackets. Each chunk is looked at once, so that a long one costs no more than its length.
func (s *textScan) address() bool {
	if s.at < s.chunkEnd {
		return false
	}
	chunk := s.text[s.at:]
	if end := bytes.IndexFunc(chunk, unicode.IsSpace); end >= 0 {
		chunk = chunk[:end]
	}
	s.chunkEnd = s.at + max(1, len(chunk))
	body := bytes.TrimRight(bytes.TrimLeft(chunk, opening), closing)
	link := bytes.Contains(body, []byte("://")) || len(body) > 4 && strings.EqualFold(string(body[:4]), "www.")
	if !link && (bytes.IndexByte(body, '@') < 0 || len(bytes.Trim(body, "@"+opening+closing)) == 0) {
		return false
	}
	s.keep(len(chunk) - len(bytes.TrimLeft(chunk, opening)))
	with := redacted
	for _, k := range s.known {
		if bytes.EqualFold(k.text, body) {
			with = k.whole()
		}
	}
	s.replace(len(body), with)
	return true
}

// What may stand around an address that is no part of it.
const (
	opening = "([{<\"'"
	closing = `.,;:!?)]}>"'`
)

// knownWhole replaces the longest known value that stands here word for word, whatever is between them.
func (s *textScan) knownWhole() bool {
	// The sign or bracket that a telephone number begins with belongs to it.
	skip := 0
	for skip < 2 && s.at+skip < len(s.text) && (s.text[s.at+skip] == '+' || s.text[s.at+skip] == '(') {
		skip++
	}
	s.fold = foldWord(s.fold[:0], withoutPossessive(s.text[s.at+skip:s.at+skip+wordLength(s.text[s.at+skip:])]))
	best, with := 0, ""
	for _, k := range s.known {
		if !bytes.Equal(s.fold, k.words[0]) {
			continue
		}
		if skip > 0 && !bytes.HasPrefix(k.text, s.text[s.at:s.at+skip]) {
			continue
		}
		if n := s.matches(s.at+skip, k.words); n > 0 && skip+n > best {
			best, with = skip+n, k.whole()
		}
	}
	if best == 0 {
		return false
	}
	s.replace(best, with)
	return true
}

// mostBetween is how many bytes may stand between two words of one value: a comma and a blank, a dash.
const mostBetween = 3

// matches returns how many bytes of text the words cover from start on, 0 if they do not stand there.
func (s *textScan) matches(start int, words [][]byte) int {
	if len(words) == 1 && len(words[0]) < 2 {
		return 0 // one letter is an article before it is somebody
	}
	at := start
	for i, word := range words {
		if i > 0 {
			gap := 0
			for at+gap < len(s.text) && gap <= mostBetween && wordLength(s.text[at+gap:]) == 0 {
				gap++
			}
			at += gap
		}
		n := len(withoutPossessive(s.text[at : at+wordLength(s.text[at:])]))
		if n == 0 {
			return 0
		}
		if s.next = foldWord(s.next[:0], s.text[at:at+n]); !bytes.Equal(s.next, word) {
			return 0
		}
		at += n
	}
	return at - start
}

// knownPart replaces a word that is part of a known value.
func (s *textScan) knownPart() bool {
	n := len(withoutPossessive(s.text[s.at : s.at+wordLength(s.text[s.at:])]))
	if n < 2 {
		return false
	}
	s.fold = foldWord(s.fold[:0], s.text[s.at:s.at+n])
	for _, k := range s.known {
		for i, word := range k.words {
			if bytes.Equal(s.fold, word) {
				s.replace(n, k.part(i))
				return true
			}
		}
	}
	return false
}

const (
	// mostDigits is how many digits, separators between them, pass: a time, a day and month, an amount.
	mostDigits = 4
	// mostTogether is how many pass in one group where everything unsure is redacted: no year.
	mostTogether = 3
)

// digits replaces a run of digits, blanks and separators that may be a telephone number, a date, a card.
func (s *textScan) digits() bool {
	i := s.at
	for i < len(s.text) && i < s.at+2 && (s.text[i] == '+' || s.text[i] == '(') {
		i++
	}
	total, group, longest, first, end, gap := 0, 0, 0, 0, 0, 0
	for ; i < len(s.text) && gap <= 2; i++ {
		switch b := s.text[i]; {
		case isDigit(b):
			total, group, gap = total+1, group+1, 0
			longest, end = max(longest, group), i+1
			if first == 0 || first == i {
				first = end
			}
		case total > 0 && strings.IndexByte(" -./():", b) >= 0:
			group = 0
			gap++
		default:
			gap = 3
		}
	}
	switch {
	case total == 0:
		return false
	case total > mostDigits, longest > mostTogether && !s.mask.keepUnsure:
		s.replace(end-s.at, redacted)
		// Letters that hang on to the number belong to it.
		s.at += wordLength(s.text[s.at:])
		return true
	case wordLength(s.text[first:]) > 0:
		return false // digits with letters behind are a word
	}
	s.sentence, s.titled = false, false
	s.keep(first - s.at)
	return true
}

// word keeps or replaces one word on its own merits.
func (s *textScan) word() bool {
	n := wordLength(s.text[s.at:])
	if n == 0 {
		return false
	}
	word := s.text[s.at : s.at+n]
	s.fold = foldWord(s.fold[:0], withoutPossessive(word))
	if !s.passes(word) {
		s.replace(len(withoutPossessive(word)), redacted)
		return true
	}
	s.titled = len(s.fold) == 1 || isTitle(string(s.fold))
	s.sentence = false
	s.keep(n)
	return true
}

// passes reports whether word, whose folded form is in s.fold, is plainly no name, number or secret.
func (s *textScan) passes(word []byte) bool {
	letters, upper, numbers, foreign := 0, 0, 0, false
	for _, b := range word {
		switch {
		case isDigit(b):
			numbers++
		case 'A' <= b && b <= 'Z':
			upper++
			letters++
		case isLetter(b):
			letters++
		case b >= utf8.RuneSelf:
			foreign = true
		}
	}
	if s.mask.keepUnsure {
		return numbers <= mostDigits && (numbers == 0 || len(word) < 12)
	}
	switch {
	case foreign && !bytes.Contains(word, []byte("’")):
		return false
	case numbers > 0:
		return numbers <= mostTogether && isOrdinal(word)
	case upper == 0:
		return len(s.fold) == 1 || s.isCommon(word)
	case isPlainWord(string(s.fold)):
		return true
	case letters < 2:
		return false // an initial
	case s.shouting, s.sentence && upper == 1 && 'A' <= word[0] && word[0] <= 'Z':
		return s.isCommon(word) && !s.isName()
	}
	return false
}

// isCommon looks up a word as it is, as a contraction and without its possessive.
func (s *textScan) isCommon(word []byte) bool {
	common := s.mask.library.CommonWords()
	if common.Has(s.fold) {
		return true
	}
	return common.Has(bytes.ToLower(bytes.ReplaceAll(word, []byte("’"), []byte("'"))))
}

func (s *textScan) isName() bool {
	return s.mask.library.FirstNames().Has(s.fold) || s.mask.library.LastNames().Has(s.fold)
}

// isTitle knows the words that a name follows.
func isTitle(word string) bool {
	switch word {
	case "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "lady", "lord", "rev", "st", "herr", "frau", "mme", "mlle", "sr", "sra", "don", "mister":
		return true
	}
	return false
}

// isPlainWord knows the words that may stand with a capital anywhere: those that sentences begin with, and
// the calendar's, but for May, April, June and August, who may be somebody.
func isPlainWord(word string) bool {
	switch word {
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
	switch strings.ToLower(strings.TrimLeft(string(word), "0123456789")) {
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
	for _, ending := range []string{"'s", "’s", "'S", "’S"} {
		if len(word) > len(ending) && string(word[len(word)-len(ending):]) == ending {
			return word[:len(word)-len(ending)]
		}
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
