package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
	"github.com/lethedb/lethe/rules"
)

type planDocument struct {
	Environment string       `json:"environment"`
	Source      string       `json:"source"`
	Digests     work.Digests `json:"digests"`
	Tables      []planTable  `json:"tables"`
	Rows        int64        `json:"rows"`
	Bytes       int64        `json:"bytes"`
	// Order is the order in which tables are read.
	Order    []string     `json:"order"`
	Estimate planEstimate `json:"estimate"`
	// KeyChange says what a masking key other than the published one's changes; "" when it is the same.
	KeyChange string       `json:"key_change,omitempty"`
	Findings  finding.List `json:"findings"`
}

type planTable struct {
	Table  string   `json:"table"`
	Rows   int64    `json:"rows"`
	Bytes  int64    `json:"bytes"`
	Mode   string   `json:"mode"`
	Masked []string `json:"masked,omitempty"`
	Kept   int      `json:"kept"`
	// Joined are the tables whose rows are read together with this one's, because masks ask for them.
	Joined []string `json:"joined,omitempty"`
}

func (a *app) planCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan ENV",
		Short: "What a refresh would do: tables, masks, time, disk; writes nothing",
		Long: `Compiles the rules against the live catalog and says what a refresh would
carry: each table with its rows, size and masked columns, about how long it
takes, for how long it keeps production's VACUUM from cleaning, how much disk
the target needs at its peak, how many connections there are on either side,
and what a new masking key changes. Rows and sizes are the planner's
estimates; times come from the last refresh that is on record here, else from
stated rates. Nothing is written, anywhere.`,
		Example: `  lethe plan staging
  lethe plan staging --json | jq '.tables[] | select(.bytes > 1e9)'`,
		Args:              exactly(1, "the environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE: func(c *cobra.Command, args []string) error {
			doc, err := a.plan(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(doc, func(w io.Writer) { a.showPlan(w, doc) })
		},
	}
}

func (a *app) plan(ctx context.Context, name string) (*planDocument, error) {
	p, source, plan, found, done, err := a.look(ctx, name)
	if err != nil {
		return nil, err
	}
	defer done()
	if found.HasErrors() {
		return nil, refusedBy(statusRefused, "compile "+p.file.Path(), found)
	}
	wires, err := source.Wiring(ctx)
	if err != nil {
		return nil, err
	}
	found = append(found, preflight.Wiring(wires, revivals(p.env))...)
	if found.HasErrors() {
		return nil, refusedBy(statusRefused, "plan "+p.env.Name, found)
	}
	doc := &planDocument{Environment: p.env.Name, Source: p.from.Name, Digests: plan.Digests, Findings: found}
	for _, t := range plan.Tables {
		doc.add(t)
	}
	tables, err := plan.Order()
	if err != nil {
		return nil, err
	}
	for _, t := range work.LargestFirst(tables) {
		if !t.Empty {
			doc.Order = append(doc.Order, t.Table.Name.String())
		}
	}
	if p.status != nil {
		doc.KeyChange = keyChange(p.status, plan.Digests.KeyID)
	}
	return doc, a.estimate(ctx, p, doc)
}

// add counts one table in. Text is about as large as the heap it comes from.
func (d *planDocument) add(t rules.TablePlan) {
	entry := planTable{Table: t.Table.Name.String(), Mode: string(t.Rows)}
	for _, column := range t.Columns {
		if column.Kept() {
			entry.Kept++
			continue
		}
		entry.Masked = append(entry.Masked, column.Column.Name+": "+column.Mask)
	}
	for _, join := range t.Joins {
		if name := join.Table.String(); !slices.Contains(entry.Joined, name) {
			entry.Joined = append(entry.Joined, name)
		}
	}
	if t.Rows == rules.RowsAll || t.Rows == rules.RowsWhere {
		entry.Rows, entry.Bytes = int64(max(t.Table.Size.Rows, 0)), t.Table.Size.Bytes
		d.Rows += entry.Rows
		d.Bytes += entry.Bytes
		d.Estimate.Disk.New += entry.Bytes + t.Table.Size.IndexBytes
	}
	d.Tables = append(d.Tables, entry)
}

// keyChange says what becomes of mappings that people know from the published copy.
func keyChange(status *pg.Status, id string) string {
	if status.Certificate == nil || id == "" || status.Certificate.Digests.KeyID == id {
		return ""
	}
	return fmt.Sprintf("the published copy was made with key %s, this one with %s: every masked value changes, and so do joins with other copies",
		status.Certificate.Digests.KeyID, id)
}

func (a *app) showPlan(w io.Writer, d *planDocument) {
	slices.SortStableFunc(d.Tables, func(x, y planTable) int { return cmp.Compare(y.Bytes, x.Bytes) })
	rows := make([]table.Row, 0, len(d.Tables))
	for _, t := range d.Tables {
		note := strings.Join(t.Masked, ", ")
		switch rules.RowsMode(t.Mode) {
		case rules.RowsNone:
			note = "structure only"
		case rules.RowsDropped:
			note = "dropped"
		}
		if note == "" {
			note = counted(t.Kept, "column") + " kept"
		}
		if len(t.Joined) > 0 {
			note += "; read with " + strings.Join(t.Joined, ", ")
		}
		rows = append(rows, table.Row{printable(t.Table), "~" + countText(t.Rows), bytesText(t.Bytes), printable(note)})
	}
	a.grid(w, table.Row{"table", "rows", "size", "masks"}, []int{2, 3}, rows, table.Row{counted(len(d.Tables), "table"), "~" + countText(d.Rows), bytesText(d.Bytes), ""})
	a.showEstimate(w, d.Estimate)
	a.tell(w, 0, "rules %s  plan %s  key %s", short(d.Digests.Rules, 13), short(d.Digests.Plan, 13), cmp.Or(d.Digests.KeyID, "none"))
	if d.KeyChange != "" {
		a.tell(w, 0, "%s %s", a.paintOut(yellow, "new key:"), d.KeyChange)
	}
	a.showFindings(d.Findings)
	a.next("lethe refresh %s", d.Environment)
}
