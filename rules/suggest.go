package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// longestName bounds the words that suggestions are looked for: a name in PostgreSQL has 63 bytes, and
// the time to compare two words grows with the product of their lengths.
const longestName = 200

// nearest returns the candidate that a person who wrote word most likely meant, or "". A candidate
// differs in at most a third of the word's letters, two at least; of equals the first in order wins.
func nearest(word string, candidates []string) string {
	if len(word) > longestName {
		return ""
	}
	limit := max(utf8.RuneCountInString(word)/3, 2)
	best, found := limit+1, ""
	sorted := slices.Sorted(slices.Values(candidates))
	for _, candidate := range sorted {
		if len(candidate) > longestName {
			continue
		}
		d := distance(strings.ToLower(word), strings.ToLower(candidate), best)
		if d < best && d < utf8.RuneCountInString(candidate) {
			best, found = d, candidate
		}
	}
	return found
}

// meant returns a remedy for an unknown word: the nearest candidate, or all of them when they are few.
func meant(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf("write %q if that is what was meant", near)
	}
	if len(candidates) > 0 && len(candidates) <= 12 {
		return "write one of " + strings.Join(slices.Sorted(slices.Values(candidates)), ", ")
	}
	return ""
}

// distance is the number of letters to insert, delete, change or swap with their neighbour. It returns
// limit as soon as it is known to be no less.
func distance(a, b string, limit int) int {
	s, t := []rune(a), []rune(b)
	if d := len(s) - len(t); d >= limit || -d >= limit {
		return limit
	}
	two, one, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		one[j] = j
	}
	for i := range s {
		row[0] = i + 1
		least := row[0]
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, one[j+1]+1, one[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], two[j-1]+1)
			}
			least = min(least, row[j+1])
		}
		if least >= limit {
			return limit
		}
		two, one, row = one, row, two
	}
	return min(one[len(t)], limit)
}
