// Package cli is lethe's command line: verbs, flags, wiring, and what a person or a script reads.
//
// Data goes to stdout, talk to stderr; with --json stdout holds exactly one JSON document. The exit
// status is a contract, the same for every verb.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// World is all that the command line knows of the process it runs in. A test makes its own.
type World struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// Env looks up an environment variable, "" when it is not set.
	Env func(string) string
	// Now is the clock.
	Now func() time.Time
	// User names who runs this, for records and locks.
	User string
	// Host names the machine.
	Host string
	// OutTerminal and ErrTerminal report whether a person reads the stream; Width is their terminal's.
	OutTerminal, ErrTerminal bool
	Width                    int
	// Interrupts delivers Ctrl-C and SIGTERM. The first asks the run to end, the second ends it. It may
	// be nil.
	Interrupts <-chan os.Signal
	// Self is the path of the running program.
	Self string
}

// Process returns the World of the running process.
func Process() World {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	w := World{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Now: time.Now, Interrupts: interrupts,
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())), ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Width: 100,
	}
	if width, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && width > 20 {
		w.Width = width
	}
	if u, err := user.Current(); err == nil {
		w.User = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		w.Host = host
	}
	if self, err := os.Executable(); err == nil {
		w.Self = self
	}
	return w
}

// app is one invocation: the world and the flags that every verb has.
type app struct {
	World
	config  string
	json    bool
	noColor bool
	verbose bool
}

// Main runs one command line and returns its exit status.
func Main(ctx context.Context, args []string, w World) int {
	a := &app{World: w}
	ctx, stop := a.interruptible(ctx)
	defer stop()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(w.In)
	root.SetOut(w.Out)
	root.SetErr(w.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return statusDone
	}
	return a.report(ctx, err)
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// interruptible returns a context that the first signal cancels: what runs then ends in order, leaving
// the old environment untouched. The second signal is left to the process, which ends at once.
func (a *app) interruptible(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if a.Interrupts == nil {
		return ctx, func() { cancel(nil) }
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-a.Interrupts:
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			a.talk("stopping; what was built is being removed (press Ctrl-C again to end at once)")
			cancel(errInterrupted)
		case <-done:
		}
	}()
	return ctx, func() { close(done); cancel(nil) }
}

// root makes the command tree anew for each invocation, so that no flag outlives it.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lethe",
		Short: "Masked copies of production PostgreSQL, published atomically",
		Long: `Lethe carries a production PostgreSQL database into staging, dev and sandboxes. What arrives has
the shape and the size of production, and nobody in it can be recognised.

  lethe demo                    see it happen, on a PostgreSQL of its own
  lethe check staging           would a refresh be refused? every reason at once
  lethe plan staging            what it would do: tables, rows, masks, time, disk
  lethe refresh staging         build beside, verify, publish atomically
  lethe rollback staging        serve the previous one again`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP(&a.config, "config", "c", "lethe.yaml", "configuration `FILE`")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON document on stdout")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colours (also by NO_COLOR)")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "show notes and the output of the tools that are run")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("unknown-flag", err, "see: "+c.CommandPath()+" --help")
	})
	root.AddGroup(
		&cobra.Group{ID: "work", Title: "Refresh an environment:"},
		&cobra.Group{ID: "look", Title: "Look, without touching:"},
		&cobra.Group{ID: "keep", Title: "Keys and environments:"},
	)
	for _, c := range []*cobra.Command{a.demoCommand(), a.refreshCommand(), a.publishCommand(), a.rollbackCommand()} {
		c.GroupID = "work"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{a.checkCommand(), a.planCommand(), a.previewCommand(), a.runsCommand(), a.masksCommand()} {
		c.GroupID = "look"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{a.envCommand(), a.keyCommand()} {
		c.GroupID = "keep"
		root.AddCommand(c)
	}
	root.AddCommand(a.schemaCommand(), a.versionCommand())
	root.SetUsageTemplate(root.UsageTemplate() + exitStatusHelp)
	return root
}

// exactly returns a check for the number of arguments that says what is missing.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usageError("wrong-arguments", errors.New(c.CommandPath()+" takes "+what), "see: "+c.CommandPath()+" --help")
	}
}

// atMost returns a check for at most n arguments.
func atMost(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return usageError("wrong-arguments", errors.New(c.CommandPath()+" takes "+what), "see: "+c.CommandPath()+" --help")
	}
}
