package cli

import (
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/state"
)

// TestAPlanEstimatesFromTheLastRun holds where the times of a plan come from: what scales with the rows of the
// last run does, the rest does not, and no rate is exceeded.
func TestAPlanEstimatesFromTheLastRun(t *testing.T) {
	last := &state.Run{ID: "r1", Result: state.Result{
		Tables: []state.Table{{Rows: 100}},
		Phases: []state.Phase{{Name: "build", Milliseconds: 2000}, {Name: "trial", Milliseconds: 500}, {Name: "copy", Milliseconds: 10_000}, {Name: "wait", Milliseconds: 3_600_000}, {Name: "finish", Milliseconds: 4000}, {Name: "publish", Milliseconds: 1000}},
	}}
	for _, c := range []struct {
		name              string
		rows, bytes, rate int64
		last              *state.Run
		seconds, snapshot float64
		basis             string
		newBytes          int64
	}{
		{"nothing known", 1, 25e6, 0, nil, 1 + 1 + 2, 1 + 1, "stated rates", 25e6 + 80e6},
		{"last run", 200, 25e6, 0, last, 2.5 + 20 + 8 + 1, 2.5 + 20, "run r1", 25e6},
		{"rate", 200, 25e6, 250e3, last, 2.5 + 20 + 8 + 1 + 77.5, 100, "run r1", 25e6},
	} {
		e := planEstimate{Disk: planDisk{New: c.newBytes}}
		e.time(c.rows, c.bytes, c.last, c.rate)
		if e.Seconds != c.seconds || e.SnapshotSeconds != c.snapshot || e.Basis[:min(len(e.Basis), len(c.basis))] != c.basis {
			t.Errorf("%s: got %+v, want %v s, %v s, %s", c.name, e, c.seconds, c.snapshot, c.basis)
		}
	}
}

// TestAPlanNamesWhatARefreshTakes holds that a plan tells both sides' connections, the order, and the disk of
// what serves, served before and is to come; and warns of a snapshot that would get too old.
func TestAPlanNamesWhatARefreshTakes(t *testing.T) {
	t.Parallel()
	g := newGenerations(t).adopted()
	first := document[planDocument](g, "plan", "staging")
	if e := first.Estimate; e.Disk.New == 0 || e.Disk.Previous != 0 || e.Connections.Source != 6 || e.Connections.Target < 4 || e.Seconds < 1 || first.Order[0] != "public.one" {
		t.Errorf("before a run: %+v, order %v", e, first.Order)
	}
	g.ok("refresh", "staging")
	run := document[[]state.Run](g, "runs")[0].ID
	g.replace("lethe.yaml", "connections: 6}", "connections: 6, max_snapshot_age: 1s, rate: 0.01}")
	then := document[planDocument](g, "plan", "staging")
	e := then.Estimate
	if e.Basis != "run "+run || e.Disk.Peak != e.Disk.New+e.Disk.Serving+e.Disk.Previous || e.Disk.Serving == 0 || e.Disk.Previous == 0 {
		t.Errorf("after a run: %+v", e)
	}
	if len(then.Findings) != 1 || then.Findings[0].Code != "snapshot-age" || e.SnapshotSeconds < time.Second.Seconds() {
		t.Errorf("found %v, %+v", then.Findings, e)
	}
}
