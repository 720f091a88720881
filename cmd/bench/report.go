package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// report is all that was measured, as the file holds it.
type report struct {
	When       string     `json:"when"`
	Conditions conditions `json:"conditions"`
	// Bytes is the size of the source, indexes included; Values how many values nine masks meet in it.
	Bytes  int64             `json:"source_bytes"`
	Values int64             `json:"masked_values"`
	Titles map[string]string `json:"titles"`
	Runs   []measurement     `json:"runs"`
	// Targets are written for whoever reads the file; they follow from the runs.
	Targets []target `json:"targets"`
}

// join puts the rounds of a file before those of this run. No file is no rounds. Of another lethe only the
// clones' runs are taken: they do not depend on it.
func (r *report) join(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var before report
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	alike := before.Conditions
	alike.Lethe, alike.Go = r.Conditions.Lethe, r.Conditions.Go
	if alike != r.Conditions {
		return fmt.Errorf("add to %s: it was measured under other conditions; name another file with -json", path)
	}
	if before.Conditions.Lethe != r.Conditions.Lethe {
		before.Runs = slices.DeleteFunc(before.Runs, func(m measurement) bool { return slices.Contains(ours(), m.Contestant) })
	}
	r.Runs = append(before.Runs, r.Runs...)
	for name, title := range before.Titles {
		r.Titles[name] = title
	}
	return nil
}

func (r *report) write(path string) error {
	r.Targets = r.targets()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// quiet is how much of the machine others may have had in a run that counts. A tenth of two cores is what a
// desktop or a watcher takes; more than that, and the run tells of somebody else's work too.
const quiet = 0.1

// all returns the runs of one contestant.
func (r *report) all(name string) []measurement {
	var of []measurement
	for _, m := range r.Runs {
		if m.Contestant == name {
			of = append(of, m)
		}
	}
	return of
}

// runs returns the runs of one contestant that count: those that others did not disturb, all when there is
// none such.
func (r *report) runs(name string) []measurement {
	all := r.all(name)
	var calm []measurement
	for _, m := range all {
		if m.OtherCPU <= quiet*m.Seconds*float64(r.Conditions.Cores) {
			calm = append(calm, m)
		}
	}
	if len(calm) == 0 {
		return all
	}
	return calm
}

// median returns the middle of what f says of the contestant's runs; ok is false when there are none.
func (r *report) median(name string, f func(measurement) float64) (value float64, ok bool) {
	var all []float64
	for _, m := range r.runs(name) {
		all = append(all, f(m))
	}
	return median(all)
}

func median(values []float64) (float64, bool) {
	n := len(values)
	if n == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, true
}

func seconds(m measurement) float64   { return m.Seconds }
func ownCPU(m measurement) float64    { return m.OwnCPU }
func clientCPU(m measurement) float64 { return m.ClientCPU }
func serverCPU(m measurement) float64 { return m.ServerCPU }
func otherCPU(m measurement) float64  { return m.OtherCPU }
func copying(m measurement) float64   { return m.Phases["copy"] }

// ours are the contestants that run lethe.
func ours() []string { return []string{letheMasked, letheKept, letheTenth, alone1, alone2} }

// order is that of the table: the comparison first, what was measured beside it after.
func (r *report) order() []string {
	list := []string{letheMasked, letheKept, rawFloor, dumpRestore, copydb, letheTenth, alone1, alone2}
	for _, m := range r.Runs {
		if !slices.Contains(list, m.Contestant) {
			list = append(list, m.Contestant)
		}
	}
	return list
}

// markdown prints the table, the conditions and the targets.
func (r *report) markdown(w io.Writer, targets []target) error {
	var b strings.Builder
	c := r.Conditions
	fmt.Fprintf(&b, "Measured %s: %s, %d cores (%s), %s memory, PostgreSQL %s, %s, %s, pgcopydb %s.\n",
		r.When, c.Kernel, c.Cores, c.CPU, c.Memory, c.Postgres, c.Lethe, c.Go, c.Pgcopydb)
	fmt.Fprintf(&b, "Scale %g: %d MB with indexes, source and target on one server; %d jobs. Server: %s.\n\n", c.Scale, r.Bytes>>20, c.Jobs, c.Settings)
	fastest, _ := r.fastestClone()
	b.WriteString("| | rounds | median s | spread | to the faster clone | client CPU s | server CPU s | cores idle s | others' CPU s | peak MB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, name := range r.order() {
		took, ok := r.median(name, seconds)
		if !ok {
			continue
		}
		client, _ := r.median(name, clientCPU)
		server, _ := r.median(name, serverCPU)
		other, _ := r.median(name, otherCPU)
		ratio, peak := "", ""
		if fastest > 0 && !slices.Contains([]string{letheTenth, alone1, alone2}, name) {
			ratio = fmt.Sprintf("%.2f", took/fastest)
		}
		if p := r.peak(name); p > 0 {
			peak = fmt.Sprint(p >> 20)
		}
		runs := r.runs(name)
		low, high := took, took
		for _, m := range runs {
			low, high = min(low, m.Seconds), max(high, m.Seconds)
		}
		rounds := fmt.Sprint(len(runs))
		if all := len(r.all(name)); all > len(runs) {
			rounds += fmt.Sprintf(" of %d", all)
		}
		fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f to %.1f | %s | %.1f | %.1f | %.1f | %.1f | %s |\n", r.Titles[name], rounds, took, low, high, ratio,
			client, server, max(0, took*float64(c.Cores)-client-server-other), other, peak)
	}
	b.WriteString("\n")
	r.phases(&b)
	b.WriteString("\n| target | wanted | measured | |\n|---|--:|--:|---|\n")
	for _, t := range targets {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", t.Name, t.Wanted, t.Measured, t.Verdict)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// phases prints the median of each phase that a contestant tells of.
func (r *report) phases(b *strings.Builder) {
	b.WriteString("Phases, medians in seconds:")
	for _, name := range r.order() {
		runs := r.runs(name)
		if len(runs) == 0 || len(runs[0].Phases) == 0 {
			continue
		}
		medians := map[string]float64{}
		for phase := range runs[0].Phases {
			medians[phase], _ = r.median(name, func(m measurement) float64 { return m.Phases[phase] })
		}
		fmt.Fprintf(b, "\n- %s:%s", name, phasesText(medians))
	}
	b.WriteString("\n")
}

// peak is the most memory that any run of a contestant took.
func (r *report) peak(name string) int64 {
	var most int64
	for _, m := range r.all(name) {
		most = max(most, m.Peak)
	}
	return most
}
