package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/lethedb/lethe/anonymize"
)

// maskPage writes the catalogue as a page of Markdown: MASKS.md, which a test compares with it.
func maskPage(w io.Writer, docs []maskDocument) {
	fmt.Fprint(w, `# Masks

Every mask there is, by group. This page is written by `+"`lethe masks --markdown`"+` (`+"`make masks`"+`); `+"`lethe masks NAME`"+`
says the same in a terminal. How rules name masks and their parameters is in [RULES.md](RULES.md).

- **from, to**: an example, made with a published key, so that it is the same everywhere
- **stands on**: the classes of type that the mask can stand on
- **unique**: exact: distinct values stay distinct; bounded: two become equal with a probability below 2^-40, which is
  checked against the column's rows; none: a unique index refuses it before the run
- **rank**: privacy, from 1 (nothing of the original is used) over 5 (close to it) to 6 (kept)
- **discloses**: what of the originals can still be seen in the output
- **ns**: the order of nanoseconds a value takes on one core (`+"`make bench-go`"+`)

Output depends on the value, the masking key and the domain alone, unless it is said to be data-free (on nothing).
NULL stays NULL unless it is said otherwise.
`)
	for _, group := range anonymize.Groups() {
		first := true
		for _, d := range docs {
			if d.Group != string(group) {
				continue
			}
			if first {
				fmt.Fprintf(w, "\n## %s\n", groupTitle(group))
				first = false
			}
			maskSection(w, d)
		}
	}
}

// groupTitle says in a few words what the masks of a group have in common.
func groupTitle(g anonymize.Group) string {
	switch g {
	case anonymize.GroupDestroy:
		return "Destroy: nothing of the value is left"
	case anonymize.GroupPartial:
		return "Partial: a stated part of the value is left"
	case anonymize.GroupPseudonymize:
		return "Pseudonymize: another key, token or number for each value"
	case anonymize.GroupRealistic:
		return "Realistic: what looks like the thing itself, and reaches nobody"
	case anonymize.GroupIdentifier:
		return "Identifiers: numbers that authorities and issuers hand out, check digits and all"
	case anonymize.GroupPerturb:
		return "Perturb: moved by a little"
	case anonymize.GroupGeneralize:
		return "Generalize: coarser than it was"
	case anonymize.GroupRearrange:
		return "Rearrange: values change places"
	case anonymize.GroupRow:
		return "Row: what the row says elsewhere decides"
	case anonymize.GroupStructured:
		return "Structured: masks inside documents, arrays and maps"
	case anonymize.GroupText:
		return "Text: prose with people in it"
	case anonymize.GroupControl:
		return "Control: which mask, and whether"
	}
	return string(g)
}

// maskSection writes one mask. A table cell takes no bar and no line break.
func maskSection(w io.Writer, d maskDocument) {
	fmt.Fprintf(w, "\n### %s\n\n%s.\n\n", d.Name, capital(d.Summary))
	fmt.Fprint(w, "| from | to | stands on | unique | rank | discloses | ns |\n|---|---|---|---|--:|---|--:|\n")
	discloses := strings.Join(d.Discloses, ", ")
	if discloses == "" {
		discloses = "nothing"
	}
	fmt.Fprintf(w, "| %s | %s | %s | %s | %d | %s | %d |\n", code(d.Example.Input), code(d.Example.Output),
		strings.Join(d.Accepts, ", "), d.Uniqueness, d.Rank, discloses, d.Cost)
	for _, note := range maskNotes(d) {
		fmt.Fprintf(w, "\n%s.\n", note)
	}
	if len(d.Params) == 0 {
		return
	}
	fmt.Fprint(w, "\n| parameter | takes | |\n|---|---|---|\n")
	for _, p := range d.Params {
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", p.Name, tableCell(p.takes()), tableCell(p.Doc))
	}
}

// maskNotes are the parts of a contract that most masks do not have.
func maskNotes(d maskDocument) []string {
	var notes []string
	if d.Determinism != string(anonymize.Keyed) && d.Determinism != string(anonymize.Kept) {
		notes = append(notes, "Output: "+d.Determinism)
	}
	if d.Nulls == string(anonymize.NullsMasked) {
		notes = append(notes, "NULL is masked too")
	}
	if d.Reads != string(anonymize.ReadsValue) {
		notes = append(notes, "Reads the "+d.Reads)
	}
	if d.Format != "" {
		notes = append(notes, "Form: "+d.Format)
	}
	if d.Safe != "" {
		notes = append(notes, "Safe: "+d.Safe)
	}
	if d.Inputs > 0 {
		notes = append(notes, fmt.Sprintf("Inputs: at most %.3g on the example's type; who can try them all sees through the mask", d.Inputs))
	}
	if d.Reversible {
		notes = append(notes, "Reversible by who holds the key")
	}
	if d.KeyMask {
		notes = append(notes, "Its domain is the key that the column belongs to")
	}
	return notes
}

// takes says what a parameter takes, and what it is when it is absent.
func (p paramDocument) takes() string {
	text := p.Kind
	switch {
	case p.Required:
		text += ", required"
	case p.Default != nil:
		text += fmt.Sprintf(", default %v", p.Default)
	}
	if len(p.Choices) > 0 {
		text += ": " + strings.Join(p.Choices, " | ")
	}
	return text
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func tableCell(s string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s) }

// code sets an example in code, however many backticks it holds.
func code(s string) string {
	if s == "" {
		return "(empty)"
	}
	return "`" + tableCell(strings.ReplaceAll(s, "`", "'")) + "`"
}
