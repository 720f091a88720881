package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// steps are what is done to a verified copy before it is complete.
func (r *refreshing) steps(target *pg.Target) []refresh.Step {
	var steps []refresh.Step
	if len(r.env.Retain) > 0 {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseRetain, Do: func(ctx context.Context) (err error) {
			r.doc.Retained, err = target.Retain(ctx)
			return err
		}})
	}
	if len(r.env.After) > 0 {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseAfter, Do: func(ctx context.Context) error { return r.after(ctx, target) }})
	}
	commands := r.env.Hooks.Built
	steps = append(steps, refresh.Step{Phase: refresh.PhaseCheck, Do: func(ctx context.Context) error {
		if err := target.Sound(ctx); err != nil || len(commands) > 0 {
			return err
		}
		return r.finished(ctx, target)
	}})
	if len(commands) > 0 {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseBuilt, Do: func(ctx context.Context) error {
			if err := r.hooks.tell(ctx, "built", commands, target.Built()); err != nil {
				return err
			}
			return r.finished(ctx, target)
		}})
	}
	return steps
}

// finished makes the build one that may be published.
func (r *refreshing) finished(ctx context.Context, target *pg.Target) error {
	err := target.Complete(ctx)
	r.complete = err == nil
	return err
}

// after runs the files of statements and the programs that lethe.yaml names, in order. A resumed run begins
// with the one that failed, from its start.
func (r *refreshing) after(ctx context.Context, target *pg.Target) error {
	if err := target.Furnish(ctx); err != nil {
		return fmt.Errorf("give the new database its settings: %w", err)
	}
	for i, after := range r.env.After {
		if r.ran[i] {
			continue
		}
		name, do, err := r.prepareAfter(target, i, after)
		if err != nil {
			return fmt.Errorf("after: %w", err)
		}
		if err := target.Once(ctx, name, do); err != nil {
			return err
		}
	}
	return nil
}

// prepareAfter reads one entry of after:. It is remembered as done by its place and a digest of what is run.
func (r *refreshing) prepareAfter(target *pg.Target, i int, after config.After) (name string, do func(context.Context) error, err error) {
	if after.SQL == "" {
		digest, err := r.commandDigest(after.Command)
		return afterName(i, digest), func(ctx context.Context) error { return r.runCommand(ctx, target, after) }, err
	}
	text, err := os.ReadFile(after.SQL)
	if err != nil {
		return "", nil, fmt.Errorf("read statements: %w", err)
	}
	statements, err := parseStatements(after.SQL, text)
	return afterName(i, sqlDigest(text)), func(ctx context.Context) error { return r.runStatements(ctx, target, after.SQL, statements) }, err
}

// runCommand runs a program in the new database.
func (r *refreshing) runCommand(ctx context.Context, target *pg.Target, after config.After) error {
	r.talk("%s after: %s", r.paint(cyan, "·"), filepath.Base(after.Command.Argv[0]))
	if err := r.hooks.start(ctx, after.Command, target.Built(), variable{"LETHE_HOOK", "after"}); err != nil {
		return &failure{status: statusFailed, code: "after-failed", err: fmt.Errorf("after: %w", err), fix: "correct it at " + after.Place.String()}
	}
	return nil
}

// runStatements runs a file of statements in the new database.
func (r *refreshing) runStatements(ctx context.Context, target *pg.Target, file string, statements []pg.Statement) error {
	r.talk("%s after: %s", r.paint(cyan, "·"), file)
	err := target.RunStatements(ctx, file, statements)
	if err != nil && ctx.Err() == nil {
		return &failure{status: statusFailed, code: "after-failed", err: fmt.Errorf("after: %w", err), fix: "correct the statement"}
	}
	return err
}

// readStatements reads a file of SQL.
func readStatements(path string) ([]pg.Statement, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read statements: %w", err)
	}
	return parseStatements(path, text)
}

// parseStatements reads the text of a file of SQL.
func parseStatements(path string, text []byte) ([]pg.Statement, error) {
	statements, err := pg.ParseStatements(string(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return statements, nil
}

// publishing are what comes between a complete build and its publication: whatever fails there, the build
// is kept.
func (r *refreshing) publishing(target *pg.Target) []refresh.Step {
	var steps []refresh.Step
	if p := r.env.Publish; !r.options.now && (p.Window != nil || p.Announce > 0) {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseWait, Do: func(ctx context.Context) error { return r.hooks.awaitTurn(ctx, r.options.now) }})
	}
	if len(r.env.Hooks.BeforePublish) > 0 {
		steps = append(steps, refresh.Step{Phase: refresh.PhaseHooks, Do: func(ctx context.Context) error {
			return kept(r.env.Name, r.hooks.ready(ctx, target.Built()))
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
