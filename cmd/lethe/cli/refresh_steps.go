package cli

import (
	"context"
	"errors"

	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// steps are what is done to a verified copy before it is complete.
func (r *refreshing) steps(target *pg.Target) []refresh.Step {
	var steps []refresh.Step
	if commands := r.env.Hooks.Built; len(commands) > 0 {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseBuilt, Do: func(ctx context.Context) error {
			return r.hooks.tell(ctx, "built", commands, target.Built())
		}})
	}
	return append(steps, refresh.Step{Phase: refresh.PhaseCheck, Do: target.Complete})
}

// publishing are what comes between a complete build and its publication: whatever fails there, the build
// is kept.
func (r *refreshing) publishing(target *pg.Target) []refresh.Step {
	var steps []refresh.Step
	if p := r.env.Publish; !r.options.now && (p.Window != nil || p.Announce > 0) {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseWait, Do: func(ctx context.Context) error { return r.hooks.awaitTurn(ctx, r.options.now) }})
	}
	if commands := r.env.Hooks.BeforePublish; len(commands) > 0 {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseHooks, Do: func(ctx context.Context) error {
			return kept(r.env.Name, r.hooks.tell(ctx, "before_publish", commands, target.Built()))
		}})
	}
	return steps
}

// kept adds to a failure what can be done with a build that is complete.
func kept(env string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		f.fix += "; then publish what was built, which is kept: lethe publish " + env
	}
	return err
}

// done reports that what was asked for is done although err is not nil.
func done(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.done
}

// told returns err, which the document on stdout goes before, or what printing that met.
func told(err, printing error) error {
	if f, ok := errors.AsType[*failure](err); ok && printing == nil {
		f.told = true
		return err
	}
	return errors.Join(err, printing)
}
