package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/internal/state"
	"github.com/lethedb/lethe/internal/work"
)

func (a *app) runsCommand() *cobra.Command {
	var environment string
	var limit int
	command := &cobra.Command{
		Use:   "runs [ID]",
		Short: "What ran, when, how it ended, and what to do next",
		Long: `Without an id, lists runs, the newest first. With one, shows all that is on
record of it on this machine.`,
		Example: `  lethe runs
  lethe runs --env staging --limit 5
  lethe runs 0t1ptbd8cekrm --json`,
		ValidArgsFunction: cobra.NoFileCompletions,
		Args:              atMost(1, "at most one run's id"),
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 0 {
				return usageError("bad-limit", errors.New("--limit is at least 0"), "say how many runs to list, 0 for all")
			}
			store, err := a.history(c.Context())
			if err != nil {
				return err
			}
			if store == nil && len(args) == 1 {
				return unknownRun(args[0])
			}
			if store == nil {
				return a.print([]state.Run{}, func(w io.Writer) { fmt.Fprintln(w, "nothing has run yet") })
			}
			defer func() { _ = store.Close() }()
			if len(args) == 1 {
				return a.oneRun(c.Context(), store, args[0])
			}
			runs, err := store.Runs(c.Context(), state.Filter{Environment: environment, Limit: limit})
			if err != nil {
				return err
			}
			return a.print(runs, func(w io.Writer) { a.showRuns(w, runs) })
		},
	}
	command.Flags().StringVar(&environment, "env", "", "only runs of this `ENV`")
	a.completeEnvironmentFlag(command, "env")
	command.Flags().IntVar(&limit, "limit", 20, "how many at most; 0 for all")
	return command
}

// history opens the state file, nil when there is none yet: looking makes no files.
func (a *app) history(ctx context.Context) (*state.Store, error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	if !exists(cfg.State) {
		return nil, nil
	}
	store, err := state.Open(ctx, cfg.State)
	if err != nil {
		return nil, usageError("bad-state", fmt.Errorf("open state file: %w", err), "")
	}
	return store, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (a *app) oneRun(ctx context.Context, store *state.Store, id string) error {
	run, err := store.Run(ctx, id)
	if errors.Is(err, state.ErrUnknownRun) {
		return unknownRun(id)
	}
	if err != nil {
		return err
	}
	return a.print(run, func(w io.Writer) { a.showRun(w, run) })
}

func unknownRun(id string) error {
	return usageError("unknown-run", fmt.Errorf("no run has the id %s", id), "see the list: lethe runs")
}

// outcomeColour says how an outcome looks.
func outcomeColour(o state.Outcome) string {
	switch o {
	case state.Published, state.Done, state.Built:
		return green
	case state.Running:
		return cyan
	}
	return red
}

// took is how long a run took, "" while it goes on or when nobody knows.
func took(run state.Run) string {
	if run.Ended.IsZero() {
		return ""
	}
	return durationText(run.Ended.Sub(run.Started))
}

func (a *app) showRuns(w io.Writer, runs []state.Run) {
	if len(runs) == 0 {
		fmt.Fprintln(w, "no runs")
		return
	}
	head := table.Row{"run", "what", "env", "started", "took", "outcome", "code"}
	related := slices.ContainsFunc(runs, func(run state.Run) bool { return relation(run) != "" })
	if related {
		head = append(head, "with")
	}
	rows := make([]table.Row, 0, len(runs))
	for _, run := range runs {
		row := table.Row{
			run.ID, run.Kind, run.Environment, run.Started.Local().Format("Jan _2 15:04"), took(run),
			a.paintOut(outcomeColour(run.Outcome), string(run.Outcome)), run.Code,
		}
		if related {
			row = append(row, relation(run))
		}
		rows = append(rows, row)
	}
	a.grid(w, head, []int{5}, rows, nil)
}

// relation says which run this one went on with, or by which it was gone on with last.
func relation(run state.Run) string {
	switch {
	case run.Resumes != "":
		return "resumes " + run.Resumes
	case len(run.ResumedBy) > 0:
		return "resumed by " + run.ResumedBy[len(run.ResumedBy)-1]
	}
	return ""
}

// advice is what to do after a run that ended so.
func advice(run state.Run) string {
	if n := len(run.ResumedBy); n > 0 {
		return "lethe runs " + run.ResumedBy[n-1] + " says how it went on"
	}
	switch run.Outcome {
	case state.Published:
		return "lethe rollback " + run.Environment + " serves the previous one again"
	case state.Built:
		return "lethe publish " + run.Environment + " finishes it"
	case state.Refused:
		if run.Kind != state.Refresh {
			return ""
		}
		return "lethe check " + run.Environment + " lists every reason"
	case state.Failed, state.Interrupted:
		if run.Kind != state.Refresh && run.Kind != state.Resume {
			return ""
		}
		return "the old environment serves on; lethe refresh " + run.Environment + " starts anew and cleans up; if its rows had arrived, --resume " +
			cmp.Or(run.Resumes, run.ID) + " goes on with it"
	case state.VerificationFailed:
		return "the old environment serves on; lethe refresh " + run.Environment + " --keep-failed keeps the build to look at"
	}
	return ""
}

func (a *app) showRun(w io.Writer, run state.Run) {
	line := func(name, value string) { a.field(w, name, value) }
	fmt.Fprintf(w, "%s %s of %s: %s\n", run.ID, run.Kind, run.Environment, a.paintOut(outcomeColour(run.Outcome), string(run.Outcome)))
	line("source", run.Source)
	line("resumes", run.Resumes)
	line("resumed by", strings.Join(run.ResumedBy, ", "))
	line("started", run.Started.Local().Format(time.DateTime))
	line("took", took(run))
	line("by", run.User+"@"+run.Host+", lethe "+run.Version)
	line("code", run.Code)
	line("rules", short(run.Digests.Rules, 16))
	line("plan", short(run.Digests.Plan, 16))
	line("key", run.Digests.KeyID)
	if p := run.Publication; p != nil {
		line("published", fmt.Sprintf("%s, %d ms without service, %s ended", p.Database, p.OutageMS, counted(p.Sessions, "session")))
		line("previous", p.Previous)
	}
	if run.Cost != (work.Cost{}) {
		line("production", costText(run.Cost))
	}
	line("next", advice(run))
	if len(run.Tables) == 0 {
		return
	}
	fmt.Fprintln(w)
	rows := make([]table.Row, 0, len(run.Tables))
	for _, t := range run.Tables {
		rows = append(rows, table.Row{printable(t.Schema + "." + t.Name), countText(t.Rows), bytesText(t.Bytes), durationText(time.Duration(t.Milliseconds) * time.Millisecond)})
	}
	total := run.Total()
	a.grid(w, table.Row{"table", "rows", "size", "time"}, []int{2, 3, 4}, rows, table.Row{counted(len(run.Tables), "table"), countText(total.Rows), bytesText(total.Bytes), ""})
}
