package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// join writes "a, b or c".
func join(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

// join2 appends a key to a path of keys. A key that does not look like one is described, not quoted.
func join2(where, name string) string {
	if where == "" {
		return quoted(name)
	}
	return where + "." + quoted(name)
}

// title names the place of a message, also at the top of the file.
func title(where string) string {
	if where == "" {
		return "the file"
	}
	return where
}

// presentable matches what may be a key that somebody misspelt; anything else may be a password.
func presentable(name string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`).MatchString(name)
}

func quoted(name string) string {
	if presentable(name) {
		return name
	}
	return fmt.Sprintf("<a key of %d characters>", utf8.RuneCountInString(name))
}

// didYouMean returns a remedy when one of the known words is close to name, else "".
func didYouMean(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return "did you mean " + best + "?"
	}
	return ""
}

// longestTypo bounds what is compared: names are short, and comparing costs the product of the lengths.
const longestTypo = 64

// nearest returns the known word with the fewest edits from name, the first of equals, or "" when none
// is within a third of the name's length (at least one edit): farther ones confuse more than they help.
func nearest(name string, known []string) string {
	if len(name) > longestTypo {
		return ""
	}
	best, fewest := "", max(1, len(name)/3)+1
	for _, word := range known {
		if d := edits(strings.ToLower(name), word); d < fewest {
			best, fewest = word, d
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
