package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/state"
)

// environmentDocument is what --json prints of an environment: the truth in its database, or why it
// could not be asked.
type environmentDocument struct {
	Name   string     `json:"name"`
	From   string     `json:"from"`
	Kind   string     `json:"kind"`
	Status *pg.Status `json:"status,omitempty"`
	// NotAdopted reports a database that answers and is no environment, or another's.
	NotAdopted bool   `json:"not_adopted,omitempty"`
	Error      string `json:"error,omitempty"`
	err        error
}

func (a *app) envCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "env",
		Short: "Adopt, hold, list and show environments",
		Long: `An environment is a database that may be replaced. It says so itself, by a
marker that adopt puts into it; what was published there carries its birth
certificate. So list and show answer from any machine.`,
		Example: "  lethe env adopt staging\n  lethe env list\n  lethe env show staging --json",
	}
	command.AddCommand(a.adoptCommand(), a.holdCommand(), a.releaseCommand(),
		&cobra.Command{
			Use: "list", Short: "Every environment: what serves there, its age and size", Args: exactly(0, "no arguments"), ValidArgsFunction: cobra.NoFileCompletions,
			Long: `Asks the database of each environment what it serves. With one that cannot be
reached the exit status is 1; one that was never adopted is shown as such.`,
			Example: "  lethe env list\n  lethe env list --json | jq '.[] | {name, run: .status.certificate.run}'",
			RunE:    func(c *cobra.Command, _ []string) error { return a.listEnvironments(c.Context()) },
		},
		&cobra.Command{
			Use: "show ENV", Short: "One environment: certificate, previous databases, builds", Args: exactly(1, "the environment's name"),
			Example: "  lethe env show staging\n  lethe env show staging --json", ValidArgsFunction: a.completeEnvironment,
			RunE: func(c *cobra.Command, args []string) error { return a.showEnvironment(c.Context(), args[0]) },
		})
	return needsVerb(command)
}

func (a *app) adoptCommand() *cobra.Command {
	var confirm, sameServer string
	var restored bool
	command := &cobra.Command{
		Use:   "adopt ENV",
		Short: "Allow this database to be replaced from now on",
		Long: `Marks the environment's database as one that refreshes may replace. An empty
database is adopted at once; one with tables only by its name, since all of it
will be lost. A database that any source of the configuration reaches is never
adopted.

Adopting again changes the two permissions and nothing else.`,
		Example: `  lethe env adopt staging
  lethe env adopt staging --confirm app_staging
  lethe env adopt staging --same-server "one small server, loaded at night"`,
		Args:              exactly(1, "the environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE: func(c *cobra.Command, args []string) error {
			return a.adopt(c.Context(), args[0], confirm, sameServer, restored)
		},
	}
	command.Flags().StringVar(&confirm, "confirm", "", "the `DBNAME` of a database with tables, all to be replaced")
	command.Flags().StringVar(&sameServer, "same-server", "", "allow the source on the same server, for a recorded `REASON`")
	command.Flags().BoolVar(&restored, "restored-from-production", false, "the server came from production's backup")
	return command
}

// named loads the configuration and returns the environment of that name with it.
func (a *app) named(name string) (*config.Config, config.Environment, error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return nil, config.Environment{}, err
	}
	env, err := environment(cfg, name)
	return cfg, env, err
}

// reach says where an environment lives, its connection string fetched.
func (a *app) reach(ctx context.Context, env config.Environment) (pg.TargetOptions, error) {
	dsn, err := a.resolve(ctx, env.Target.DSN, "the connection string of environment "+env.Name, env.Target.Place)
	if err != nil {
		return pg.TargetOptions{}, err
	}
	return environmentOptions(a, env, dsn), nil
}

func (a *app) adopt(ctx context.Context, name, confirm, sameServer string, restored bool) error {
	cfg, env, err := a.named(name)
	if err != nil {
		return err
	}
	options, err := a.reach(ctx, env)
	if err != nil {
		return err
	}
	adopt := pg.AdoptOptions{
		DSN: options.DSN, Slots: options.Slots, Environment: env.Name, By: a.User + "@" + a.Host, Confirm: confirm,
		SameServer: sameServer, Restored: restored, Maintenance: options.Maintenance, Now: a.Now,
	}
	for _, source := range slices.Sorted(maps.Keys(cfg.Sources)) {
		dsn, err := a.resolve(ctx, cfg.Sources[source].DSN, "the connection string of source "+source, cfg.Sources[source].Place)
		if err != nil {
			return err
		}
		adopt.Sources = append(adopt.Sources, dsn.Reveal())
	}
	run, err := a.newRun()
	if err != nil {
		return err
	}
	rec, err := a.begin(ctx, cfg, state.Run{ID: run, Environment: env.Name, Kind: state.Adopt})
	if err != nil {
		return err
	}
	marker, err := pg.Adopt(ctx, adopt)
	if err := rec.end(ctx, state.Result{Outcome: state.Done}, err); err != nil {
		return err
	}
	return a.print(marker, func(w io.Writer) {
		a.tell(w, 2, "%s environment %s (%s)", a.paintOut(green, "adopted:"), marker.Name, marker.ID)
		a.next("lethe check %s", marker.Name)
	})
}

// inspect asks one environment's database; what went wrong becomes part of the answer.
func (a *app) inspect(ctx context.Context, env config.Environment) environmentDocument {
	doc := environmentDocument{Name: env.Name, From: env.From, Kind: string(env.Kind)}
	options, err := a.reach(ctx, env)
	if err == nil {
		var status pg.Status
		if status, err = pg.Inspect(ctx, options); err == nil {
			doc.Status = &status
		}
	}
	if err != nil {
		no, ok := errors.AsType[*pg.RefusedError](err)
		doc.NotAdopted, doc.Error, doc.err = ok && len(no.Findings) > 0, err.Error(), err
		if doc.NotAdopted {
			doc.Error = no.Findings[0].Message
		}
	}
	return doc
}

func (a *app) listEnvironments(ctx context.Context) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	var docs []environmentDocument
	for _, name := range slices.Sorted(maps.Keys(cfg.Environments)) {
		docs = append(docs, a.inspect(ctx, cfg.Environments[name]))
	}
	if err := a.print(docs, func(w io.Writer) { a.showEnvironments(w, docs) }); err != nil {
		return err
	}
	var failed error
	for _, doc := range docs {
		if doc.err == nil || doc.NotAdopted {
			continue
		}
		if failed != nil {
			a.talkHanging(7, "%s ask environment %s: %s", a.paint(red, "lethe:"), doc.Name, doc.Error)
			continue
		}
		f := *a.classify(ctx, doc.err)
		f.told, f.err = true, fmt.Errorf("ask environment %s: %w", doc.Name, doc.err)
		failed = &f
	}
	return failed
}

// localText writes a moment of a certificate as people here read it.
func localText(moment string) string {
	at, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		return moment
	}
	return at.Local().Format(time.DateTime)
}

// age is how old the data of a published environment is.
func (a *app) age(s *pg.Status) string {
	if s == nil || s.Certificate == nil {
		return ""
	}
	at, err := time.Parse(time.RFC3339, s.Certificate.Source.Time)
	if err != nil {
		return ""
	}
	return durationText(a.Now().Sub(at)) + " old"
}

func (a *app) showEnvironments(w io.Writer, docs []environmentDocument) {
	rows := make([]table.Row, 0, len(docs))
	for _, d := range docs {
		row := table.Row{d.Name, d.Kind, d.From, a.paintOut(red, "cannot be asked"), "", ""}
		if d.NotAdopted {
			row[3] = d.Error
		}
		if s := d.Status; s != nil {
			row[3], row[5] = stateText(s), bytesText(s.Bytes)
			row[4] = a.age(s)
			if s.Hold != nil {
				row[3] = stateText(s) + ", held " + holdText(s.Hold)
			}
		}
		rows = append(rows, row)
	}
	a.grid(w, table.Row{"environment", "kind", "from", "serves", "data", "size"}, []int{6}, rows, nil)
}

// stateText says in a few words what an environment serves.
func stateText(s *pg.Status) string {
	if s.Certificate == nil {
		return "adopted, never refreshed"
	}
	return "run " + s.Certificate.Run
}

func (a *app) showEnvironment(ctx context.Context, name string) error {
	_, env, err := a.named(name)
	if err != nil {
		return err
	}
	doc := a.inspect(ctx, env)
	if doc.err != nil {
		return fmt.Errorf("ask environment %s: %w", name, doc.err)
	}
	return a.print(doc, func(w io.Writer) { a.describe(w, doc) })
}

func (a *app) describe(w io.Writer, d environmentDocument) {
	s := d.Status
	line := func(name, text string) { a.field(w, name, text) }
	fmt.Fprintf(w, "%s (%s, from %s): %s\n", a.paintOut(bold, d.Name), d.Kind, d.From, stateText(s))
	line("database", s.Database)
	line("size", bytesText(s.Bytes))
	line("adopted", s.Marker.AdoptedAt.Local().Format(time.DateTime)+" by "+s.Marker.AdoptedBy)
	line("same server", s.Marker.SameServer)
	line("held", holdText(s.Hold))
	if s.Holder != (pg.Holder{}) {
		line("busy", fmt.Sprintf("%s, pid %d", s.Holder.Application, s.Holder.PID))
	}
	if c := s.Certificate; c != nil {
		line("data", a.age(s)+", of "+localText(c.Source.Time)+" from "+c.Source.Name+" at "+c.Source.LSN)
		line("published", c.PublishedAt.Local().Format(time.DateTime)+" by lethe "+c.Version)
		line("rules", short(c.Digests.Rules, 16))
		line("key", c.Digests.KeyID)
	}
	for _, list := range []struct {
		name string
		kept []pg.Kept
	}{{"previous", s.Previous}, {"build", s.Builds}, {"leftover", s.Leftovers}} {
		for _, k := range list.kept {
			text := k.Database + ", " + bytesText(k.Bytes)
			if !k.Until.IsZero() {
				text += ", kept until " + k.Until.Local().Format(time.DateTime)
			}
			line(list.name, text)
		}
	}
}
