package builtin

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
)

// textScan is one pass over one text, from left to right. At each place the first of these decides: an
// address or link, a known value, a known value's part, a run of digits, the word itself.
type textScan struct {
	mask *textMask
	text []byte
	out  []byte
	at   int
	// kept is where the bytes before at begin that stay and are not in out yet.
	kept int
	// known are the row's values, words the folded words of all of them, folds the memory under words; seen
	// has the bit of each word.
	known []knownValue
	words [][]byte
	folds []byte
	seen  uint64
	// outWords are those of a known value's masked self, while one is looked for.
	outWords [][]byte
	// redactedEnd is where the last redaction ended in out, -1 if there was none.
	redactedEnd int
	// sentence reports that the next word may begin a sentence and so has a capital for no reason of its own.
	sentence bool
	// shouting reports a text without lower case, in which capitals say nothing.
	shouting bool
	// titled reports that the last word was a title, an initial or taken out, after which a dot may end an
	// abbreviation and no sentence.
	titled bool
	// lower reports that the word here is all plain letters in lower case.
	lower bool
	// common are the words that pass.
	common *dictionary.Words
	// fold holds the folded word here, next that of a word behind it; both are memory to use again.
	fold, next []byte
	// chunkEnd is where the chunk ends that address has looked at.
	chunkEnd int
}

// of appends the text, taken through the scan, to dst. Nothing of it stays in the scan.
func (s *textScan) of(dst, text []byte, row anonymize.Row) []byte {
	s.text, s.out, s.at, s.kept, s.chunkEnd, s.redactedEnd = text, dst, 0, 0, 0, -1
	if !mayHoldAddress(text) {
		s.chunkEnd = len(text)
	}
	s.sentence, s.titled = true, false
	s.shouting = isShouting(text)
	s.gather(row)
	s.run()
	s.skip(0)
	dst = s.out
	s.text, s.out = nil, nil
	clear(s.known)
	clear(s.outWords)
	return dst
}

// isShouting reports whether no character of text has another upper case.
func isShouting(text []byte) bool {
	for i, b := range text {
		switch {
		case 'a' <= b && b <= 'z':
			return false
		case b >= utf8.RuneSelf:
			return bytes.IndexFunc(text[i:], func(r rune) bool { return unicode.ToUpper(r) != r }) < 0
		}
	}
	return true
}

func (s *textScan) run() {
	for s.at < len(s.text) {
		b := s.text[s.at]
		if s.at >= s.chunkEnd && s.address() {
			continue
		}
		switch {
		case b == '+' || b == '(':
			// The sign or bracket that a telephone number begins with belongs to it.
			if !s.knownWhole() && !s.digits() {
				s.other()
			}
		case b < utf8.RuneSelf && !isWordByte(b):
			s.other()
		default:
			if n := s.look(); n > 0 {
				s.word(n)
			} else {
				s.other()
			}
		}
	}
}

// word decides about the word of n bytes that stands here, which look has folded.
func (s *textScan) word(n int) {
	if s.seen&wordBit(s.fold) != 0 && (s.knownWhole() || s.knownPart()) {
		return
	}
	if isDigit(s.text[s.at]) && s.digits() {
		return
	}
	word := s.text[s.at : s.at+n]
	if s.lower && !s.mask.keepUnsure {
		if n > 1 && !s.common.Has(s.fold) {
			s.replace(n, nil)
			return
		}
	} else if !s.passes(word) {
		s.replace(len(withoutPossessive(word)), nil)
		return
	}
	s.titled = len(s.fold) == 1 || isTitle(s.fold)
	s.sentence = false
	s.keep(n)
}

// look returns the length of the word that stands here, 0 if there is none, and folds it without its
// possessive. It sets lower.
func (s *textScan) look() int {
	text, fold := s.text[s.at:], s.fold[:0]
	s.lower = true
	for n, b := range text {
		switch {
		case 'a' <= b && b <= 'z':
			fold = append(fold, b)
			continue
		case 'A' <= b && b <= 'Z':
			s.lower = false
			fold = append(fold, b|0x20)
			continue
		case isDigit(b):
			s.lower = false
			fold = append(fold, b)
			continue
		case b >= utf8.RuneSelf || b == '\'':
			s.lower = false
			n = wordLength(text)
			s.fold = foldWord(fold[:0], withoutPossessive(text[:n]))
			return n
		}
		s.fold = fold
		return n
	}
	s.fold = fold
	return len(text)
}

// other copies one character that belongs to no word.
func (s *textScan) other() {
	size := 1
	switch b := s.text[s.at]; {
	case b == '.' || b == '!' || b == '?':
		s.sentence = s.sentence || !s.titled
	case b == '\n':
		s.sentence = true
	case b >= utf8.RuneSelf:
		_, size = utf8.DecodeRune(s.text[s.at:])
	}
	s.keep(size)
}

// keep has n bytes stay. They are copied together with all that stays behind them.
func (s *textScan) keep(n int) { s.at += n }

// skip has n bytes go.
func (s *textScan) skip(n int) {
	s.out = append(s.out, s.text[s.kept:s.at]...)
	s.at += n
	s.kept = s.at
}

// replace writes with for n bytes, and a redaction where with is nil. Redactions with blanks between them
// are written as one.
func (s *textScan) replace(n int, with []byte) {
	s.skip(n)
	s.sentence, s.titled = false, true
	if with != nil && string(with) != redacted {
		s.out = append(s.out, with...)
		return
	}
	if s.redactedEnd >= 0 && len(bytes.TrimLeft(s.out[s.redactedEnd:], " ")) == 0 {
		s.out = s.out[:s.redactedEnd]
		return
	}
	s.out = append(s.out, redacted...)
	s.redactedEnd = len(s.out)
}

// address replaces what is left of a chunk without blanks that holds an @ or is a link, behind its opening
// brackets. Each chunk is looked at once, so that a long one costs no more than its length.
func (s *textScan) address() bool {
	chunk, may := chunkOf(s.text[s.at:])
	s.chunkEnd = s.at + max(1, len(chunk))
	if !may {
		return false
	}
	body := bytes.TrimRight(bytes.TrimLeft(chunk, opening), closing)
	link := bytes.Contains(body, []byte("://")) || len(body) > 4 && bytes.EqualFold(body[:4], []byte("www."))
	if !link && (bytes.IndexByte(body, '@') < 0 || len(bytes.Trim(body, "@"+opening+closing)) == 0) {
		return false
	}
	s.keep(len(chunk) - len(bytes.TrimLeft(chunk, opening)))
	var with []byte
	for i := range s.known {
		if k := &s.known[i]; bytes.EqualFold(k.text, body) {
			with = k.whole()
		}
	}
	s.replace(len(body), with)
	return true
}

// mayHoldAddress reports whether an address may be anywhere in text; in most there is none.
func mayHoldAddress(text []byte) bool {
	if bytes.IndexByte(text, '@') >= 0 || bytes.Contains(text, []byte("://")) {
		return true
	}
	for at := 0; ; at++ {
		n := bytes.IndexByte(text[at:], '.')
		if n < 0 {
			return false
		}
		if at += n; at >= 3 && text[at-1]|0x20 == 'w' {
			return true
		}
	}
}

// chunkOf returns what text begins with up to the first blank, and whether an address may be in it: where
// there is neither an at sign nor "://" nor "www.", there is none.
func chunkOf(text []byte) (chunk []byte, may bool) {
	for i, b := range text {
		switch {
		case b == '@' || b == ':' && i+1 < len(text) && text[i+1] == '/' || b == '.' && i >= 3 && text[i-1]|0x20 == 'w':
			may = true
		case b == ' ' || '\t' <= b && b <= '\r':
			return text[:i], may
		case b >= utf8.RuneSelf:
			if end := bytes.IndexFunc(text, unicode.IsSpace); end >= 0 {
				text = text[:end]
			}
			return text, true
		}
	}
	return text, may
}

// What may stand around an address that is no part of it.
const (
	opening = "([{<\"'"
	closing = `.,;:!?)]}>"'`
)

// knownWhole replaces the longest known value that stands here word for word, whatever is between them.
func (s *textScan) knownWhole() bool {
	skip := 0
	for skip < 2 && s.at+skip < len(s.text) && (s.text[s.at+skip] == '+' || s.text[s.at+skip] == '(') {
		skip++
	}
	if skip > 0 {
		s.fold = foldWord(s.fold[:0], withoutPossessive(s.text[s.at+skip:s.at+skip+wordLength(s.text[s.at+skip:])]))
	}
	best := 0
	var with *knownValue
	for i := range s.known {
		k := &s.known[i]
		if !bytes.Equal(s.fold, s.words[k.first]) {
			continue
		}
		if skip > 0 && !bytes.HasPrefix(k.text, s.text[s.at:s.at+skip]) {
			continue
		}
		if n := s.matches(s.at+skip, s.words[k.first:k.end]); n > 0 && skip+n > best {
			best, with = skip+n, k
		}
	}
	if best == 0 {
		return false
	}
	s.replace(best, with.whole())
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

// knownPart replaces the word here, which is in s.fold, where it is part of a known value.
func (s *textScan) knownPart() bool {
	n := len(withoutPossessive(s.text[s.at : s.at+wordLength(s.text[s.at:])]))
	if n < 2 {
		return false
	}
	for i := range s.known {
		k := &s.known[i]
		for j, word := range s.words[k.first:k.end] {
			if bytes.Equal(s.fold, word) {
				s.replace(n, s.part(k, j))
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
		s.replace(end-s.at, nil)
		// Letters that hang on to the number belong to it.
		s.skip(wordLength(s.text[s.at:]))
		return true
	case wordLength(s.text[first:]) > 0:
		return false // digits with letters behind are a word
	}
	s.sentence, s.titled = false, false
	s.keep(first - s.at)
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
	case isPlainWord(s.fold):
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
	if s.common.Has(s.fold) {
		return true
	}
	for _, b := range word {
		if b >= utf8.RuneSelf {
			return s.common.Has(bytes.ToLower(bytes.ReplaceAll(word, []byte("’"), []byte("'"))))
		}
	}
	if len(word) == len(s.fold) {
		return false // it is its own contraction
	}
	s.next = appendLower(s.next[:0], word)
	return s.common.Has(s.next)
}

func (s *textScan) isName() bool {
	return s.mask.library.FirstNames().Has(s.fold) || s.mask.library.LastNames().Has(s.fold)
}
