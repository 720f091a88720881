package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/rules"
)

type checkDocument struct {
	Environment string       `json:"environment"`
	Tables      int          `json:"tables"`
	Columns     int          `json:"columns"`
	Masked      int          `json:"masked_columns"`
	Kept        int          `json:"kept_columns"`
	Blanked     int          `json:"blanked_columns"`
	KeyID       string       `json:"key_id,omitempty"`
	Findings    finding.List `json:"findings"`
}

func (a *app) checkCommand() *cobra.Command {
	var explain string
	var grants bool
	command := &cobra.Command{
		Use:   "check [ENV]",
		Short: "Every reason why a refresh would be refused; writes nothing",
		Long: `Compiles the rules against the live catalog and asks both servers for
everything a refresh needs: rights, room, settings, versions, that the target
is ours and not the source. All findings come at once, each with its place and
what to do. With an error among them the exit status is 3. One environment
needs no name.`,
		Example: `  lethe check staging
  lethe check --explain public.customer.email    which line decides this column
  lethe check --grants > roles.sql               SQL for two roles that suffice`,
		Args:              atMost(1, "at most one environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			switch {
			case explain != "" && grants:
				return usageError("wrong-arguments", errors.New("--explain and --grants are two questions"), "ask them one after the other")
			case explain != "":
				return a.explain(c.Context(), name, explain)
			case grants:
				return a.grants(c.Context(), name)
			}
			return a.check(c.Context(), name)
		},
	}
	command.Flags().StringVar(&explain, "explain", "", "say which line decides `COLUMN`, as schema.table.column")
	command.Flags().BoolVar(&grants, "grants", false, "print SQL for two least-privileged roles")
	return command
}

// look opens the source, reads its catalog and compiles the rules, writing nothing anywhere: the state
// file is read only where it exists.
func (a *app) look(ctx context.Context, name string) (p *passage, source *pg.Source, plan *rules.Plan, found finding.List, done func(), err error) {
	p, remove, err := a.prepare(ctx, name)
	if err != nil {
		return nil, nil, nil, nil, nil, err
	}
	fail := func(err error) (*passage, *pg.Source, *rules.Plan, finding.List, func(), error) {
		remove()
		return nil, nil, nil, nil, nil, err
	}
	if err := p.recall(ctx, a); err != nil {
		return fail(err)
	}
	source, err = p.open(ctx)
	if err != nil {
		return fail(err)
	}
	c, err := source.Catalog(ctx)
	if err != nil {
		source.Close()
		return fail(fmt.Errorf("read the catalog of %s: %w", p.from.Name, err))
	}
	plan, found = p.compile(c, true)
	return p, source, plan, found, func() { source.Close(); remove() }, nil
}

func (a *app) check(ctx context.Context, name string) error {
	p, source, plan, found, done, err := a.look(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	unread, err := conditions(ctx, source, plan)
	if err != nil {
		return err
	}
	found = append(found, unread...)
	further, _, err := a.preflight(ctx, p, source, plan)
	if err != nil {
		return err
	}
	found = append(found, further...)
	found.Sort()
	doc := checkDocument{Environment: p.env.Name, Tables: len(plan.Tables), KeyID: plan.Digests.KeyID, Findings: found}
	for _, t := range plan.Tables {
		for _, column := range t.Columns {
			doc.Columns++
			switch {
			case column.Blanked:
				doc.Blanked++
			case column.Kept():
				doc.Kept++
			case column.Mask != "":
				doc.Masked++
			}
		}
	}
	if found.HasErrors() {
		return refusedBy(statusRefused, "check "+p.env.Name, found)
	}
	a.showFindings(found)
	return a.print(doc, func(w io.Writer) {
		blanked := ""
		if doc.Blanked > 0 {
			blanked = ", " + countText(int64(doc.Blanked)) + " blanked for want of a rule"
		}
		a.tell(w, 2, "%s %s, %s with %s: %s masked, %s kept with a reason%s", a.paintOut(green, "ready:"), doc.Environment, counted(doc.Tables, "table"),
			counted(doc.Columns, "column"), countText(int64(doc.Masked)), countText(int64(doc.Kept)), blanked)
		a.next("lethe plan %s, lethe refresh %s", doc.Environment, doc.Environment)
	})
}

func (a *app) explain(ctx context.Context, name, column string) error {
	_, _, plan, _, done, err := a.look(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	explanation, err := rules.Explain(plan, column)
	if err != nil {
		return refused("unknown-column", err, "")
	}
	return a.print(explanation, func(w io.Writer) { fmt.Fprintln(w, explanation.String()) })
}
