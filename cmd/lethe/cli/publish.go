package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/internal/buildinfo"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/secret"
	"github.com/lethedb/lethe/internal/state"
)

// swapDocument is what --json prints of publish and rollback.
type swapDocument struct {
	Run         string          `json:"run"`
	Environment string          `json:"environment"`
	Publication *pg.Publication `json:"publication"`
}

func (a *app) publishCommand() *cobra.Command {
	var build string
	var now bool
	command := &cobra.Command{
		Use:   "publish ENV",
		Short: "Finish a build: swap it in",
		Long: `Publishes a build that was verified and kept: one of refresh --no-publish, or
one that could not be published because of a session that may not be ended. The
swap is the same as that of refresh, and so are the window it waits for and the
hooks that are told.`,
		Example: `  lethe publish staging
  lethe publish staging --now           do not wait for the window
  lethe publish staging --run 0t1ptbd8cekrm`,
		Args:              exactly(1, "the environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE: func(c *cobra.Command, args []string) error {
			return a.swap(c.Context(), args[0], state.Publish, now, func(ctx context.Context, options pg.TargetOptions) (pg.Publication, error) {
				return pg.Publish(ctx, options, build)
			})
		},
	}
	command.Flags().BoolVar(&now, "now", false, "wait for no window, announce nothing")
	command.Flags().StringVar(&build, "run", "", "the build of this `RUN` (default: the newest)")
	return command
}

func (a *app) rollbackCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rollback ENV",
		Short: "Serve the previous database again, by the same swap",
		Long: `Swaps the database that served before back in. What serves now is kept as the
previous one, so that a second rollback undoes the first. It waits for no
window; the hooks before and after a publication are told.`,
		Example:           "  lethe rollback staging",
		Args:              exactly(1, "the environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE: func(c *cobra.Command, args []string) error {
			return a.swap(c.Context(), args[0], state.Rollback, true, pg.Rollback)
		},
	}
}

// environmentOptions says where an environment lives and how it is published.
func environmentOptions(a *app, env config.Environment, dsn secret.String) pg.TargetOptions {
	options := pg.TargetOptions{
		DSN: dsn.Reveal(), Maintenance: env.Target.Maintenance, Environment: env.Name, Version: buildinfo.Version(), Now: a.Now,
		Sessions: pg.Sessions{Mode: pg.SessionMode(env.Publish.Sessions.Mode), Drain: env.Publish.Sessions.Wait},
		Keep:     pg.Keep{Count: env.KeepPrevious.Count, For: env.KeepPrevious.For},
	}
	for _, r := range env.Retain {
		options.Retain = append(options.Retain, pg.Retain{
			Place: r.Place, Table: r.Table, Where: r.Where, DropOrphans: r.OnMissing == config.DropRow, Replace: r.Replace, Lose: r.Lose,
		})
	}
	if env.Slots != nil {
		options.Slots = &pg.Slots{Databases: env.Slots.Databases, Pointer: pg.Pointer{File: env.Slots.Pointer.File, Command: env.Slots.Pointer.Command}}
	}
	return options
}

// swap publishes or rolls back and puts it on record.
func (a *app) swap(ctx context.Context, name string, kind state.Kind, now bool, do func(context.Context, pg.TargetOptions) (pg.Publication, error)) error {
	cfg, env, err := a.named(name)
	if err != nil {
		return err
	}
	if err := a.checkNamed(env); err != nil {
		return err
	}
	options, err := a.reach(ctx, env)
	if err != nil {
		return err
	}
	if options.Run, err = a.newRun(); err != nil {
		return err
	}
	dir, remove, err := privateDirectory()
	if err != nil {
		return err
	}
	defer remove()
	options.Dir = dir
	h := hooks{app: a, env: env, run: options.Run, target: options}
	options.Ready = func(ctx context.Context, database string) error {
		if err := h.awaitTurn(ctx, now); err != nil {
			return err
		}
		return h.ready(ctx, database)
	}
	rec, err := a.begin(ctx, cfg, state.Run{ID: options.Run, Environment: env.Name, Kind: kind})
	if err != nil {
		return err
	}
	publication, err := do(ctx, options)
	result := state.Result{Outcome: state.Published}
	if err == nil {
		result.Publication = recorded(&publication)
		err = h.published(ctx)
	} else {
		h.failed(ctx, err)
	}
	if err = rec.end(ctx, result, err); err != nil && !done(err) {
		return err
	}
	a.showFindings(publication.Notes)
	doc := swapDocument{Run: options.Run, Environment: env.Name, Publication: &publication}
	return told(err, a.print(doc, func(w io.Writer) { a.showPublication(w, env.Name, &publication) }))
}
