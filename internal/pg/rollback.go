package pg

import (
	"context"
	"fmt"
)

// Publish finishes what a run built and did not publish: a build that passed its verification. Without a
// run it takes the newest build. It takes the environment's lock for as long as it lasts.
func Publish(ctx context.Context, opts TargetOptions, run string) (Publication, error) {
	return publishOne(ctx, opts, func(t *Target, all []related) (string, string, error) {
		var chosen *related
		for i, r := range all {
			switch {
			case run != "" && r.serving && r.run == run:
				return "", "", refuse("already-published", r.name, "the run's data serves already", "")
			case !r.unpublished() || run != "" && r.run != run:
			case chosen == nil || r.run > chosen.run: // ids of runs sort by their time
				chosen = &all[i]
			}
		}
		switch {
		case chosen != nil:
			return chosen.name, chosen.run, nil
		case run == "":
			return "", "", refuse("no-build", t.opts.Environment, "no build waits to be published", "make one: lethe refresh "+t.opts.Environment+" --no-publish")
		}
		return "", "", refuse("no-build", t.opts.Environment, fmt.Sprintf("run %s left no build that could be published", run),
			"see which builds wait: lethe env show "+t.opts.Environment)
	})
}

// Rollback makes the database serve again that served before, by the same swap. It takes the
// environment's lock for as long as it lasts.
func Rollback(ctx context.Context, opts TargetOptions) (Publication, error) {
	return publishOne(ctx, opts, func(t *Target, all []related) (string, string, error) {
		var newest *related
		for i, r := range all {
			if r.previous() && (newest == nil || r.replaced.After(newest.replaced)) {
				newest = &all[i]
			}
		}
		if newest == nil {
			return "", "", refuse("no-previous", t.opts.Environment, "no previous database is kept", "keep one by keep_previous, or refresh")
		}
		return newest.name, newest.run, nil
	})
}

// publishOne makes the database serve that choose picks.
func publishOne(ctx context.Context, opts TargetOptions, choose func(*Target, []related) (database, run string, err error)) (p Publication, err error) {
	t, err := OpenTarget(ctx, opts)
	if err != nil {
		return p, err
	}
	defer func() {
		if closeErr := t.Close(); err == nil {
			err = closeErr
		}
	}()
	all, err := t.everything(ctx)
	if err != nil {
		return p, err
	}
	database, run, err := choose(t, all)
	if err != nil {
		return p, err
	}
	if t.opts.Ready != nil {
		if err := t.opts.Ready(ctx, database); err != nil {
			return p, err
		}
	}
	return t.publish(ctx, database, run)
}
