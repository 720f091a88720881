package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/lethedb/lethe/internal/buildinfo"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/ledger"
	"github.com/lethedb/lethe/internal/state"
)

// record is what one run leaves behind: a row of the state file and two entries of the ledger.
type record struct {
	app    *app
	store  *state.Store
	ledger *ledger.Log
	run    state.Run
}

// newRun names a run, unlike any other on any machine.
func (a *app) newRun() (string, error) {
	id, err := state.NewRunID(a.Now(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("name the run: %w", err)
	}
	return id, nil
}

// begin opens the state file and the ledger and records that the run has started. Nothing is read before
// that is on record.
func (a *app) begin(ctx context.Context, cfg *config.Config, run state.Run) (*record, error) {
	store, err := state.Open(ctx, cfg.State)
	if err != nil {
		return nil, usageError("bad-state", fmt.Errorf("open state file: %w", err), "")
	}
	r := &record{app: a, store: store, ledger: ledger.Open(cfg.Ledger(), store, a.Now), run: run}
	r.run.Started, r.run.Host, r.run.User, r.run.Version = a.Now(), a.Host, a.User, buildinfo.Version()
	if err := r.write(ctx, "begun", state.Result{}); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := store.Begin(ctx, r.run); err != nil {
		return nil, errors.Join(fmt.Errorf("record run: %w", err), store.Close())
	}
	return r, nil
}

// write appends one entry to the ledger.
func (r *record) write(ctx context.Context, outcome string, result state.Result) error {
	digests := result.Digests
	if digests.Plan == "" {
		digests = r.run.Digests
	}
	_, err := r.ledger.Append(ctx, ledger.Record{
		Action: string(r.run.Kind), Run: r.run.ID, Environment: r.run.Environment, Source: r.run.Source, Target: r.run.Environment,
		Outcome: outcome, Code: result.Code, User: r.run.User, Host: r.run.Host, Version: r.run.Version,
		Digests: ledger.Digests{Rules: digests.Rules, Plan: digests.Plan, Catalog: digests.Catalog, KeyID: digests.KeyID},
	})
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// recordTime bounds how long recording the end of a run may take once its own context has ended.
const recordTime = 10 * time.Second

// end records how the run ended and closes the files. It returns err with whatever went wrong here.
func (r *record) end(ctx context.Context, result state.Result, err error) error {
	result.Ended = r.app.Now()
	if err != nil {
		f := r.app.classify(ctx, err) // the context that ended tells why
		result.Exit, result.Code = f.status, f.code
		if !f.done {
			result.Outcome = outcomeOf(f.status)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	writeErr := r.write(ctx, string(result.Outcome), result)
	finishErr := r.store.Finish(ctx, r.run.ID, result)
	return errors.Join(err, writeErr, finishErr, r.store.Close())
}

func outcomeOf(status int) state.Outcome {
	switch status {
	case statusUsage, statusRefused:
		return state.Refused
	case statusVerification:
		return state.VerificationFailed
	case statusInterrupted:
		return state.Interrupted
	}
	return state.Failed
}
