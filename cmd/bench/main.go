// Command bench measures a refresh side by side with unmasked clones of the same database, on a server of
// its own: interleaved rounds, medians, ratios and the targets they are held to. It is a tool of the
// project and no part of the shipped binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lethedb/lethe/internal/pgserver"
)

// options is what the command line asks for.
type options struct {
	lethe    string
	workload string
	scale    float64
	rounds   int
	jobs     int
	wal      string
	only     string
	json     string
	log      string
	add      bool
	serve    bool
	strict   bool
	attach   bool
}

func parse(args []string, err io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(err)
	flags.StringVar(&o.lethe, "lethe", "bin/lethe", "the binary that is measured")
	flags.StringVar(&o.workload, "workload", "testdata/bench", "the directory of the workload's SQL")
	flags.Float64Var(&o.scale, "scale", 0.1, "size of the workload; at 1: 2 M customers, 5 M orders, 10 M items, about 2.4 GB")
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured, one after the other")
	flags.IntVar(&o.jobs, "jobs", 2, "workers, connections and jobs of everybody")
	flags.StringVar(&o.wal, "wal", "replica", "wal_level of the server: minimal or replica")
	flags.StringVar(&o.only, "only", "", "names of contestants, with commas between; all when empty")
	flags.StringVar(&o.json, "json", "bin/bench.json", "where the measurements go")
	flags.StringVar(&o.log, "log", "", "where the server's log goes, with every statement over 20 ms")
	flags.BoolVar(&o.add, "append", false, "add the rounds to those of the file, when they were measured alike")
	flags.BoolVar(&o.serve, "serve", false, "load the workload, print how to reach it, and wait for Ctrl-C")
	flags.BoolVar(&o.attach, "attach", false, "use the server and the workload of a bench -serve, named by PGHOST, PGPORT and PGPASSWORD")
	flags.BoolVar(&o.strict, "strict", false, "a target that is not met is status 1")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unknown argument %q: bench takes flags alone", flags.Arg(0))
	case o.scale <= 0 || o.rounds < 1 || o.jobs < 1:
		return o, errors.New("-scale, -rounds and -jobs are above zero")
	case o.wal != "replica" && o.wal != "minimal":
		return o, fmt.Errorf("-wal is replica or minimal, not %q", o.wal)
	}
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		stop()
		os.Exit(0)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(2)
	}
	err = bench(ctx, o, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errMissed says that a target was not met, where that was asked to be an error.
var errMissed = errors.New("a target was not met")

// bench runs everything that was asked for: the table goes to out, what happens to talk.
func bench(ctx context.Context, o options, out, talk io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "lethe-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := open(ctx, o, talk)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	w := workload{database: production, dir: o.workload, scale: o.scale, server: s, talk: talk}
	tenth := w
	tenth.database, tenth.scale = tenthOf, o.scale/10
	if !o.attach {
		if err := errors.Join(w.load(ctx), tenth.load(ctx)); err != nil {
			return err
		}
	}
	if o.serve {
		fmt.Fprintf(talk, "reach it: export PGHOST=%s PGPORT=%s PGUSER=postgres PGPASSWORD=%s; psql %s\n", s.host, s.port, s.password, production)
		fmt.Fprintln(talk, "measure it: bench -attach …; Ctrl-C ends it and removes everything")
		<-ctx.Done()
		return nil
	}
	lethe, err := filepath.Abs(o.lethe)
	if err != nil {
		return err
	}
	set, err := newContest(ctx, w, lethe, dir, o)
	if err != nil {
		return err
	}
	report, err := describe(ctx, set, o)
	if err != nil {
		return err
	}
	// What was measured before an error, or before Ctrl-C, was measured.
	err = set.run(ctx, report, split(o.only), o.rounds)
	if len(report.Runs) == 0 {
		return err
	}
	return errors.Join(err, finish(report, o, out))
}

// finish writes the file and prints the table of all rounds in it.
func finish(report *report, o options, out io.Writer) error {
	if o.add {
		if err := report.join(o.json); err != nil {
			return err
		}
	}
	if err := report.write(o.json); err != nil {
		return err
	}
	targets := report.targets()
	if err := report.markdown(out, targets); err != nil {
		return err
	}
	for _, target := range targets {
		if o.strict && target.Verdict == missed {
			return errMissed
		}
	}
	return nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// programs finds PostgreSQL's programs, or installs the distribution's and looks again.
func programs(ctx context.Context, talk io.Writer) (pgserver.Binaries, error) {
	for attempt := range 2 {
		found, err := pgserver.Find(ctx, os.Getenv)
		if err != nil {
			return pgserver.Binaries{}, err
		}
		for _, b := range found {
			if b.Dump && b.Server && b.Program("psql") != "" {
				return b, nil
			}
		}
		if attempt == 0 {
			if err := pgserver.Install(ctx, talk, os.Getenv); err != nil {
				return pgserver.Binaries{}, err
			}
		}
	}
	return pgserver.Binaries{}, errors.New("PostgreSQL was installed and its programs were not found: name their directory in LETHE_PG_BIN")
}
