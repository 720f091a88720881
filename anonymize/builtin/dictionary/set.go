package dictionary

import "math/bits"

// packedBytes is how many bytes of a word fit one number; two in three words of the lists do.
const packedBytes = 8

// set answers whether a word is among some. Short words are numbers in one flat table, which is several
// times faster than a map of strings: a text asks for each of its words.
type set struct {
	packed []uint64 // open addressing, 0 is empty
	shift  int
	long   map[string]struct{}
}

// newSet makes a set of words, all of them in the form that has is asked with.
func newSet(words []string) *set {
	// Four places for each word, so that what is not there is mostly found out at the first one.
	size := bits.Len(uint(4*len(words) + 1))
	s := &set{packed: make([]uint64, 1<<size), shift: 64 - size, long: map[string]struct{}{}}
	for _, word := range words {
		packed := pack([]byte(word))
		if packed == 0 {
			s.long[word] = struct{}{}
			continue
		}
		at := s.place(packed)
		for s.packed[at] != 0 && s.packed[at] != packed {
			at = (at + 1) & (len(s.packed) - 1)
		}
		s.packed[at] = packed
	}
	return s
}

// pack returns a word of one to eight bytes as a number that no other word has; 0 when it does not fit or
// holds the byte zero, which would make it ambiguous.
func pack(word []byte) uint64 {
	if len(word) == 0 || len(word) > packedBytes {
		return 0
	}
	packed := uint64(0)
	for _, b := range word {
		if b == 0 {
			return 0
		}
		packed = packed<<8 | uint64(b)
	}
	return packed
}

// place is where a packed word is looked for first: the upper bits of a product with 2⁶⁴ over the golden
// ratio depend on all of its bits.
func (s *set) place(packed uint64) int { return int(packed * 0x9e3779b97f4a7c15 >> s.shift) }

func (s *set) has(word []byte) bool {
	packed := pack(word)
	if packed == 0 {
		_, ok := s.long[string(word)]
		return ok
	}
	for at := s.place(packed); s.packed[at] != 0; at = (at + 1) & (len(s.packed) - 1) {
		if s.packed[at] == packed {
			return true
		}
	}
	return false
}
