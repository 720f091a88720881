package main

import "fmt"

// verdict says whether a target was met.
type verdict string

// unmeasured is said where a part of the comparison was not run; it is not met.
const (
	met        verdict = "met"
	missed     verdict = "**not met**"
	unmeasured verdict = "not measured"
)

// target is one promise beside what was measured.
type target struct {
	Name     string  `json:"name"`
	Wanted   string  `json:"wanted"`
	Measured string  `json:"measured"`
	Verdict  verdict `json:"verdict"`
}

// The targets, each a bound that the project is held to on two cores.
const (
	maskedToClone  = 1.0
	maskedStretch  = 0.85
	keptToClone    = 0.9
	cpuPerValue    = 250.0 // nanoseconds
	speedupOfTwo   = 1.6
	peakAtAnyScale = 150 << 20 // the workload's rows are too small to count
)

// fastestClone is the faster of the unmasked clones.
func (r *report) fastestClone() (seconds float64, ok bool) {
	for _, name := range []string{dumpRestore, copydb} {
		took, measured := r.median(name, func(m measurement) float64 { return m.Seconds })
		if measured && (!ok || took < seconds) {
			seconds, ok = took, true
		}
	}
	return seconds, ok
}

func atMost(name string, value, bound float64, form string, ok bool) target {
	t := target{Name: name, Wanted: "≤ " + fmt.Sprintf(form, bound), Measured: "", Verdict: unmeasured}
	if ok {
		t.Measured, t.Verdict = fmt.Sprintf(form, value), missed
		if value <= bound {
			t.Verdict = met
		}
	}
	return t
}

// targets judges the runs.
func (r *report) targets() []target {
	clone, cloned := r.fastestClone()
	masked, hasMasked := r.median(letheMasked, seconds)
	kept, hasKept := r.median(letheKept, seconds)
	maskedCPU, _ := r.median(letheMasked, ownCPU)
	keptCPU, _ := r.median(letheKept, ownCPU)
	one, hasOne := r.median(alone1, copying)
	two, hasTwo := r.median(alone2, copying)
	speedup := target{Name: "one table alone, copy phase, 2 workers to 1", Wanted: fmt.Sprintf("≥ %.1f", speedupOfTwo), Verdict: unmeasured}
	if hasOne && hasTwo && two > 0 {
		speedup.Measured, speedup.Verdict = fmt.Sprintf("%.2f", one/two), missed
		if one/two >= speedupOfTwo {
			speedup.Verdict = met
		}
	}
	peak, tenth := r.peak(letheMasked), r.peak(letheTenth)
	return []target{
		atMost("masked refresh, to the faster unmasked clone", quotient(masked, clone), maskedToClone, "%.2f", hasMasked && cloned),
		atMost("the same, stretch", quotient(masked, clone), maskedStretch, "%.2f", hasMasked && cloned),
		atMost("refresh with every column kept, to the same", quotient(kept, clone), keptToClone, "%.2f", hasKept && cloned),
		atMost("CPU per masked value, masked less kept, ns", quotient(maskedCPU-keptCPU, float64(r.Values))*1e9, cpuPerValue, "%.0f", hasMasked && hasKept && r.Values > 0),
		speedup,
		atMost("peak memory, MB", float64(peak)/(1<<20), peakAtAnyScale>>20, "%.0f", peak > 0),
		atMost("peak memory at a tenth of the scale, MB", float64(tenth)/(1<<20), peakAtAnyScale>>20, "%.0f", tenth > 0),
	}
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
