package builtin

import (
	"bytes"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
)

// knownValue is one of the row's own values, in words.
type knownValue struct {
	text []byte
	// first and end bound its words among the scan's.
	first, end int
	// out is the masked value; nil when there is none.
	out []byte
	// judged reports that out was compared with text: most texts name nobody, so that this waits until a
	// word of the value stands there.
	judged bool
}

// gather reads the row's known values into memory that every text uses again.
func (s *textScan) gather(row anonymize.Row) {
	s.known, s.words, s.folds, s.seen = s.known[:0], s.words[:0], s.folds[:0], 0
	for _, i := range s.mask.known {
		in, ok := row.In(i)
		if !ok {
			continue
		}
		k := knownValue{text: bytes.TrimSpace(in), first: len(s.words)}
		s.splitKnown(k.text)
		if out, ok := row.Out(i); ok {
			k.out = out
		}
		if k.end = len(s.words); k.end > k.first {
			s.known = append(s.known, k)
		}
	}
}

// splitKnown appends the folded words of text to the scan's.
func (s *textScan) splitKnown(text []byte) {
	for i := 0; i < len(text); {
		n := wordLength(text[i:])
		if n == 0 {
			_, size := utf8.DecodeRune(text[i:])
			i += size
			continue
		}
		// Where folds grows, the words before keep the old memory, which stays as it is.
		start := len(s.folds)
		s.folds = foldWord(s.folds, withoutPossessive(text[i:i+n]))
		word := s.folds[start:]
		s.words = append(s.words, word)
		s.seen |= wordBit(word)
		i += n
	}
}

// wordBit is the place of a folded word in a set of 64 bits: who is not in the set is none of the words.
func wordBit(word []byte) uint64 {
	if len(word) == 0 {
		return 1
	}
	return 1 << ((uint(word[0])*7 + uint(word[len(word)-1])*3 + uint(len(word))) & 63)
}

// judge finds what the known value becomes: nothing of its own when it stays as it is.
func (k *knownValue) judge() {
	if k.judged {
		return
	}
	k.judged = true
	if k.out == nil || bytes.EqualFold(bytes.TrimSpace(k.out), k.text) {
		k.out = nil
		return
	}
	k.out = bytes.TrimSpace(k.out)
}

// part returns what replaces the i-th word of the known value: the masked value's i-th word where both
// have as many, and it is another word.
func (s *textScan) part(k *knownValue, i int) []byte {
	k.judge()
	s.outWords = appendWords(s.outWords[:0], k.out)
	if len(s.outWords) != k.end-k.first {
		return nil
	}
	word := s.outWords[i]
	if s.next = foldWord(s.next[:0], word); bytes.Equal(s.next, s.words[k.first+i]) {
		return nil
	}
	return word
}

// whole returns what replaces the whole known value, nil for a redaction.
func (k *knownValue) whole() []byte {
	if k.judge(); len(k.out) == 0 {
		return nil
	}
	return k.out
}

// appendWords appends the words of text, without a possessive 's.
func appendWords(words [][]byte, text []byte) [][]byte {
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
