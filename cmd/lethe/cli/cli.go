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
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
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
	// After tells when that much time has gone by. Defaults to time.After.
	After func(time.Duration) <-chan time.Time
	// User names who runs this, for records and locks.
	User string
	// Host names the machine.
	Host string
	// InTerminal reports whether a person writes the stream, OutTerminal and ErrTerminal whether one reads it; Width
	// is their terminal's, 100 where there is none.
	InTerminal, OutTerminal, ErrTerminal bool
	Width                                int
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
		InTerminal: term.IsTerminal(int(os.Stdin.Fd())), OutTerminal: term.IsTerminal(int(os.Stdout.Fd())), ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Width: 100,
	}
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			w.Width = width
			break
		}
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
	// parsed reports that the flags were read, so that json is what the caller asked for.
	parsed bool
	// led reports that a demonstration leads from verb to verb.
	led bool
	// bar is what moves on stderr now; nil for nothing.
	bar atomic.Pointer[mpb.Progress]
}

// Main runs one command line and returns its exit status.
func Main(ctx context.Context, args []string, w World) int {
	if w.After == nil {
		w.After = time.After
	}
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
	if !a.parsed {
		// A command line that was not understood may still have said how it wants to be told.
		a.json = slices.Contains(args, "--json")
	}
	if rest, ok := strings.CutPrefix(err.Error(), "unknown command "); ok && !a.parsed {
		if quoted, quoteErr := strconv.QuotedPrefix(rest); quoteErr == nil {
			word, _ := strconv.Unquote(quoted) // it was just found to be quoted
			err = unknownVerb(root, word)
		}
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
			a.talk("stopping in order; what serves now stays as it is (Ctrl-C again ends at once)")
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
		Long: `Lethe carries a production PostgreSQL database into staging, dev and sandboxes.
What arrives has the shape and the size of production, and nobody in it can be
recognised. Two files say how: lethe.yaml where from and where to, rules.yaml
what is personal and what becomes of it.`,
		Example: `  lethe demo                see it happen, on a PostgreSQL of its own
  lethe check staging       would a refresh be refused? every reason at once
  lethe refresh staging     build beside, verify, publish atomically
  lethe rollback staging    serve the previous database again`,
		PersistentPreRun: func(*cobra.Command, []string) { a.parsed = true },
		SilenceErrors:    true,
		SilenceUsage:     true,
	}
	root.PersistentFlags().StringVarP(&a.config, "config", "c", "lethe.yaml", "configuration `FILE`")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON document on stdout, in failure too")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colours (also by NO_COLOR)")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "show notes, and the output of programs that are run")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("unknown-flag", err, "see: "+c.CommandPath()+" --help")
	})
	root.AddGroup(
		&cobra.Group{ID: "work", Title: "Refresh an environment:"},
		&cobra.Group{ID: "look", Title: "Look, without touching:"},
		&cobra.Group{ID: "keep", Title: "Keys and environments:"},
		&cobra.Group{ID: "rest", Title: "And:"},
	)
	for _, c := range []*cobra.Command{a.demoCommand(), a.refreshCommand(), a.publishCommand(), a.rollbackCommand()} {
		c.GroupID = "work"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{a.checkCommand(), a.planCommand(), a.previewCommand(), a.translateCommand(), a.runsCommand(), a.masksCommand()} {
		c.GroupID = "look"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{a.envCommand(), a.keyCommand()} {
		c.GroupID = "keep"
		root.AddCommand(c)
	}
	root.CompletionOptions.DisableDefaultCmd = true
	help := helpCommand()
	for _, c := range []*cobra.Command{a.schemaCommand(), a.versionCommand(), a.completionCommand(), help} {
		c.GroupID = "rest"
		root.AddCommand(c)
	}
	root.SetHelpCommand(help)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpFunc(a.help)
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
