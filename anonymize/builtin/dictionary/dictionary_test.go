package dictionary

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/brianvoe/gofakeit/v7/data"
)

// frozen are the digests of released files. A line that changes moves every name of every environment.
func frozen() map[string]string {
	return map[string]string{
		"cities.txt":       "6c9441bd6db1d6629f35ef0e9e100a7c322d6decd84924402f3fab6b156aac70",
		"common_words.txt": "190ae8791576e62fad9a4cde1311329292a66842371c546a19b59afc33e65793",
		"first_names.txt":  "a3c147cf6dca5b5a5b4362c2ae905ab2143d9b245f9a012915bc1cc82b265fea",
		"last_names.txt":   "079e41e6d7cb559806664bdb689060c308683ea3cd985d29daf07b3a789dcd9a",
		"street_names.txt": "9f52ab4901a64a4778248e1b2def882225a234fd693c4e9b59b954239f570d64",
		"street_types.txt": "5be16eeca64456c5992dc4f78364ec3c7ca68600e7d96b27b4bea67d6a0d031e",
	}
}

func TestReleasedFilesNeverChange(t *testing.T) {
	want := frozen()
	entries, err := fs.ReadDir(files, Version)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, want %d", len(entries), len(want))
	}
	for _, entry := range entries {
		text, err := files.ReadFile(Version + "/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != want[entry.Name()] {
			t.Errorf("%s has digest %s, released was %s: add a new version, leave this one", entry.Name(), got, want[entry.Name()])
		}
	}
}

func TestFilesAreSortedDistinctPrintableASCII(t *testing.T) {
	for name := range frozen() {
		text, err := files.ReadFile(Version + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if !slices.IsSorted(lines) {
			t.Errorf("%s is not sorted", name)
		}
		if len(slices.Compact(slices.Clone(lines))) != len(lines) {
			t.Errorf("%s repeats a word", name)
		}
		for _, line := range lines {
			if line == "" || strings.TrimSpace(line) != line || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: %q is not a word of printable ASCII", name, line)
			}
		}
	}
}

func TestThereAreEnoughNamesToHideIn(t *testing.T) {
	library := NewLibrary()
	for _, list := range []struct {
		name  string
		words *Words
		least int
	}{
		{"first names", library.FirstNames(), 5_000},
		{"surnames", library.LastNames(), 20_000},
		{"cities", library.Cities(), 1_000},
		{"street names", library.StreetNames(), 200},
		{"street types", library.StreetTypes(), 20},
		{"common words", library.CommonWords(), 30_000},
	} {
		if got := list.words.Len(); got < list.least {
			t.Errorf("%s: %d words, want at least %d", list.name, got, list.least)
		}
	}
}

func TestWordsUpToALengthAreAPrefix(t *testing.T) {
	words := NewLibrary().LastNames()
	for n := -1; n <= words.Longest()+2; n++ {
		fitting := words.Fitting(n)
		for i := range words.Len() {
			if (len(words.Word(i)) <= n) != (i < fitting) {
				t.Fatalf("limit %d: word %d of %d has %d characters", n, i, fitting, len(words.Word(i)))
			}
		}
	}
	if words.Fitting(1000) != words.Len() {
		t.Error("a generous limit leaves words out")
	}
}

func TestHasFoldsTheListNotTheQuestion(t *testing.T) {
	library := NewLibrary()
	if !library.LastNames().Has([]byte("mcdonald")) || library.LastNames().Has([]byte("McDonald")) {
		t.Error("surnames are looked up in lower case")
	}
	if !library.CommonWords().Has([]byte("parcel")) || library.CommonWords().Has([]byte("kowalczyk")) {
		t.Error("parcel is a common word, kowalczyk is none")
	}
}

// Gofakeit adds and drops names; the files do not follow it. The test tells what a next version could take.
func TestDifferencesFromGofakeitAreTold(t *testing.T) {
	library := NewLibrary()
	for _, list := range []struct {
		name  string
		words *Words
		other []string
	}{
		{"first names", library.FirstNames(), data.Person["first"]},
		{"surnames", library.LastNames(), data.Person["last"]},
		{"cities", library.Cities(), data.Address["city"]},
	} {
		shared := 0
		for _, word := range list.other {
			if list.words.Has([]byte(strings.ToLower(word))) {
				shared++
				continue
			}
			t.Logf("%s: gofakeit also has %q", list.name, word)
		}
		if shared == 0 {
			t.Errorf("%s: nothing in common with gofakeit, which is a named source", list.name)
		}
	}
}
