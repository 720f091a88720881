package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/state"
)

func (a *app) holdCommand() *cobra.Command {
	var until, reason string
	command := &cobra.Command{
		Use:   "hold ENV",
		Short: "Keep what serves until a moment: no refresh, publish or rollback",
		Long: `Holds an environment while somebody needs it as it is. Until then refresh,
publish and rollback refuse (exit status 3) and say by whom it is held, until
when and why; a refresh that is under way is built and not published. The hold
stands in the environment's database, so that every machine sees it, and ends
by itself.`,
		Example: `  lethe env hold staging --until 18:00 --reason "demo for the board"
  lethe env hold staging --until "2026-11-23 09:00" --reason "load test"
  lethe env hold staging --until 3d --reason "bug 4711 is looked at"`,
		Args:              exactly(1, "the environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE: func(c *cobra.Command, args []string) error {
			if until == "" || reason == "" {
				return usageError("wrong-arguments", errors.New("a hold needs --until and --reason"), `add both: --until 18:00 --reason "demo"`)
			}
			at, err := momentOf(until, a.Now())
			if err != nil {
				return usageError("bad-time", err, `write --until 18:00, "2026-11-23 09:00" or 3d`)
			}
			return a.hold(c.Context(), args[0], at, reason)
		},
	}
	command.Flags().StringVar(&until, "until", "", "the `TIME` it ends: 18:00, 2026-11-23 09:00, or after 4h, 3d")
	command.Flags().StringVar(&reason, "reason", "", "`TEXT` for those who are refused")
	return command
}

func (a *app) releaseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "release ENV",
		Short: "End a hold before its time",
		Long: `Lets the environment be refreshed, published and rolled back again. Anybody who
may refresh it may release it; who did is on record.`,
		Example:           "  lethe env release staging",
		Args:              exactly(1, "the environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE:              func(c *cobra.Command, args []string) error { return a.release(c.Context(), args[0]) },
	}
}

// momentOf reads when a hold ends: a time of day, the next there is, a date with one, or a duration.
func momentOf(text string, now time.Time) (time.Time, error) {
	at := time.Time{}
	if d, err := config.ParseDuration(text); err == nil {
		at = now.Add(d)
	} else if clock, err := time.Parse("15:04", text); err == nil {
		at = time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location())
		if !at.After(now) {
			at = at.AddDate(0, 0, 1)
		}
	} else if at, err = time.Parse(time.RFC3339, text); err != nil {
		for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
			if at, err = time.ParseInLocation(layout, text, now.Location()); err == nil {
				break
			}
		}
		if err != nil {
			return at, errors.New("read when the hold ends: it is no time")
		}
	}
	if !at.After(now) {
		return at, errors.New("read when the hold ends: it has passed")
	}
	return at, nil
}

// onRecord does one thing to an environment's database and puts it on record.
func (a *app) onRecord(ctx context.Context, name string, kind state.Kind, do func(options pg.TargetOptions) error) error {
	cfg, env, err := a.named(name)
	if err != nil {
		return err
	}
	options, err := a.reach(ctx, env)
	if err != nil {
		return err
	}
	if options.Run, err = a.newRun(); err != nil {
		return err
	}
	rec, err := a.begin(ctx, cfg, state.Run{ID: options.Run, Environment: env.Name, Kind: kind})
	if err != nil {
		return err
	}
	return rec.end(ctx, state.Result{Outcome: state.Done}, do(options))
}

func (a *app) hold(ctx context.Context, name string, until time.Time, reason string) error {
	var hold pg.Hold
	err := a.onRecord(ctx, name, state.Hold, func(options pg.TargetOptions) (err error) {
		hold, err = pg.SetHold(ctx, options, pg.Hold{By: a.User + "@" + a.Host, At: a.Now().UTC(), Until: until.UTC(), Reason: reason})
		return err
	})
	if err != nil {
		return err
	}
	return a.print(hold, func(w io.Writer) {
		a.tell(w, 2, "%s %s until %s", a.paintOut(green, "held:"), name, hold.Until.Local().Format("Mon Jan _2 15:04"))
		a.next("lethe env release %s", name)
	})
}

// releaseDocument is what --json prints of a release.
type releaseDocument struct {
	Environment string `json:"environment"`
	// Released is the hold that was ended; nil when there was none.
	Released *pg.Hold `json:"released"`
}

func (a *app) release(ctx context.Context, name string) error {
	doc := releaseDocument{Environment: name}
	err := a.onRecord(ctx, name, state.Release, func(options pg.TargetOptions) (err error) {
		doc.Released, err = pg.ReleaseHold(ctx, options)
		return err
	})
	if err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) {
		if doc.Released == nil {
			a.tell(w, 2, "%s was not held", name)
			return
		}
		a.tell(w, 2, "%s %s, held by %s", a.paintOut(green, "released:"), name, doc.Released.By)
	})
}

// holdText says by whom an environment is held, "" when it is not.
func holdText(h *pg.Hold) string {
	if h == nil {
		return ""
	}
	return fmt.Sprintf("until %s by %s: %s", h.Until.Local().Format("Jan _2 15:04"), printable(h.By), printable(h.Reason))
}
