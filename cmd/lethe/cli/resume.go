package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// resumable keeps what another process needs to go on with the run, once its rows have all arrived.
func (r *refreshing) resumable(target *pg.Target) func(context.Context, *refresh.Landed) error {
	return func(_ context.Context, landed *refresh.Landed) error {
		files := savedFor(r.cfg, r.env.Name, r.passage.run)
		err := files.write(&saved{
			Landed: *landed, Masked: r.doc.Masked, Kept: r.doc.Kept, Accepted: r.accepting, Findings: r.doc.Findings, Tools: r.tools,
			Config: freeze(r.env),
		})
		if err != nil {
			// The run itself needs none of it.
			r.talk("should this run fail from here on, it cannot be resumed: %v", err)
			return nil
		}
		if err := target.Landed(); err != nil {
			return errors.Join(err, forgetSaved(r.cfg, r.env.Name))
		}
		r.built = target
		return nil
	}
}

// resume goes on with a run whose rows had all arrived. It reads nothing of the source.
func (r *refreshing) resume(ctx context.Context) error {
	run := r.passage.run
	r.doc = refreshDocument{Run: run, Environment: r.env.Name}
	kept, err := savedFor(r.cfg, r.env.Name, run).read()
	if err != nil {
		return err
	}
	order := kept.Landed.Order
	if order.Digests.Rules != r.file.Digest() {
		return refused("rules-changed", fmt.Errorf("%s changed since run %s was decided by it", r.file.Path(), run),
			"start a new run: lethe refresh "+r.env.Name)
	}
	// A key that is made for each run is no other key, and is needed no more.
	if r.key != nil && !r.cfg.Keys.Ephemeral && order.Digests.KeyID != r.key.ID() {
		return refused("key-changed", fmt.Errorf("run %s was masked with key %s, and the masking key is %s now", run, order.Digests.KeyID, r.key.ID()),
			"start a new run: lethe refresh "+r.env.Name)
	}
	if found := append(r.changed(kept.Config.Keys, freeze(r.env).Keys), stillNamed(order, r.env)...); len(found) > 0 {
		return refusedBy(statusRefused, "resume", found)
	}
	r.doc.Source, r.doc.Digests, r.doc.Masked, r.doc.Kept, r.doc.Findings = order.Source, order.Digests, kept.Masked, kept.Kept, kept.Findings
	r.accepting, r.tools = kept.Accepted, kept.Tools
	r.showFindings(kept.Findings)
	options := r.targetOptions(r.app, r.tools)
	options.KeepFailed, options.Steps, options.Resume = r.options.keepFailed, true, true
	var target *pg.Target
	options.Found = func(p pg.Progress) error {
		found, err := r.undoable(p, kept.Config)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return refusedBy(statusRefused, "resume", found)
		}
		r.built = target // from here on it can be gone on with, or is refuted
		return nil
	}
	if target, err = pg.OpenTarget(ctx, options); err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	if err := r.build(ctx, target, refresh.Job{Landed: &kept.Landed}); err != nil {
		return err
	}
	return r.accept(context.WithoutCancel(ctx))
}

// resumableError is the failure of a run that can be gone on with.
type resumableError struct {
	err      error
	env, run string
}

func (e *resumableError) Error() string { return e.err.Error() }
func (e *resumableError) Unwrap() error { return e.err }

// hint says how.
func (e *resumableError) hint() string {
	return fmt.Sprintf("its rows have all arrived; go on without reading production again: lethe refresh %s --resume %s", e.env, e.run)
}

// settle decides what becomes of what was kept of a run that has ended with err: only one that failed after
// its rows had arrived, and whose rows were not found wanting, can be gone on with; one that is complete is
// published as it is.
func (r *refreshing) settle(err error) error {
	if r.built == nil {
		return err
	}
	if err == nil || r.complete || !r.built.Resumable() {
		return errors.Join(err, forgetSaved(r.cfg, r.env.Name))
	}
	return &resumableError{err: err, env: r.env.Name, run: r.passage.run}
}
