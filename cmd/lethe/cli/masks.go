package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// maskDocument is a mask's contract as --json prints it.
type maskDocument struct {
	Name        string   `json:"name"`
	Group       string   `json:"group"`
	Summary     string   `json:"summary"`
	Accepts     []string `json:"accepts"`
	Determinism string   `json:"determinism"`
	Uniqueness  string   `json:"uniqueness"`
	Nulls       string   `json:"nulls"`
	Reads       string   `json:"reads"`
	Discloses   []string `json:"discloses"`
	Rank        int      `json:"privacy_rank"`
	Reversible  bool     `json:"reversible"`
	Format      string   `json:"format,omitempty"`
	Safe        string   `json:"safe,omitempty"`
	// Inputs is how many values the example's type can hold, 0 where nothing bounds them.
	Inputs float64 `json:"inputs,omitempty"`
	// Cost is the order of nanoseconds per value.
	Cost    int             `json:"cost_ns"`
	Family  string          `json:"family,omitempty"`
	KeyMask bool            `json:"key_mask,omitempty"`
	Params  []paramDocument `json:"params,omitempty"`
	Example exampleDocument `json:"example"`
}

type paramDocument struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Required bool     `json:"required"`
	Default  any      `json:"default,omitempty"`
	Choices  []string `json:"choices,omitempty"`
	Doc      string   `json:"doc"`
}

type exampleDocument struct {
	Input  string `json:"input"`
	Output string `json:"output"`
}

func (a *app) masksCommand() *cobra.Command {
	var markdown bool
	command := &cobra.Command{
		Use:   "masks [NAME]",
		Short: "The catalogue of masks: parameters, guarantees, an example of each",
		Long: `Without a name, lists every mask. With one, shows its whole contract: which
types it stands on, what it promises about uniqueness and NULL, what its output
still discloses, and its parameters.

Examples are made with a published key, so they are the same everywhere.`,
		Example:           "  lethe masks\n  lethe masks email\n  lethe masks --json",
		Args:              atMost(1, "at most one mask's name"),
		ValidArgsFunction: completeMask,
		RunE: func(_ *cobra.Command, args []string) error {
			registry, err := anonymize.NewRegistry(builtin.Masks())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return a.oneMask(registry, args[0])
			}
			docs := make([]maskDocument, 0, len(registry.All()))
			for _, def := range registry.All() {
				docs = append(docs, documentMask(def))
			}
			if markdown {
				maskPage(a.Out, docs)
				return nil
			}
			return a.print(docs, func(w io.Writer) { a.showMasks(w, docs) })
		},
	}
	command.Flags().BoolVar(&markdown, "markdown", false, "the whole catalogue as a page of Markdown")
	return command
}

func (a *app) oneMask(registry *anonymize.Registry, name string) error {
	def, ok := registry.Lookup(name)
	if !ok {
		return usageError("unknown-mask", fmt.Errorf("no mask is called %q", name), "see the list: lethe masks")
	}
	doc := documentMask(*def)
	return a.print(doc, func(w io.Writer) { a.showMask(w, doc) })
}

func documentMask(def anonymize.Definition) maskDocument {
	doc := maskDocument{
		Name: def.Name, Group: string(def.Group), Summary: def.Summary, Determinism: string(def.Determinism), Uniqueness: string(def.Uniqueness),
		Nulls: string(def.Nulls), Reads: string(def.Reads), Discloses: disclosed(def), Rank: def.Rank,
		Reversible: def.Reversible, Family: def.Family, KeyMask: def.KeyMask,
		Format: def.Format, Safe: def.Safe, Cost: def.Cost,
	}
	if def.Inputs != nil {
		doc.Inputs = def.Inputs(exampleArgs(def))
	}
	for _, class := range def.Accepts {
		doc.Accepts = append(doc.Accepts, string(class))
	}
	for _, p := range def.Params {
		doc.Params = append(doc.Params, paramDocument{
			Name: p.Name, Kind: string(p.Kind), Required: p.Required, Default: p.Default, Choices: p.Choices, Doc: p.Doc,
		})
	}
	doc.Example = exampleDocument{Input: def.Example.Input, Output: maskExample(def)}
	return doc
}

// disclosed returns what a mask discloses, as words; it is never nil, so that JSON has a list.
func disclosed(def anonymize.Definition) []string {
	words := make([]string, 0, len(def.Discloses))
	for _, d := range def.Discloses {
		words = append(words, string(d))
	}
	return words
}

// exampleKey is published: it masks the catalogue's examples and nothing else.
func exampleKey() derive.MaskingKey {
	var raw [32]byte
	copy(raw[:], "the example key of the catalogue")
	return derive.MaskingKeyOf(raw)
}

// maskExample runs the mask on its example. A mask that cannot stand alone says why.
func maskExample(def anonymize.Definition) string {
	if def.New == nil {
		return def.Example.Input
	}
	if def.Reads == anonymize.ReadsRow && len(def.Example.Params) == 0 && slices.ContainsFunc(def.Params, func(p anonymize.Param) bool { return p.Required }) {
		return "(depends on the row)"
	}
	mask, err := def.New(exampleArgs(def))
	if err != nil {
		return "(depends on the row)"
	}
	out, err := mask.Append([]byte{}, anonymize.Value{Text: []byte(def.Example.Input)})
	if err != nil {
		return "(depends on the row)"
	}
	if out == nil {
		return "NULL"
	}
	return string(out)
}

// exampleArgs are those of the catalogue's example.
func exampleArgs(def anonymize.Definition) anonymize.Args {
	return anonymize.Args{
		Column: "example", Type: exampleType(def), Params: exampleParams(def),
		Siblings: map[string]int{}, SiblingTypes: map[string]catalog.Type{}, Domain: def.Family,
		Key: exampleKey().Key(def.Family, def.Family),
	}
}

func exampleParams(def anonymize.Definition) map[string]any {
	params := map[string]any{}
	for _, p := range def.Params {
		if p.Default != nil {
			params[p.Name] = p.Default
		}
	}
	for name, value := range def.Example.Params {
		params[name] = value
	}
	return params
}

// exampleType is a column type of the mask's first class.
func exampleType(def anonymize.Definition) catalog.Type {
	bases := map[catalog.Class]string{
		catalog.ClassText: "text", catalog.ClassInteger: "int4", catalog.ClassNumeric: "numeric", catalog.ClassBoolean: "bool",
		catalog.ClassDate: "date", catalog.ClassTimestamp: "timestamptz", catalog.ClassTime: "time", catalog.ClassUUID: "uuid",
		catalog.ClassJSON: "jsonb", catalog.ClassBytes: "bytea", catalog.ClassNetwork: "inet",
	}
	for _, class := range def.Accepts {
		if base, ok := bases[class]; ok {
			return catalog.Type{Name: base, Base: base}
		}
	}
	return catalog.Type{Name: "text", Base: "text"}
}

// exampleWidth is enough of an example to see what the mask does; lethe masks NAME shows all of it.
const exampleWidth = 40

func (a *app) showMasks(w io.Writer, docs []maskDocument) {
	for _, group := range anonymize.Groups() {
		var rows []table.Row
		for _, d := range docs {
			if d.Group == string(group) {
				rows = append(rows, table.Row{d.Name, d.Rank, d.Uniqueness, short(d.Example.Input, exampleWidth), short(d.Example.Output, exampleWidth)})
			}
		}
		if len(rows) > 0 {
			fmt.Fprintf(w, "\n%s\n", a.paintOut(bold, groupTitle(group)))
			a.grid(w, table.Row{"mask", "rank", "unique", "from", "to"}, []int{2}, rows, nil)
		}
	}
	a.tell(w, 0, "\nrank: 1 uses nothing of the original, 6 keeps it. One mask: lethe masks NAME")
}

func (a *app) showMask(w io.Writer, d maskDocument) {
	fmt.Fprintln(w, a.paintOut(bold, d.Name))
	a.tell(w, 2, "  %s\n", d.Summary)
	list := func(words []string) string {
		if len(words) == 0 {
			return "nothing"
		}
		return strings.Join(words, ", ")
	}
	for _, line := range [][2]string{
		{"example", d.Example.Input + "  ->  " + d.Example.Output},
		{"stands on", list(d.Accepts)},
		{"output", d.Determinism},
		{"uniqueness", d.Uniqueness},
		{"NULL", d.Nulls},
		{"discloses", list(d.Discloses)},
		{"reads", d.Reads},
		{"rank", fmt.Sprintf("%d of 6", d.Rank)},
		{"form", d.Format},
		{"safe", d.Safe},
		{"cost", fmt.Sprintf("about %d ns a value", d.Cost)},
	} {
		a.field(w, line[0], line[1])
	}
	if d.Inputs > 0 {
		a.field(w, "inputs", fmt.Sprintf("at most %.3g: who can try them all sees through it", d.Inputs))
	}
	if d.Reversible {
		a.field(w, "reversible", "by who holds the key")
	}
	if len(d.Params) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  parameters\n")
	for _, p := range d.Params {
		a.tell(w, 8, "    %s (%s)\n        %s", a.paintOut(bold, p.Name), p.takes(), p.Doc)
	}
}

// short cuts s to at most n characters.
func short(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// isUsage reports whether cobra itself refused the command line.
func isUsage(err error) bool {
	var f *failure
	if errors.As(err, &f) {
		return f.status == statusUsage
	}
	for _, prefix := range []string{"unknown command", "unknown flag", "unknown shorthand", "required flag", "if any flags", "accepts "} {
		if strings.HasPrefix(err.Error(), prefix) {
			return true
		}
	}
	return false
}
