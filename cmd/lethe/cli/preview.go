package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/rules"
)

type previewDocument struct {
	Table   string          `json:"table"`
	Columns []previewColumn `json:"columns"`
	// Rows hold masked values; null is SQL NULL.
	Rows [][]*string `json:"rows"`
	// originals are those of Rows, where they were asked for; they are shown on a terminal and nowhere else.
	originals [][]*string
}

// previewing is what a preview was asked for.
type previewing struct {
	env, table string
	rows       int
	originals  bool
	reason     string
}

type previewColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Mask string `json:"mask"`
	// Uniqueness, Determinism and Discloses are what the mask promises, in the words of lethe masks, but that
	// masks under a key of one run are "per-run". What is kept discloses its "value".
	Uniqueness  string   `json:"uniqueness"`
	Determinism string   `json:"determinism"`
	Discloses   []string `json:"discloses"`
}

// previewOf describes a column with the guarantees of what was decided for it.
func previewOf(c *rules.ColumnPlan) previewColumn {
	made := previewColumn{
		Name: c.Column.Name, Type: c.Column.Type.Name, Mask: c.Mask,
		Uniqueness: string(anonymize.UniqueExact), Determinism: string(anonymize.Kept), Discloses: []string{"value"},
	}
	if d := c.Definition; d != nil {
		made.Uniqueness, made.Determinism, made.Discloses = string(d.Uniqueness), string(d.Determinism), disclosed(*d)
		if c.PerRun {
			made.Determinism = "per-run"
		}
	}
	return made
}

func (a *app) previewCommand() *cobra.Command {
	var o previewing
	command := &cobra.Command{
		Use:   "preview TABLE",
		Short: "A few rows of a table as they would arrive",
		Long: `Reads a few rows of the source through the masks and shows what would arrive,
beside each column's type and whether its mask keeps distinct values distinct:
exact, bounded (two may meet by chance, on unique columns below 2^-40) or none;
--json adds what the mask discloses. Which rows come is up to the server.
Nothing is written, anywhere.

Originals of masked columns are never shown, but with --originals: one row at
a time, on a terminal, for a reason that goes on record. Columns that can hold
fewer than a million values are withheld even then: who has seen one value knows
all rows that share it.`,
		Example: `  lethe preview public.customer
  lethe preview public.customer --rows 20 --json
  lethe preview public.customer --originals --reason "review of the rules"`,
		Args:              exactly(1, "the table's name"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			o.table = args[0]
			if o.originals && !c.Flags().Changed("rows") {
				o.rows = 1
			}
			doc, err := a.preview(c.Context(), o)
			if err != nil {
				return err
			}
			return a.print(doc, func(w io.Writer) { a.showPreview(w, doc) })
		},
	}
	command.Flags().StringVar(&o.env, "env", "", "read what `ENV` is made from; not needed with one environment")
	command.Flags().IntVar(&o.rows, "rows", 5, "how many rows, from 1 to 1000")
	command.Flags().BoolVar(&o.originals, "originals", false, "show one row beside what it is in production")
	command.Flags().StringVar(&o.reason, "reason", "", "why originals are looked at, as the ledger will keep it")
	a.completeEnvironmentFlag(command, "env")
	return command
}

// check refuses what a preview may not be asked for.
func (o previewing) check(a *app) error {
	switch {
	case o.rows < 1 || o.rows > 1000:
		return usageError("bad-limit", errors.New("--rows is from 1 to 1000"), "say how many rows to show, such as --rows 5")
	case !o.originals:
		return nil
	case strings.TrimSpace(o.reason) == "":
		return usageError("missing-reason", errors.New("originals are looked at without a reason"), `say why: --reason "review of the rules"`)
	case o.rows != 1:
		return usageError("bad-limit", errors.New("--originals shows one row at a time"), "leave out --rows")
	case !a.InTerminal || !a.OutTerminal || a.json:
		return usageError("no-terminal", errors.New("originals are shown to a person alone"), "run it on a terminal, without --json; originals go into no file and no pipe")
	}
	return nil
}

func (a *app) preview(ctx context.Context, o previewing) (*previewDocument, error) {
	var table catalog.Name
	if err := table.UnmarshalText([]byte(o.table)); err != nil {
		return nil, usageError("bad-name", err, "write schema.table")
	}
	if err := o.check(a); err != nil {
		return nil, err
	}
	p, source, plan, found, done, err := a.look(ctx, o.env)
	if err != nil {
		return nil, err
	}
	defer done()
	if found.HasErrors() {
		return nil, refusedBy(statusRefused, "compile "+p.file.Path(), found)
	}
	entry := plan.Table(table)
	if entry == nil {
		return nil, refused("unknown-table", fmt.Errorf("the plan has no table %s", table), "see the list: lethe plan "+p.env.Name)
	}
	if entry.Rows == rules.RowsNone || entry.Rows == rules.RowsDropped {
		return nil, refused("no-rows", fmt.Errorf("no row of %s arrives", table), "")
	}
	if o.originals {
		if err := a.noteLookup(ctx, p, plan, "originals", map[string]string{"table": table.String(), "reason": o.reason}); err != nil {
			return nil, err
		}
	}
	return previewRows(ctx, source, plan, entry, o)
}

// previewRows reads through the very masks and codec that a refresh uses.
func previewRows(ctx context.Context, source *pg.Source, plan *rules.Plan, entry *rules.TablePlan, o previewing) (*previewDocument, error) {
	doc := &previewDocument{Table: entry.Table.Name.String(), Rows: [][]*string{}}
	for i := range entry.Columns {
		doc.Columns = append(doc.Columns, previewOf(&entry.Columns[i]))
	}
	dir, remove, err := privateDirectory()
	if err != nil {
		return nil, err
	}
	defer remove()
	name := entry.Table.Name
	var text, originals bytes.Buffer
	err = source.WithSnapshot(ctx, plan.Catalog, plan.Reads(name), func(ctx context.Context, snapshot *pg.Snapshot) (err error) {
		reader := snapshotReader{snapshot: snapshot}
		gathered, err := plan.Gather(ctx, []catalog.Name{name}, dir, reader.copyAll)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, gathered.Close()) }()
		mask, err := gathered.MaskerOf(name, masked.Text)
		if err != nil {
			return err
		}
		q := query(entry.Read())
		q.Limit = o.rows
		_, err = mask.Rows(func(w io.Writer) (int64, error) {
			if o.originals {
				w = io.MultiWriter(&originals, w)
			}
			return snapshot.CopyOut(ctx, q, w)
		}).Push(&text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("preview %s: %w", entry.Table.Name, err)
	}
	if doc.Rows, err = parseRows(text.Bytes(), len(doc.Columns)); err != nil || !o.originals {
		return doc, err
	}
	// Columns of other rows come after the table's own.
	if doc.originals, err = parseRows(originals.Bytes(), len(doc.Columns)+len(entry.Joined)); err != nil {
		return nil, err
	}
	for i := range entry.Columns {
		if entry.Columns[i].Inputs < fewestTranslated {
			for _, row := range doc.originals {
				withheld := "(withheld)"
				row[i] = &withheld
			}
		}
	}
	return doc, nil
}

// parseRows undoes COPY's escapes.
func parseRows(text []byte, columns int) ([][]*string, error) {
	rows := [][]*string{}
	err := eachRow(text, columns, func(fields [][]byte) error {
		row := make([]*string, columns)
		for i, value := range fields {
			if value != nil {
				s := string(value)
				row[i] = &s
			}
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

// eachRow calls see with the values of each row of COPY text; nil is NULL.
func eachRow(text []byte, columns int, see func(row [][]byte) error) error {
	splitter := copytext.NewSplitter(columns)
	splitter.Feed(text)
	for splitter.Next() {
		row := make([][]byte, columns)
		for i, raw := range splitter.Fields() {
			value, null, err := copytext.Unescape([]byte{}, raw)
			if err != nil {
				return err
			}
			if !null {
				row[i] = value
			}
		}
		if err := see(row); err != nil {
			return err
		}
	}
	return splitter.Close()
}

func (a *app) showPreview(w io.Writer, d *previewDocument) {
	if len(d.Rows) == 0 {
		a.tell(w, 0, "%s has no rows", d.Table)
	}
	names := 0
	for _, c := range d.Columns {
		names = max(names, len(c.Name)+len(c.Mask)+len(c.Type)+len(c.Uniqueness)+4*gap)
	}
	// As many rows side by side as leave each value enough room to be read.
	abreast := max((a.Width-names)/(valueWidth+gap), 1)
	for from := 0; from < len(d.Rows); from += abreast {
		if from > 0 {
			fmt.Fprintln(w)
		}
		a.showPreviewRows(w, d, from, min(from+abreast, len(d.Rows)))
	}
}

// valueWidth is how much room a previewed value has at least.
const valueWidth = 22

// showPreviewRows draws some rows side by side, a line for each column.
func (a *app) showPreviewRows(w io.Writer, d *previewDocument, from, to int) {
	header := table.Row{"column", "mask", "type", "unique"}
	for i := from; i < to; i++ {
		header = append(header, fmt.Sprintf("row %d", i+1))
		if d.originals != nil {
			header = append(header, "in production")
		}
	}
	rows := make([]table.Row, 0, len(d.Columns))
	for i, c := range d.Columns {
		row := table.Row{printable(c.Name), c.Mask, printable(c.Type), c.Uniqueness}
		for at := from; at < to; at++ {
			row = append(row, a.cell(d.Rows[at][i]))
			if d.originals != nil {
				row = append(row, a.cell(d.originals[at][i]))
			}
		}
		rows = append(rows, row)
	}
	a.grid(w, header, nil, rows, nil)
}

// cell is how a value is shown.
func (a *app) cell(value *string) string {
	if value == nil {
		return "NULL"
	}
	return short(printable(*value), a.Width)
}

// printable keeps a text on one line and out of the terminal's control: nothing in it moves the cursor,
// changes colours or turns the direction of writing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
