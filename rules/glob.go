package rules

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// glob is a pattern over schema.table.column. A * stands for any run of characters within one part, a ?
// for exactly one; a part in SQL double quotes is literal.
type glob struct {
	text  string
	parts [3]globPart
}

// globPart is the pattern for one part of a name.
type globPart struct {
	// text is the pattern with every run of wildcards in normal form: first the ?, then at most one *.
	text []rune
	// wild[i] reports that text[i] is a wildcard and not a character of the name.
	wild []bool
	// literal is the name itself when no wildcard is in it, else "".
	literal string
}

// parseGlob reads a pattern of exactly three parts.
func parseGlob(s string) (glob, error) {
	g := glob{text: s}
	rest, n := s, 0
	for {
		part, tail, err := nextGlobPart(rest)
		if err != nil {
			return glob{}, fmt.Errorf("read pattern %q: %w", s, err)
		}
		if n < len(g.parts) {
			g.parts[n] = part
		}
		n++
		if tail == "" {
			break
		}
		rest = tail[1:]
	}
	if n != len(g.parts) {
		return glob{}, fmt.Errorf("read pattern %q: has %s, want schema.table.column", s, plural(n, "part", "parts"))
	}
	return g, nil
}

// nextGlobPart returns the first part of s and what follows it: "" or text that begins with the dot.
func nextGlobPart(s string) (globPart, string, error) {
	if strings.HasPrefix(s, `"`) {
		return quotedGlobPart(s)
	}
	end := strings.IndexByte(s, '.')
	if end < 0 {
		end = len(s)
	}
	if end == 0 {
		return globPart{}, "", fmt.Errorf("a part is empty")
	}
	if strings.Contains(s[:end], `"`) {
		return globPart{}, "", fmt.Errorf("a double quote stands inside a part; quote the whole part")
	}
	return newGlobPart(s[:end], true), s[end:], nil
}

func quotedGlobPart(s string) (globPart, string, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		tail := s[i+1:]
		switch {
		case tail != "" && tail[0] != '.':
			return globPart{}, "", fmt.Errorf("text follows a closing quote")
		case b.Len() == 0:
			return globPart{}, "", fmt.Errorf("a part is empty")
		}
		return newGlobPart(b.String(), false), tail, nil
	}
	return globPart{}, "", fmt.Errorf("a quote is not closed")
}

// newGlobPart brings runs of wildcards into normal form, so that patterns that mean the same are equal.
func newGlobPart(s string, wildcards bool) globPart {
	var p globPart
	var star bool
	flush := func() {
		if star {
			p.text, p.wild, star = append(p.text, '*'), append(p.wild, true), false
		}
	}
	wild := false
	for _, c := range s {
		switch {
		case wildcards && c == '*':
			star, wild = true, true
		case wildcards && c == '?':
			p.text, p.wild, wild = append(p.text, '?'), append(p.wild, true), true
		default:
			flush()
			p.text, p.wild = append(p.text, c), append(p.wild, false)
		}
	}
	flush()
	if !wild {
		p.literal = s
	}
	return p
}

// matches reports whether the pattern covers name. It backtracks to the last * only, so its time is
// bounded by the product of the lengths.
func (p globPart) matches(name string) bool {
	if p.literal != "" {
		return p.literal == name
	}
	if len(p.text) == 1 && p.wild[0] && p.text[0] == '*' {
		return true
	}
	i, star, mark := 0, -1, 0
	for at := 0; at < len(name); {
		c, size := utf8.DecodeRuneInString(name[at:])
		switch {
		case i < len(p.text) && p.wild[i] && p.text[i] == '*':
			star, mark = i, at
			i++
		case i < len(p.text) && (p.wild[i] || p.text[i] == c):
			i++
			at += size
		case star >= 0:
			_, skip := utf8.DecodeRuneInString(name[mark:])
			mark += skip
			i, at = star+1, mark
		default:
			return false
		}
	}
	for i < len(p.text) && p.wild[i] && p.text[i] == '*' {
		i++
	}
	return i == len(p.text)
}

// contains reports whether every name that other covers is covered by p. It treats other's wildcards as
// characters that only a wildcard at least as wide can stand for, which is exact for patterns in normal
// form.
func (p globPart) contains(other globPart) bool {
	// reach[j] reports that p's first i elements cover other's first j.
	reach := make([]bool, len(other.text)+1)
	reach[0] = true
	for i := range p.text {
		next := make([]bool, len(reach))
		if p.wild[i] && p.text[i] == '*' {
			open := false
			for j := range reach {
				open = open || reach[j]
				next[j] = open
			}
		} else {
			for j := range other.text {
				star := other.wild[j] && other.text[j] == '*'
				same := p.wild[i] || !other.wild[j] && p.text[i] == other.text[j]
				next[j+1] = reach[j] && !star && same
			}
		}
		reach = next
	}
	return reach[len(other.text)]
}

// literals returns the number of characters that are not wildcards.
func (p globPart) literals() int {
	n := 0
	for _, wild := range p.wild {
		if !wild {
			n++
		}
	}
	return n
}

func (g glob) matches(schema, table, column string) bool {
	return g.parts[2].matches(column) && g.parts[1].matches(table) && g.parts[0].matches(schema)
}

// literalParts returns how many of the three parts hold no wildcard.
func (g glob) literalParts() int {
	n := 0
	for _, p := range g.parts {
		if p.literal != "" {
			n++
		}
	}
	return n
}

func (g glob) literals() int {
	return g.parts[0].literals() + g.parts[1].literals() + g.parts[2].literals()
}

func (g glob) contains(other glob) bool {
	for i := range g.parts {
		if !g.parts[i].contains(other.parts[i]) {
			return false
		}
	}
	return true
}

// same reports whether g and other cover the same names.
func (g glob) same(other glob) bool { return g.contains(other) && other.contains(g) }

// narrower orders patterns: negative when g is narrower than other, positive when wider, 0 for a tie.
//
// The narrower has more parts without a wildcard; else more characters that are no wildcards; else
// everything it covers is covered by the other. The first two never contradict the third: a pattern that
// is covered by another holds all of its characters.
func (g glob) narrower(other glob) int {
	if n := cmp.Or(
		cmp.Compare(other.literalParts(), g.literalParts()),
		cmp.Compare(other.literals(), g.literals()),
	); n != 0 {
		return n
	}
	switch in, out := other.contains(g), g.contains(other); {
	case in && !out:
		return -1
	case out && !in:
		return 1
	}
	return 0
}

// catchAll reports that the column part names no column: a wildcard with fewer than two characters of a
// name beside it, such as *, ?* or *e*. Two are what "*Id" has, the shortest ending in use.
func (g glob) catchAll() bool {
	return g.parts[2].literal == "" && g.parts[2].literals() < 2
}

// key returns a text that two patterns share exactly when they cover the same names.
func (g glob) key() string {
	var b strings.Builder
	for _, p := range g.parts {
		for i, c := range p.text {
			if p.wild[i] {
				b.WriteByte(0)
			}
			b.WriteRune(c)
		}
		b.WriteString("\x00.")
	}
	return b.String()
}
