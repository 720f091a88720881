// Package dictionary holds the words that masks choose from: frozen, versioned files, read once.
//
// What a mask makes of a value depends on every line of them, so a released file never changes. Where
// the words come from stands in SOURCES.md.
package dictionary

import (
	"embed"
	"slices"
	"strings"
	"sync"
)

//go:embed en/v1/*.txt names/v1/*/*.txt places/v1/*.tsv
var files embed.FS

// Version names the directory of the files, for reports.
const Version = "en/v1"

// Library gives out word lists and reads each at most once, when it is first asked for. It is safe for
// concurrent use; share one, because the lists take some megabytes.
type Library struct {
	firstNames, lastNames, cities, streetNames, streetTypes, commonWords func() *Words
	names                                                                map[string]localeNames
	places                                                               func() *Places
}

// NewLibrary returns a Library that has read nothing yet.
func NewLibrary() *Library {
	list := func(name string) func() *Words {
		return sync.OnceValue(func() *Words { return read(name) })
	}
	firstNames, lastNames := list("first_names"), list("last_names")
	return &Library{
		firstNames:  firstNames,
		lastNames:   lastNames,
		cities:      list("cities"),
		streetNames: list("street_names"),
		streetTypes: list("street_types"),
		commonWords: list("common_words"),
		names:       namesByLocale(firstNames, lastNames),
		places:      sync.OnceValue(readPlaces),
	}
}

// FirstNames returns given names, each one word with a capital.
func (l *Library) FirstNames() *Words { return l.firstNames() }

// LastNames returns surnames, each one word with a capital.
func (l *Library) LastNames() *Words { return l.lastNames() }

// Cities returns names of towns, most of them invented.
func (l *Library) Cities() *Words { return l.cities() }

// StreetNames returns what streets are named after.
func (l *Library) StreetNames() *Words { return l.streetNames() }

// StreetTypes returns what may stand after a street's name, such as "Lane".
func (l *Library) StreetTypes() *Words { return l.streetTypes() }

// CommonWords returns everyday English words in lower case, names of people not among them as such.
func (l *Library) CommonWords() *Words { return l.commonWords() }

// Places returns real cities with what belongs to them.
func (l *Library) Places() *Places { return l.places() }

// Words is a list of distinct ASCII words. It is read-only.
//
// The words stand one behind the other in one text, sorted by length, then by bytes: all words up to a length
// are a prefix, and where a word stands follows from its number. A word is drawn for every name of every row,
// and what is drawn lies anywhere in the list: without a list of strings beside the text, most of what is
// looked at stays in the processor's caches.
type Words struct {
	text string
	// upTo[n] is how many words have at most n bytes; start[n] is where those of n bytes begin in text.
	upTo, start []int
	// folded has every word in lower case; made when first asked for.
	folded func() *set
}

// read parses one embedded file.
func read(name string) *Words { return newWords(linesOf(Version + "/" + name + ".txt")) }

// linesOf returns the lines of an embedded file. A file that is not there is a mistake of this package alone.
func linesOf(name string) []string {
	data, err := files.ReadFile(name)
	if err != nil {
		panic("dictionary: " + err.Error())
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func newWords(lines []string) *Words {
	longest := 0
	for _, line := range lines {
		longest = max(longest, len(line))
	}
	slices.SortStableFunc(lines, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	w := &Words{text: strings.Join(lines, ""), upTo: make([]int, longest+1), start: make([]int, longest+1)}
	for _, line := range lines {
		w.upTo[len(line)]++
	}
	before := 0 // bytes
	for n, words := range w.upTo {
		w.start[n] = before
		before += words * n
		if n > 0 {
			w.upTo[n] += w.upTo[n-1]
		}
	}
	w.folded = sync.OnceValue(w.fold)
	return w
}

func (w *Words) fold() *set {
	lower := make([]string, w.Len())
	for i := range lower {
		lower[i] = strings.ToLower(w.Word(i))
	}
	return newSet(lower)
}

// Len returns the number of words.
func (w *Words) Len() int { return w.upTo[w.Longest()] }

// Longest returns the length of the longest word.
func (w *Words) Longest() int { return len(w.upTo) - 1 }

// Fitting returns how many words have at most n characters: exactly those with an index below it.
func (w *Words) Fitting(n int) int {
	if n < 0 {
		return 0
	}
	return w.upTo[min(n, w.Longest())]
}

// Word returns the i-th word by length, then by bytes. It panics unless 0 ≤ i < Len.
func (w *Words) Word(i int) string {
	n := 0
	for w.upTo[n] <= i {
		n++
	}
	at := w.start[n]
	if n > 0 {
		at += (i - w.upTo[n-1]) * n
	}
	return w.text[at : at+n]
}

// Has reports whether the list holds word, which must be in lower case, in any spelling of case.
func (w *Words) Has(word []byte) bool { return w.folded().has(word) }
