package personal

import (
	"strings"
	"unicode"
)

// split cuts a name into its words: lower-case, without accents, singular where that makes a known word,
// spelled as the vocabulary spells them. Digits separate and are left out: they number things.
func split(name string) []string {
	v := vocabulary()
	var out []string
	for _, word := range cut(name) {
		out = append(out, v.spell(word)...)
	}
	return out
}

// cut cuts a name at everything that is no letter and where capitals begin a word: "homeIPAddress" is
// home, ip, address. "IDs" is one word.
func cut(name string) []string {
	letters := []rune(name)
	var out []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			out = append(out, fold(word))
			word = nil
		}
	}
	for i, c := range letters {
		if unicode.Is(unicode.Mn, c) { // an accent that stands apart from its letter
			continue
		}
		if !unicode.IsLetter(c) {
			flush()
			continue
		}
		if unicode.IsUpper(c) && i > 0 {
			capital := unicode.IsUpper(letters[i-1])
			next := i+1 < len(letters) && unicode.IsLower(letters[i+1])
			if !capital || next && !pluralOf(letters, i+1) {
				flush()
			}
		}
		word = append(word, c)
	}
	flush()
	return out
}

// pluralOf reports whether letters[i] is the "s" of several of what capitals before it name, as in "IDs".
func pluralOf(letters []rune, i int) bool {
	return letters[i] == 's' && (i+1 == len(letters) || !unicode.IsLower(letters[i+1]))
}

// fold returns word in lower case, its letters without accents.
func fold(word []rune) string {
	var b strings.Builder
	for _, c := range word {
		c = unicode.ToLower(c)
		switch {
		case c == 'ß':
			b.WriteString("ss")
		case strings.ContainsRune("àáâãäåą", c):
			b.WriteByte('a')
		case strings.ContainsRune("çć", c):
			b.WriteByte('c')
		case strings.ContainsRune("èéêëę", c):
			b.WriteByte('e')
		case strings.ContainsRune("ìíîï", c):
			b.WriteByte('i')
		case c == 'ł':
			b.WriteByte('l')
		case strings.ContainsRune("ñń", c):
			b.WriteByte('n')
		case strings.ContainsRune("òóôõöø", c):
			b.WriteByte('o')
		case c == 'ś':
			b.WriteByte('s')
		case strings.ContainsRune("ùúûü", c):
			b.WriteByte('u')
		case strings.ContainsRune("źż", c):
			b.WriteByte('z')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// spell returns word as the vocabulary has it: itself when it is known, else its singular when that is,
// else itself. Words written together come apart.
func (v *words) spell(word string) []string {
	for _, form := range singulars(word) {
		if parts, ok := v.spelled[form]; ok {
			return parts
		}
		if v.known[form] {
			return []string{form}
		}
	}
	return []string{word}
}

// singulars returns word and what it may be the plural of.
func singulars(word string) []string {
	forms := []string{word}
	if len(word) < 3 || strings.HasSuffix(word, "ss") {
		return forms
	}
	if stem, ok := strings.CutSuffix(word, "ies"); ok {
		forms = append(forms, stem+"y")
	}
	if stem, ok := strings.CutSuffix(word, "s"); ok {
		forms = append(forms, stem)
	}
	if stem, ok := strings.CutSuffix(word, "es"); ok {
		forms = append(forms, stem)
	}
	return forms
}
