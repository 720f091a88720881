package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
		ok     bool
	}{{nil, 0, false}, {[]float64{7}, 7, true}, {[]float64{9, 1}, 5, true}, {[]float64{9, 1, 2}, 2, true}, {[]float64{4, 1, 100, 2}, 3, true}} {
		if got, ok := median(c.values); got != c.want || ok != c.ok {
			t.Errorf("median of %v is %v, %v; want %v, %v", c.values, got, ok, c.want, c.ok)
		}
	}
}

// sample is a report of two rounds whose every figure can be worked out by hand.
func sample() *report {
	r := &report{Values: 10_000_000, Titles: map[string]string{letheMasked: "ours", dumpRestore: "theirs", copydb: "another"}}
	add := func(name string, seconds, own, copied float64, peak int64) {
		r.Runs = append(r.Runs, measurement{Contestant: name, Seconds: seconds, OwnCPU: own, Peak: peak << 20, Phases: map[string]float64{"copy": copied}})
	}
	add(letheMasked, 27, 8, 0, 100)
	add(letheMasked, 29, 8, 0, 151)
	add(letheKept, 25, 6, 0, 90)
	add(dumpRestore, 30, 0, 0, 0)
	add(copydb, 28, 0, 0, 0)
	add(alone1, 20, 0, 16, 0)
	add(alone2, 12, 0, 10, 0)
	return r
}

// TestTargetsAreJudgedByTheirBounds: at a bound is met, beyond it is not, and what was not run is neither.
func TestTargetsAreJudgedByTheirBounds(t *testing.T) {
	want := []struct {
		measured string
		verdict  verdict
	}{
		{"1.00", met},    // 28 of 28
		{"1.00", missed}, // above 0.85
		{"0.89", met},    // 25 of 28
		{"200", met},     // two seconds for ten million
		{"1.60", met},    // 16 to 10
		{"151", missed},  // the most of all rounds counts
		{"", unmeasured}, // no run at a tenth
	}
	got := sample().targets()
	if len(got) != len(want) {
		t.Fatalf("%d targets, want %d", len(got), len(want))
	}
	for i, w := range want {
		if got[i].Measured != w.measured || got[i].Verdict != w.verdict {
			t.Errorf("%s: %s %s, want %s %s", got[i].Name, got[i].Measured, got[i].Verdict, w.measured, w.verdict)
		}
	}
	for _, target := range (&report{}).targets() {
		if target.Verdict != unmeasured {
			t.Errorf("%s is %q without a run", target.Name, target.Verdict)
		}
	}
}

func TestTheTableShowsMediansAndRatios(t *testing.T) {
	var b strings.Builder
	r := sample()
	if err := r.markdown(&b, r.targets()); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"| ours | 2 | 28.0 | 27.0 to 29.0 | 1.00 |", "| theirs | 1 | 30.0 | 30.0 to 30.0 | 1.07 |", "- alone-1: copy 16.0"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("the table lacks %q:\n%s", line, b.String())
		}
	}
}

// TestDisturbedRunsCountOnlyWhereThereIsNoOther: others may have had a tenth of the machine.
func TestDisturbedRunsCountOnlyWhereThereIsNoOther(t *testing.T) {
	r := &report{Conditions: conditions{Cores: 2}, Runs: []measurement{
		{Contestant: copydb, Seconds: 30, OtherCPU: 6}, {Contestant: copydb, Seconds: 50, OtherCPU: 11}, {Contestant: dumpRestore, Seconds: 40, OtherCPU: 30},
	}}
	if got, _ := r.median(copydb, seconds); got != 30 {
		t.Errorf("median %v, want that of the calm run alone, 30", got)
	}
	if got, _ := r.median(dumpRestore, seconds); got != 40 {
		t.Errorf("median %v, want that of the only run there is, 40", got)
	}
}

// TestRoundsAreJoinedOnlyWhenTheyWereMeasuredAlike: what differs cannot have one median.
func TestRoundsAreJoinedOnlyWhenTheyWereMeasuredAlike(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.json")
	if err := sample().write(file); err != nil {
		t.Fatal(err)
	}
	again := sample()
	if err := again.join(file); err != nil {
		t.Fatal(err)
	}
	if got := len(again.runs(letheMasked)); got != 4 {
		t.Errorf("%d runs after joining two and two", got)
	}
	newer := sample()
	newer.Conditions.Lethe = "another"
	if err := newer.join(file); err != nil || len(newer.runs(letheMasked)) != 2 || len(newer.runs(copydb)) != 2 {
		t.Errorf("another lethe has %d runs of its own and %d of a clone, %v; want 2 and 2", len(newer.runs(letheMasked)), len(newer.runs(copydb)), err)
	}
	other := sample()
	other.Conditions.Jobs = 4
	if err := other.join(file); err == nil {
		t.Error("runs with another number of jobs were joined")
	}
}

func TestTheStateOfAProcessIsRead(t *testing.T) {
	got, err := parseStat("12 (a) b (c) S 7 1 1 0 -1 4 1 2 3 4 100 50 30 20 20 0 1 0 99")
	if err != nil || got != (process{parent: 7, own: 1500 * time.Millisecond, children: 500 * time.Millisecond}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, broken := range []string{"", "12 (a", "12 (a) S 7 1", "12 (a) S x 1 1 0 -1 4 1 2 3 4 100 50 30 20"} {
		if _, err := parseStat(broken); err == nil {
			t.Errorf("%q was read", broken)
		}
	}
}

// TestTheMachineIsBusyWithoutWaiting: idle cores and cores that wait for a disk are free.
func TestTheMachineIsBusyWithoutWaiting(t *testing.T) {
	if got := parseBusy("cpu  100 20 30 4000 500 6 7 800 90 10"); got != 1630*time.Millisecond {
		t.Errorf("busy for %v, want 1.63s", got)
	}
}

func TestTheCommandLineIsChecked(t *testing.T) {
	for _, wrong := range []string{"-scale 0", "-rounds 0", "-jobs 0", "-wal logical", "something", "-nothing"} {
		var said strings.Builder
		if _, err := parse(strings.Fields(wrong), &said); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}
