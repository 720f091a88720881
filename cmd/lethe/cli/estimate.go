package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/state"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// What a plan estimates with where nothing is known of an earlier run, on two cores: bytes of heap copied and
// masked and bytes of index built, per second, and the seconds that even an empty database takes. A table of
// half a million people with every column masked went at 23 MB/s, wide kept rows go several times as fast.
const (
	copyRate  = 25e6
	indexRate = 40e6
	leastTime = 1.0
)

// planEstimate is what a refresh is expected to take.
type planEstimate struct {
	// Basis says what the times are estimated from: an earlier run, by its id, or the stated rates.
	Basis string `json:"basis"`
	// Seconds is the whole run, SnapshotSeconds for how long the source's snapshot keeps VACUUM from cleaning.
	Seconds         float64         `json:"seconds"`
	SnapshotSeconds float64         `json:"snapshot_seconds"`
	Disk            planDisk        `json:"disk"`
	Connections     planConnections `json:"connections"`
}

// planDisk is the room that the target's databases take while a refresh is at its peak.
type planDisk struct {
	// Serving is the database that serves, Previous are those that served before, Waiting those that are built
	// and not published; New is what the refresh adds, indexes included.
	Serving  int64 `json:"serving_bytes"`
	Previous int64 `json:"previous_bytes"`
	Waiting  int64 `json:"waiting_bytes"`
	New      int64 `json:"new_bytes"`
	Peak     int64 `json:"peak_bytes"`
	// Free is what is free now; nil where the server does not tell.
	Free *int64 `json:"free_bytes,omitempty"`
}

// planConnections are the most that a run has at once.
type planConnections struct {
	Source int `json:"source"`
	Target int `json:"target"`
}

// estimate fills in what the tables alone do not tell.
func (a *app) estimate(ctx context.Context, p *passage, d *planDocument) error {
	e := &d.Estimate
	options := environmentOptions(a, p.env, p.target)
	options.Jobs = p.jobs()
	e.Connections = planConnections{Source: p.from.Connections, Target: pg.TargetSessions(options)}
	if s := p.status; s != nil {
		e.Disk.Serving = s.Bytes
		for _, kept := range s.Previous {
			e.Disk.Previous += kept.Bytes
		}
		for _, kept := range s.Builds {
			e.Disk.Waiting += kept.Bytes
		}
	}
	if p.env.Slots != nil {
		// The slot that is filled is emptied first.
		e.Disk.Previous, e.Disk.Waiting = 0, 0
	}
	e.Disk.Peak = e.Disk.Serving + e.Disk.Previous + e.Disk.Waiting + e.Disk.New
	free, known, err := pg.FreeSpace(ctx, options)
	if err != nil {
		return fmt.Errorf("look at environment %s: %w", p.env.Name, err)
	}
	if known {
		e.Disk.Free = &free
	}
	last, err := a.lastRefresh(ctx, p.cfg, p.env.Name)
	if err != nil {
		return err
	}
	e.time(d.Rows, d.Bytes, last, p.from.Rate)
	if limit := p.from.MaxSnapshotAge; e.SnapshotSeconds > limit.Seconds() {
		d.Findings = append(d.Findings, finding.Finding{
			Code: "snapshot-age", Severity: finding.Warning, Place: p.from.Place, Object: "source " + p.from.Name,
			Message: fmt.Sprintf("the snapshot would be held for about %s, and the run ends at max_snapshot_age, %s", durationText(seconds(e.SnapshotSeconds)), limit),
			Fix:     "copy less, allow more connections: or a higher rate:, or raise max_snapshot_age:",
		})
	}
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// lastRefresh returns the newest refresh of the environment that got as far as a build; nil when none is on
// record here.
func (a *app) lastRefresh(ctx context.Context, cfg *config.Config, environment string) (*state.Run, error) {
	if !exists(cfg.State) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	store, err := state.Open(ctx, cfg.State)
	if err != nil {
		return nil, usageError("bad-state", fmt.Errorf("open state file: %w", err), "")
	}
	runs, err := store.Runs(ctx, state.Filter{Environment: environment, Kind: state.Refresh})
	for _, run := range runs {
		if run.Outcome == state.Published || run.Outcome == state.Built {
			run, err = store.Run(ctx, run.ID)
			return &run, errors.Join(err, store.Close())
		}
	}
	return nil, errors.Join(err, store.Close())
}

// time estimates the times: from what the last run took, by rows, else from the rates. d.Seconds holds what
// the rates say of copying and of indexes.
func (e *planEstimate) time(rows, bytes int64, last *state.Run, rate int64) {
	copying := float64(bytes) / copyRate
	e.Basis = fmt.Sprintf("stated rates, no earlier run is on record here: %s/s of rows, %s/s of indexes", bytesText(copyRate), bytesText(indexRate))
	e.Seconds, e.SnapshotSeconds = leastTime+copying+float64(e.Disk.New-bytes)/indexRate, leastTime+copying
	if last != nil && len(last.Phases) > 0 {
		e.Basis = "run " + last.ID
		grown := 1.0
		if total := last.Total().Rows; total > 0 && rows > 0 {
			grown = float64(rows) / float64(total)
		}
		e.Seconds, e.SnapshotSeconds = 0, 0
		for _, phase := range last.Phases {
			took := float64(phase.Milliseconds) / 1000
			switch refresh.Phase(phase.Name) {
			case refresh.PhaseCopy:
				took *= grown
				e.SnapshotSeconds += took
			case refresh.PhaseBegin, refresh.PhaseTrial:
				e.SnapshotSeconds += took // the schema is made and tried while the snapshot stands
			case refresh.PhaseFinish, refresh.PhaseVerify:
				took *= grown
			case refresh.PhaseWait:
				continue // another run waits for another time
			}
			e.Seconds += took
		}
	}
	if rate > 0 {
		// No slower than the rate allows; what was recorded may have been without it.
		least := float64(bytes) / float64(rate)
		e.Seconds += max(0, least-e.SnapshotSeconds)
		e.SnapshotSeconds = max(e.SnapshotSeconds, least)
	}
}

func (a *app) showEstimate(w io.Writer, e planEstimate) {
	free := "how much is free the server does not tell"
	if e.Disk.Free != nil {
		free = bytesText(*e.Disk.Free) + " are free"
	}
	a.tell(w, 0, "\nabout %s, from %s", durationText(seconds(e.Seconds)), e.Basis)
	a.tell(w, 0, "production: a snapshot held for about %s, during which VACUUM cleans nothing newer; at most %s", durationText(seconds(e.SnapshotSeconds)), counted(e.Connections.Source, "session"))
	a.tell(w, 0, "target: about %s of disk at the peak, of which %s are new; %s; at most %s", bytesText(e.Disk.Peak), bytesText(e.Disk.New), free, counted(e.Connections.Target, "session"))
}
