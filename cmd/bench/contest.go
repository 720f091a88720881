package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// contestant is one way to copy the workload.
type contestant struct {
	// name is what -only and the file call it, title what the table does.
	name, title string
	// prepare does what is not measured; it may be nil.
	prepare func(context.Context) error
	run     func(context.Context, *measurement) error
}

// The contestants by name.
const (
	letheMasked = "lethe-masked"
	letheKept   = "lethe-kept"
	rawFloor    = "floor"
	dumpRestore = "pg_dump"
	copydb      = "pgcopydb"
	alone1      = "alone-1"
	alone2      = "alone-2"
	letheTenth  = "lethe-tenth"
)

// contest is everybody who is measured, on one server.
type contest struct {
	workload
	lethe string
	dir   string
	jobs  int
	peer  string // the version of pgcopydb, "" when it is not installed
	list  []contestant
}

func newContest(ctx context.Context, w workload, lethe, dir string, o options) (*contest, error) {
	c := &contest{workload: w, lethe: lethe, dir: dir, jobs: o.jobs}
	if err := c.configure(ctx); err != nil {
		return nil, err
	}
	jobs := strconv.Itoa(o.jobs)
	c.list = []contestant{
		{letheMasked, "lethe refresh, 9 columns masked", c.adopt("masked", production), c.refresh("masked", production, jobs)},
		{letheKept, "lethe refresh, every column kept", c.adopt("kept", production), c.refresh("kept", production, jobs)},
		{rawFloor, "raw floor: psql COPY into psql COPY, then post-data", nil, func(ctx context.Context, m *measurement) error { return c.floor(ctx, m, trial{}) }},
		{dumpRestore, "pg_dump -Fd -Z0 -j" + jobs + ", pg_restore -j" + jobs, c.removeDump, c.dump},
	}
	if path, err := exec.LookPath("pgcopydb"); err == nil {
		version, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("ask pgcopydb for its version: %w", err)
		}
		first, _, _ := strings.Cut(string(version), "\n")
		c.peer = strings.TrimPrefix(first, "pgcopydb version ")
		c.list = append(c.list, contestant{copydb, "pgcopydb clone, " + jobs + " table and " + jobs + " index jobs", c.removeCopydb, c.copydb})
	} else {
		fmt.Fprintln(c.talk, "pgcopydb is not installed: the table goes without it")
	}
	c.list = append(c.list,
		contestant{alone1, "one table alone, masked, 1 worker", c.adopt("alone", production), c.refresh("alone", production, "1")},
		contestant{alone2, "one table alone, masked, 2 workers", c.adopt("alone", production), c.refresh("alone", production, "2")},
		contestant{letheTenth, "lethe refresh, 9 columns masked, a tenth of the scale", c.adopt("masked", tenthOf), c.refresh("masked", tenthOf, jobs)},
	)
	return c, nil
}

// run measures everybody in turn, round after round: what the machine does meanwhile hits all alike. Each
// round begins with another, so that nobody always follows the same one.
func (c *contest) run(ctx context.Context, r *report, only []string, rounds int) error {
	list := c.list
	if len(only) > 0 {
		list = slices.DeleteFunc(append(slices.Clone(c.list), c.trials()...), func(k contestant) bool { return !slices.Contains(only, k.name) })
	}
	if len(list) == 0 {
		return fmt.Errorf("no contestant is called %s", strings.Join(only, ", "))
	}
	for round := range rounds {
		for i := range list {
			k := list[(i+round)%len(list)]
			m, err := c.measure(ctx, k)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			fmt.Fprintf(c.talk, "round %d of %d  %-13s %6.1f s  client %.1f s  server %.1f s  others %.1f s  %d MB %s\n",
				round+1, rounds, k.name, m.Seconds, m.ClientCPU, m.ServerCPU, m.OtherCPU, m.Peak>>20, phasesText(m.Phases))
			r.Runs = append(r.Runs, m)
			r.Titles[k.name] = k.title
		}
	}
	return c.server.fresh(ctx)
}

// measure runs one contestant on a fresh target.
func (c *contest) measure(ctx context.Context, k contestant) (measurement, error) {
	m := measurement{Contestant: k.name}
	if err := c.server.fresh(ctx); err != nil {
		return m, err
	}
	if k.prepare != nil {
		if err := k.prepare(ctx); err != nil {
			return m, err
		}
	}
	server, err := c.server.cpu(ctx)
	if err != nil {
		return m, err
	}
	client, busy, began := childrenCPU(), machineCPU(), time.Now()
	if err := k.run(ctx, &m); err != nil {
		return m, err
	}
	m.Seconds = time.Since(began).Seconds()
	m.ClientCPU = (childrenCPU() - client).Seconds()
	busy = machineCPU() - busy
	after, err := c.server.cpu(ctx)
	m.ServerCPU = (after - server).Seconds()
	m.OtherCPU = max(0, busy.Seconds()-m.ClientCPU-m.ServerCPU)
	return m, err
}

// besideReaders is how many connections to the source lethe needs besides one for each job: the lookout, the
// snapshot and the locks. With fewer, it takes fewer jobs than it was told.
const besideReaders = 3

// configure writes what lethe needs: a key, and rules and configuration of each way to run it.
func (c *contest) configure(ctx context.Context) error {
	if err := do(c.letheCommand(ctx, production, "key", "generate", filepath.Join(c.dir, "masking.key"))); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"masked": rules(true, ""), "kept": rules(false, ""), "alone": rules(true, "customers"),
	} {
		config := fmt.Sprintf(`version: 1
keys: {masking: {file: masking.key}}
rules: %s.rules.yaml
sources:
  production: {dsn: {env: BENCH_SOURCE}, connections: %d}
environments:
  staging:
    from: production
    target: {dsn: {env: BENCH_TARGET}}
`, name, c.jobs+besideReaders)
		for file, content := range map[string]string{name + ".rules.yaml": text, name + ".yaml": config} {
			if err := os.WriteFile(filepath.Join(c.dir, file), []byte(content), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *contest) letheCommand(ctx context.Context, source string, args ...string) *exec.Cmd {
	cmd := c.server.command(ctx, c.lethe, args...)
	cmd.Dir = c.dir
	cmd.Env = append(cmd.Env, "BENCH_SOURCE="+c.server.secretDSN(source), "BENCH_TARGET="+c.server.secretDSN(staging),
		"LETHE_PG_BIN="+c.server.binaries.Dir)
	return cmd
}

func (c *contest) adopt(config, source string) func(context.Context) error {
	return func(ctx context.Context) error {
		return do(c.letheCommand(ctx, source, "env", "adopt", staging, "--config", config+".yaml", "--same-server", "a bench has one server"))
	}
}

// refreshed is what a bench reads of the document of lethe refresh.
type refreshed struct {
	Phases []struct {
		Phase string `json:"phase"`
		MS    int64  `json:"ms"`
	} `json:"phases"`
}

// refresh runs the binary as a user does.
func (c *contest) refresh(config, source, jobs string) func(context.Context, *measurement) error {
	return func(ctx context.Context, m *measurement) error {
		cmd := c.letheCommand(ctx, source, "refresh", staging, "--config", config+".yaml", "--jobs", jobs, "--json")
		var out strings.Builder
		cmd.Stdout = &out
		if err := do(cmd); err != nil {
			return fmt.Errorf("%w %s", err, out.String())
		}
		var doc refreshed
		if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
			return fmt.Errorf("read the document of lethe refresh: %w", err)
		}
		m.Peak = peakOf(cmd.ProcessState)
		m.OwnCPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		m.Phases = map[string]float64{}
		for _, p := range doc.Phases {
			m.Phases[p.Phase] = float64(p.MS) / 1000
		}
		return nil
	}
}

// dump is the clone that everybody has.
func (c *contest) dump(ctx context.Context, m *measurement) error {
	dir, jobs := filepath.Join(c.dir, "dump"), "-j"+strconv.Itoa(c.jobs)
	began := time.Now()
	if err := do(c.server.command(ctx, "pg_dump", "-Fd", "-Z0", jobs, "-f", dir, "-d", c.server.dsn(c.database))); err != nil {
		return err
	}
	m.Phases = map[string]float64{"dump": time.Since(began).Seconds()}
	return do(c.server.command(ctx, "pg_restore", jobs, "-d", c.server.dsn(staging), dir))
}

func (c *contest) removeDump(context.Context) error {
	return os.RemoveAll(filepath.Join(c.dir, "dump"))
}

// copydb is the clone made for speed. Version 0.10 vacuums and analyses each table, and cannot be told not to.
func (c *contest) copydb(ctx context.Context, _ *measurement) error {
	jobs := strconv.Itoa(c.jobs)
	cmd := c.server.command(ctx, "pgcopydb", "clone", "--dir", filepath.Join(c.dir, "copydb"), "--table-jobs", jobs, "--index-jobs", jobs)
	cmd.Env = append(cmd.Env, "PGCOPYDB_SOURCE_PGURI="+c.server.secretDSN(c.database), "PGCOPYDB_TARGET_PGURI="+c.server.secretDSN(staging))
	return do(cmd)
}

func (c *contest) removeCopydb(context.Context) error {
	return os.RemoveAll(filepath.Join(c.dir, "copydb"))
}

// phasesText lists phases, the longest first.
func phasesText(phases map[string]float64) string {
	names := make([]string, 0, len(phases))
	for name := range phases {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if phases[a] != phases[b] {
			if phases[a] > phases[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, " %s %.1f", name, phases[name])
	}
	return b.String()
}
