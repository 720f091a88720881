// Package finding holds what a check found: a problem with its place and its remedy, as plain data.
//
// A Finding is a result; an error means that the check itself could not run. Findings never hold a
// value read from a database: they name tables, columns, rules and files only.
package finding

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Severity says what a finding does to the run that met it.
type Severity int

const (
	// Error refuses the run before anything is touched.
	Error Severity = iota
	// Warning lets the run go on and is shown in its summary.
	Warning
	// Note is shown only where somebody asked to see everything.
	Note
)

// String returns the lower-case English word for s.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText writes s as its word, so that JSON output does not depend on the order of the constants.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word that MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Error, Warning, Note} {
		if string(text) == known.String() {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("read severity: unknown word of %d bytes", len(text))
}

// Place is a position in a configuration file. Line and Column count from 1; zero means unknown.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String returns file:line:column, leaving out what is unknown, and "" for the zero Place.
func (p Place) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Finding is one problem. It is comparable and safe to copy.
type Finding struct {
	// Code is a stable, lower-case, dashed word that scripts may match on, such as "undecided-column".
	Code string `json:"code"`
	// Severity decides whether the run may go on.
	Severity Severity `json:"severity"`
	// Place is where in the configuration the problem stands; zero when it stands in a database.
	Place Place `json:"place,omitzero"`
	// Object is the database object concerned, such as "public.customer.email"; may be empty.
	Object string `json:"object,omitempty"`
	// Message says what is wrong: lower case, no full stop, no value.
	Message string `json:"message"`
	// Fix says what to do about it: an imperative sentence; may be empty.
	Fix string `json:"fix,omitempty"`
}

// String returns the finding on one line: place, object, message, then the remedy.
func (f Finding) String() string {
	var b strings.Builder
	for _, part := range []string{f.Place.String(), f.Object} {
		if part != "" {
			b.WriteString(part)
			b.WriteString(": ")
		}
	}
	b.WriteString(f.Message)
	if f.Fix != "" {
		b.WriteString("; ")
		b.WriteString(f.Fix)
	}
	return b.String()
}

// List is a sequence of findings. The nil List is empty and ready to use.
type List []Finding

// MarshalJSON writes l as an array, also when it is empty: a reader need not ask for null.
func (l List) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]Finding(l))
}

// HasErrors reports whether any finding refuses the run.
func (l List) HasErrors() bool { return l.Count(Error) > 0 }

// Count returns how many findings have exactly the severity s.
func (l List) Count(s Severity) int {
	n := 0
	for _, f := range l {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Sort orders l in place by severity, file, line, column, object, code and message, so that the same
// problems always print the same way.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Place.File, b.Place.File),
			cmp.Compare(a.Place.Line, b.Place.Line),
			cmp.Compare(a.Place.Column, b.Place.Column),
			cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
}
