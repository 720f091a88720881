package catalog

import (
	"cmp"
	"fmt"
	"strings"
)

// Name is a schema-qualified name, each part exactly as the catalog spells it: unquoted, case kept.
type Name struct {
	Schema string
	Name   string
}

// String returns the form that rules files and messages use: schema.name, a part in double quotes only
// where it holds a dot, a double quote or nothing.
func (n Name) String() string { return spell(n.Schema) + "." + spell(n.Name) }

// Column returns the name of a column of the table n, in the form of String.
func (n Name) Column(column string) string { return n.String() + "." + spell(column) }

// Spell returns parts as one dotted name that SplitName takes apart again.
func Spell(parts ...string) string {
	spelled := make([]string, len(parts))
	for i, part := range parts {
		spelled[i] = spell(part)
	}
	return strings.Join(spelled, ".")
}

// SQL returns the name with both parts quoted, fit for a statement.
func (n Name) SQL() string { return QuoteIdentifier(n.Schema) + "." + QuoteIdentifier(n.Name) }

// IsZero reports whether n names nothing.
func (n Name) IsZero() bool { return n == Name{} }

// Compare orders names by schema, then by name.
func (n Name) Compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Schema, other.Schema), cmp.Compare(n.Name, other.Name))
}

// MarshalText writes n as String does.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what String wrote.
func (n *Name) UnmarshalText(text []byte) error {
	parts, err := SplitName(string(text))
	if err != nil {
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("read name %q: want schema.name", text)
	}
	n.Schema, n.Name = parts[0], parts[1]
	return nil
}

// QuoteIdentifier returns s as a quoted SQL identifier.
func QuoteIdentifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// SplitName splits a dotted name into its parts, undoing double quotes as SQL does. It refuses an
// unterminated quote, an empty part, and text after a closing quote.
func SplitName(s string) ([]string, error) {
	var parts []string
	for rest := s; ; {
		part, tail, err := nextPart(rest)
		if err != nil {
			return nil, fmt.Errorf("read name %q: %w", s, err)
		}
		parts = append(parts, part)
		if tail == "" {
			return parts, nil
		}
		rest = tail[1:]
	}
}

// nextPart returns the first part of s and what follows it: "" or text that begins with the dot.
func nextPart(s string) (part, tail string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, '.')
		if end < 0 {
			end = len(s)
		}
		if end == 0 {
			return "", "", fmt.Errorf("a part is empty")
		}
		return s[:end], s[end:], nil
	}
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
		if tail = s[i+1:]; tail != "" && tail[0] != '.' {
			return "", "", fmt.Errorf("text follows a closing quote")
		}
		return b.String(), tail, nil
	}
	return "", "", fmt.Errorf("a quote is not closed")
}

func spell(part string) string {
	if part == "" || strings.ContainsAny(part, `."`) {
		return QuoteIdentifier(part)
	}
	return part
}
