package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/buildinfo"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/ledger"
	"github.com/lethedb/lethe/internal/state"
	"github.com/lethedb/lethe/rules"
)

// fewestTranslated is the fewest values that a translated column may hold. Over fewer, asking for each of them in
// turn would undo the mask.
const fewestTranslated = 1e6

type translateDocument struct {
	Column string `json:"column"`
	Mask   string `json:"mask"`
	// Output is the masked value; null is SQL NULL.
	Output *string `json:"output"`
}

func (a *app) translateCommand() *cobra.Command {
	var env, reason string
	command := &cobra.Command{
		Use:   "translate SCHEMA.TABLE.COLUMN",
		Short: "One value's mask, to find a customer's case in the copy",
		Long: `Asks for a value on the terminal and prints what it becomes in the copy. Whoever
may do this can look people up in the copy, so it takes the masking key, a
terminal, one value at a time and a reason, and is put on record: the column and
the reason, never the value. Columns that can hold fewer than a million values
are refused: asking for all of them would undo the mask.`,
		Example:           `  lethe translate public.customer.email --reason "ticket 4711"`,
		Args:              exactly(1, "the column's name"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			doc, err := a.translate(c.Context(), env, args[0], reason)
			if err != nil {
				return err
			}
			return a.print(doc, func(w io.Writer) { fmt.Fprintln(w, doc.text()) })
		},
	}
	command.Flags().StringVar(&env, "env", "", "the environment `ENV` of the copy; not needed with one environment")
	command.Flags().StringVar(&reason, "reason", "", "why the value is looked up, as the ledger will keep it")
	a.completeEnvironmentFlag(command, "env")
	return command
}

func (d *translateDocument) text() string {
	if d.Output == nil {
		return "NULL"
	}
	return printable(*d.Output)
}

func (a *app) translate(ctx context.Context, env, name, reason string) (*translateDocument, error) {
	switch parts, err := catalog.SplitName(name); {
	case err != nil || len(parts) != 3:
		return nil, usageError("bad-name", fmt.Errorf("%q is no column's name", name), "write schema.table.column")
	case strings.TrimSpace(reason) == "":
		return nil, usageError("missing-reason", errors.New("a value is looked up without a reason"), `say why: --reason "ticket 4711"`)
	case !a.InTerminal:
		return nil, usageError("no-terminal", errors.New("a value is looked up by a person alone"), "run it on a terminal; values are neither arguments nor piped in")
	}
	p, _, plan, found, done, err := a.look(ctx, env)
	if err != nil {
		return nil, err
	}
	defer done()
	if found.HasErrors() {
		return nil, refusedBy(statusRefused, "compile "+p.file.Path(), found)
	}
	column, err := translatable(plan, name)
	if err != nil {
		return nil, err
	}
	if err := a.noteLookup(ctx, p, plan, "translate", map[string]string{"column": name, "reason": reason}); err != nil {
		return nil, err
	}
	fmt.Fprintf(a.Err, "value of %s: ", name)
	line, err := bufio.NewReader(a.In).ReadString('\n')
	if err != nil && line == "" {
		return nil, usageError("no-value", errors.New("no value was given"), "type it and press return")
	}
	out, err := column.Run.Append([]byte{}, anonymize.Value{Text: []byte(strings.TrimRight(line, "\r\n"))})
	if err != nil {
		return nil, fmt.Errorf("mask a value of %s: %w", name, err)
	}
	doc := &translateDocument{Column: name, Mask: column.Mask}
	if out != nil {
		text := string(out)
		doc.Output = &text
	}
	return doc, nil
}

// translatable returns the plan of a column of which single values may be looked up.
func translatable(plan *rules.Plan, name string) (*rules.ColumnPlan, error) {
	for i := range plan.Tables {
		table := &plan.Tables[i]
		at := slices.IndexFunc(table.Columns, func(c rules.ColumnPlan) bool { return table.Table.Name.Column(c.Column.Name) == name })
		if at < 0 {
			continue
		}
		c := &table.Columns[at]
		switch {
		case c.Run == nil:
			return nil, refused("kept-column", fmt.Errorf("column %s is kept: its values are in the copy as they are", name), "")
		case c.Definition.Determinism != anonymize.Keyed:
			return nil, refused("no-translation", fmt.Errorf("the mask %s of %s does not depend on the value", c.Definition.Name, name), "")
		case c.PerRun:
			return nil, refused("per-run", fmt.Errorf("column %s is masked under a key of one run, which is gone with it", name), "find the row by another column")
		case len(c.Siblings) > 0:
			return nil, refused("reads-row", fmt.Errorf("the mask %s of %s depends on other columns of the row", c.Definition.Name, name), "find the row by a column that is masked alone, such as its key")
		case c.Inputs < fewestTranslated:
			return nil, refused("small-domain", fmt.Errorf("column %s can hold fewer than a million values", name), "asking for each of them would undo the mask; find the row by another column")
		}
		return c, nil
	}
	return nil, refused("unknown-column", fmt.Errorf("the plan has no column %s", name), "see: lethe check --explain "+name)
}

// noteLookup puts on record that somebody looks a person's values up, before it is done.
func (a *app) noteLookup(ctx context.Context, p *passage, plan *rules.Plan, action string, facts map[string]string) error {
	store, err := state.Open(ctx, p.cfg.State)
	if err != nil {
		return usageError("bad-state", fmt.Errorf("open state file: %w", err), "")
	}
	_, err = ledger.Open(p.cfg.Ledger(), store, a.Now).Append(ctx, ledger.Record{
		Action: action, Environment: p.env.Name, Source: p.from.Name, User: a.User, Host: a.Host, Version: buildinfo.Version(),
		Digests: ledger.Digests{Rules: plan.Digests.Rules, Plan: plan.Digests.Plan, Catalog: plan.Digests.Catalog, KeyID: plan.Digests.KeyID},
		Facts:   facts,
	})
	if err != nil {
		err = fmt.Errorf("write ledger: %w", err)
	}
	return errors.Join(err, store.Close())
}
