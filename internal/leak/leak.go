// Package leak looks for originals in what was supposed to be masked.
//
// Originals live in memory only, for as long as one comparison takes; what comes out of it are counts by
// kind and place, never a value.
package leak

import (
	"bytes"
	"cmp"
	"slices"
)

// prefixSize is how many bytes of an original the index is keyed by, and so the length of the shortest
// original that can be searched for inside longer texts: shorter ones meet by chance in any text.
const prefixSize = 6

// Originals are values that identify somebody. Adding is for one goroutine; once all are added, Look is
// safe for concurrent use. Comparison ignores ASCII case.
type Originals struct {
	byPrefix map[[prefixSize]byte][]original
	whole    map[string]string // short originals, compared with whole fields only; by their kind
	pairs    map[[2]string]string
	kinds    map[string]int
}

type original struct{ kind, text string }

// New returns an empty set.
func New() *Originals {
	return &Originals{
		byPrefix: map[[prefixSize]byte][]original{}, whole: map[string]string{}, pairs: map[[2]string]string{},
		kinds: map[string]int{},
	}
}

// Add remembers one value under a kind such as "e-mail". Empty values and repetitions are ignored.
func (o *Originals) Add(kind string, value []byte) {
	text := bytes.ToLower(bytes.TrimSpace(value))
	if len(text) == 0 {
		return
	}
	if len(text) < prefixSize {
		if _, known := o.whole[string(text)]; !known {
			o.whole[string(text)] = kind
			o.kinds[kind]++
		}
		return
	}
	key := [prefixSize]byte(text)
	for _, known := range o.byPrefix[key] {
		if known.text == string(text) {
			return
		}
	}
	o.byPrefix[key] = append(o.byPrefix[key], original{kind, string(text)})
	o.kinds[kind]++
}

// AddPair remembers two values that identify somebody together, such as a first and a last name: they are
// found as two fields of one row, in either order, or next to each other in one text.
func (o *Originals) AddPair(kind string, first, second []byte) {
	a, b := string(bytes.ToLower(bytes.TrimSpace(first))), string(bytes.ToLower(bytes.TrimSpace(second)))
	if a == "" || b == "" {
		return
	}
	if _, known := o.pairs[[2]string{a, b}]; known {
		return
	}
	o.pairs[[2]string{a, b}] = kind
	o.kinds[kind]++
	for _, joined := range []string{a + " " + b, b + ", " + a} {
		if key := []byte(joined); len(key) >= prefixSize {
			o.byPrefix[[prefixSize]byte(key)] = append(o.byPrefix[[prefixSize]byte(key)], original{kind, joined})
		}
	}
}

// Len returns how many originals are remembered, a pair counting once.
func (o *Originals) Len() int {
	n := 0
	for _, count := range o.kinds {
		n += count
	}
	return n
}

// Kind says how many originals of one kind there are.
type Kind struct {
	Name  string
	Count int
}

// Kinds returns the kinds by name.
func (o *Originals) Kinds() []Kind {
	kinds := make([]Kind, 0, len(o.kinds))
	for name, count := range o.kinds {
		kinds = append(kinds, Kind{name, count})
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return cmp.Compare(a.Name, b.Name) })
	return kinds
}

// Hit says that a field of a row holds an original, or part of one that only identifies with another
// field of the row.
type Hit struct {
	Kind string
	// Field is the index of the field, the second of a pair.
	Field int
}

// Look returns where the originals are met in one row; nil fields are NULL. An original met twice in one
// field is one hit for each meeting.
func (o *Originals) Look(row [][]byte) []Hit {
	var hits []Hit
	lower := make([][]byte, len(row))
	for i, field := range row {
		lower[i] = bytes.ToLower(field)
		hits = o.lookInside(hits, i, lower[i])
	}
	if len(o.pairs) == 0 {
		return hits
	}
	for i, first := range lower {
		for j, second := range lower {
			if i == j || len(first) == 0 || len(second) == 0 {
				continue
			}
			if kind, ok := o.pairs[[2]string{string(bytes.TrimSpace(first)), string(bytes.TrimSpace(second))}]; ok {
				hits = append(hits, Hit{kind, j})
			}
		}
	}
	return hits
}

func (o *Originals) lookInside(hits []Hit, field int, text []byte) []Hit {
	if kind, ok := o.whole[string(bytes.TrimSpace(text))]; ok {
		hits = append(hits, Hit{kind, field})
	}
	for i := 0; i+prefixSize <= len(text); i++ {
		for _, candidate := range o.byPrefix[[prefixSize]byte(text[i:])] {
			if len(candidate.text) <= len(text)-i && string(text[i:i+len(candidate.text)]) == candidate.text && standsAlone(text, i, len(candidate.text)) {
				hits = append(hits, Hit{candidate.kind, field})
			}
		}
	}
	return hits
}

// standsAlone reports whether text[at:at+size] is not part of a longer word or number: "12 High Street"
// inside "112 High Streets" is somebody else's address.
func standsAlone(text []byte, at, size int) bool {
	before := at == 0 || !wordByte(text[at-1]) || !wordByte(text[at])
	after := at+size == len(text) || !wordByte(text[at+size]) || !wordByte(text[at+size-1])
	return before && after
}

// wordByte counts every byte of a multi-byte character as part of a word.
func wordByte(b byte) bool {
	return b >= 0x80 || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
