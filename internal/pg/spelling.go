package pg

import (
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// skeleton returns an expression or a definition without what a server adds or moves when it reads its own
// spelling again: parentheses, brackets, blanks and casts. `v IN ('a', 'b')` of a varchar is spelled
// `ANY ((ARRAY['a'::character varying, …])::text[])` where somebody wrote it, and `ANY (ARRAY[('a'::character
// varying)::text, …])` in a copy. Literals and quoted names stay as they are. Two that differ only here are one
// to whom compares what a dump restored; no server is ever given a skeleton.
func skeleton(sql string) string {
	var out strings.Builder
	for i := 0; i < len(sql); {
		switch c := sql[i]; {
		case c == '\'' || c == '"':
			end := closing(sql, i)
			out.WriteString(sql[i:end])
			i = end
		case c == ':' && strings.HasPrefix(sql[i:], "::"):
			i = afterType(sql, i+2)
		case strings.ContainsRune(" \t\r\n()[]", rune(c)):
			i++
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
}

// closing returns the index after the literal or quoted name that begins at i. A literal after E has escapes.
func closing(sql string, i int) int {
	quote := sql[i]
	escapes := quote == '\'' && i > 0 && (sql[i-1] == 'E' || sql[i-1] == 'e')
	for j := i + 1; j < len(sql); j++ {
		switch {
		case escapes && sql[j] == '\\':
			j++
		case sql[j] == quote && j+1 < len(sql) && sql[j+1] == quote:
			j++
		case sql[j] == quote:
			return j + 1
		}
	}
	return len(sql)
}

// afterType returns the index after the type's name that begins at i, as format_type spells it.
func afterType(sql string, i int) int {
	i = afterName(sql, i)
	for {
		switch rest := sql[i:]; {
		case strings.HasPrefix(rest, "."):
			i = afterName(sql, i+1)
		case strings.HasPrefix(rest, "[]"):
			i += 2
		case strings.HasPrefix(rest, "("):
			end := strings.IndexByte(rest, ')')
			if end < 0 || strings.Trim(rest[1:end], "0123456789, -") != "" {
				return i
			}
			i += end + 1
		default:
			word := continuation(rest)
			if word == "" {
				return i
			}
			i += len(word)
		}
	}
}

// continuation returns the further word of a type's name that s begins with.
func continuation(s string) string {
	for _, word := range []string{" varying", " precision", " with time zone", " without time zone"} {
		if strings.HasPrefix(s, word) {
			return word
		}
	}
	return ""
}

// afterName returns the index after the name, quoted or not, that begins at i.
func afterName(sql string, i int) int {
	if i < len(sql) && sql[i] == '"' {
		return closing(sql, i)
	}
	for i < len(sql) && (sql[i] >= 0x80 || sql[i] == '_' || sql[i] == '$' || sql[i]|0x20 >= 'a' && sql[i]|0x20 <= 'z' || sql[i] >= '0' && sql[i] <= '9') {
		i++
	}
	return i
}

// skeletons makes the tables of two servers of one major comparable: of their expressions the skeletons are
// left. The lists are changed in place.
func skeletons(lists ...[]catalog.Table) {
	for _, tables := range lists {
		for i, table := range tables {
			tables[i] = rewritten(table, func(text *string) { *text = skeleton(*text) })
		}
	}
}
