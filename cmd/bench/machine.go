package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// conditions are what a measurement depends on. Rounds may be joined when they are equal.
type conditions struct {
	Scale    float64 `json:"scale"`
	Jobs     int     `json:"jobs"`
	Wal      string  `json:"wal_level"`
	Settings string  `json:"settings"`
	Cores    int     `json:"cores"`
	CPU      string  `json:"cpu"`
	Memory   string  `json:"memory"`
	Kernel   string  `json:"kernel"`
	Postgres string  `json:"postgresql"`
	Go       string  `json:"go"`
	Lethe    string  `json:"lethe"`
	Pgcopydb string  `json:"pgcopydb"`
}

// describe begins a report: the conditions, the size of the workload, the values that masks will meet.
func describe(ctx context.Context, c *contest, o options) (*report, error) {
	r := &report{When: time.Now().UTC().Format("2006-01-02 15:04 MST"), Titles: map[string]string{}}
	var err error
	if r.Bytes, err = c.size(ctx); err != nil {
		return nil, err
	}
	if r.Values, err = c.maskedValues(ctx); err != nil {
		return nil, err
	}
	r.Conditions = conditions{
		Scale: o.scale, Jobs: o.jobs, Cores: runtime.NumCPU(), CPU: procLine("/proc/cpuinfo", "model name"),
		Memory: procLine("/proc/meminfo", "MemTotal"), Go: runtime.Version(), Pgcopydb: c.peer,
	}
	if r.Conditions.Pgcopydb == "" {
		r.Conditions.Pgcopydb = "not installed"
	}
	if r.Conditions.Kernel, err = output(exec.CommandContext(ctx, "uname", "-sr")); err != nil {
		return nil, err
	}
	if r.Conditions.Lethe, err = output(c.letheCommand(ctx, production, "version")); err != nil {
		return nil, err
	}
	if r.Conditions.Wal, err = c.server.sql(ctx, "postgres", "SHOW wal_level"); err != nil {
		return nil, err
	}
	if r.Conditions.Postgres, err = c.server.sql(ctx, "postgres", "SHOW server_version"); err != nil {
		return nil, err
	}
	for _, name := range []string{"wal_level", "fsync", "shared_buffers", "max_wal_size", "checkpoint_timeout", "maintenance_work_mem"} {
		value, err := c.server.sql(ctx, "postgres", "SHOW "+name)
		if err != nil {
			return nil, err
		}
		r.Conditions.Settings += name + "=" + value + " "
	}
	r.Conditions.Settings = strings.TrimSpace(r.Conditions.Settings)
	return r, nil
}

func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first, nil
}

// procLine returns the value of a line "key : value" of a file of /proc; "unknown" where there is none.
func procLine(file, key string) string {
	text, err := os.ReadFile(file)
	if err == nil {
		for line := range strings.SplitSeq(string(text), "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
				return strings.TrimSpace(value)
			}
		}
	}
	return "unknown"
}
