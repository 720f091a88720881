package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/internal/child"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
)

// hooks runs the programs that lethe.yaml names for one environment, in one run.
type hooks struct {
	app *app
	env config.Environment
	run string
	// target says how databases are reached; its Dir holds passfiles.
	target pg.TargetOptions
}

// variable is one more variable that a program sees.
type variable struct{ name, value string }

// tell runs the programs of one moment in order and stops at the first that fails. database is what they
// are told about; "" is the one that serves.
func (h hooks) tell(ctx context.Context, moment string, commands []config.Command, database string, more ...variable) error {
	for _, command := range commands {
		h.app.talk("%s hook %s: %s", h.app.paint(cyan, "·"), moment, filepath.Base(command.Argv[0]))
		more := append([]variable{{"LETHE_HOOK", moment}}, more...)
		if err := h.start(ctx, command, database, more...); err != nil {
			return &failure{
				status: statusFailed, code: "hook-failed", err: fmt.Errorf("hook %s: %w", moment, err),
				fix: "correct the program, or leave it out at " + command.Place.String(),
			}
		}
	}
	return nil
}

// start runs one program with what it was promised and shows its output to who watches.
func (h hooks) start(ctx context.Context, command config.Command, database string, more ...variable) error {
	env, remove, err := pg.ClientEnvironment(ctx, h.target, database)
	if err != nil {
		return err
	}
	defer remove()
	for _, name := range append([]string{"PATH", "HOME"}, command.Env...) {
		if value := h.app.Env(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	env = append(env, "LETHE_RUN="+h.run, "LETHE_ENVIRONMENT="+h.env.Name)
	for _, v := range more {
		env = append(env, v.name+"="+v.value)
	}
	argv := append([]string{h.app.program(command.Argv[0])}, command.Argv[1:]...)
	err = child.Run(ctx, child.Command{Argv: argv, Env: env, Timeout: command.Timeout})
	h.app.showOutput(err)
	return err
}

// showOutput shows a person what a program that failed wrote. It may hold anything, and so goes to a
// terminal only.
func (a *app) showOutput(err error) {
	failed, ok := errors.AsType[*child.Error](err)
	if !ok || !a.ErrTerminal {
		return
	}
	for line := range strings.Lines(failed.Output()) {
		a.talk("  %s %s", failed.Program+":", printable(strings.TrimRight(line, "\r\n")))
	}
}

// failed tells that a run did not end well; that a program then fails too changes nothing.
func (h hooks) failed(ctx context.Context, err error) {
	if len(h.env.Hooks.Failed) == 0 {
		return
	}
	f := h.app.classify(ctx, err)
	// The run's context may be what ended. Each program has its own time.
	ctx = context.WithoutCancel(ctx)
	err = h.tell(ctx, "failed", h.env.Hooks.Failed, "", variable{"LETHE_CODE", f.code}, variable{"LETHE_STATUS", strconv.Itoa(f.status)})
	if err != nil {
		h.app.talkHanging(7, "%s %s", h.app.paint(red, "lethe:"), err)
	}
}

// ready looks once more whether the environment may change, and tells that it is about to. A pooler is not
// paused for a change that will not come.
func (h hooks) ready(ctx context.Context, database string) error {
	if len(h.env.Hooks.BeforePublish) == 0 {
		return nil
	}
	if err := pg.Free(ctx, h.target); err != nil {
		return err
	}
	return h.tell(ctx, "before_publish", h.env.Hooks.BeforePublish, database)
}

// published tells that the environment has changed over. A program that fails cannot undo that; also an
// interrupt cannot, and who paused a pooler must hear of it.
func (h hooks) published(ctx context.Context) error {
	err := h.tell(context.WithoutCancel(ctx), "after_publish", h.env.Hooks.AfterPublish, "")
	if err == nil {
		return nil
	}
	return &failure{
		status: statusFailed, code: "hook-failed", done: true, err: fmt.Errorf("published, and the new database serves; but then %w", err),
		fix: "do by hand what the program should have done",
	}
}

// program finds a program as a shell would: a bare name in PATH. What cannot be found is returned as it is.
func (a *app) program(name string) string {
	if strings.ContainsRune(name, filepath.Separator) {
		return name
	}
	for _, dir := range filepath.SplitList(a.Env("PATH")) {
		path := filepath.Join(dir, name)
		if filepath.IsAbs(path) && runnable(path) == nil {
			return path
		}
	}
	return name
}

// runnable reports why a file is no program of this machine.
func runnable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such program")
	case err != nil:
		return errors.New("it cannot be looked at")
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return errors.New("it is not executable")
	}
	return nil
}

// named checks what an environment names on this machine: programs, their variables, files of statements.
// What is missing is told before anything is begun.
func (a *app) checkNamed(env config.Environment) error {
	var found finding.List
	report := func(code string, place finding.Place, fix, format string, args ...any) {
		found = append(found, finding.Finding{Code: code, Severity: finding.Error, Place: place, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	commands := commandsOf(env)
	for _, c := range commands {
		if err := runnable(a.program(c.Argv[0])); err != nil {
			report("missing-program", c.Place, "correct its path, or make it executable", "%s: %v", filepath.Base(c.Argv[0]), err)
		}
		for _, name := range c.Env {
			if a.Env(name) == "" {
				report("missing-variable", c.Place, "set it, or leave it out of env:", "the environment variable %s is not set", name)
			}
		}
	}
	for _, after := range env.After {
		if after.SQL == "" {
			continue
		}
		_, err := readStatements(after.SQL)
		place := after.Place
		syntax, ok := errors.AsType[*pg.SyntaxError](err)
		switch {
		case ok:
			place = finding.Place{File: after.SQL, Line: syntax.Line, Column: 1}
			report("bad-statements", place, "", "%s", syntax.Problem)
		case err != nil:
			report("missing-file", place, "write it, or name another", "the file of statements cannot be read")
		}
	}
	if len(found) > 0 {
		return refusedBy(statusUsage, "look for what environment "+env.Name+" runs", found)
	}
	return nil
}

// commandsOf lists every program that an environment names.
func commandsOf(env config.Environment) []config.Command {
	h := env.Hooks
	var all []config.Command
	for _, list := range [][]config.Command{h.Before, h.Built, h.Announce, h.BeforePublish, h.AfterPublish, h.Failed} {
		all = append(all, list...)
	}
	for _, after := range env.After {
		if after.SQL == "" {
			all = append(all, after.Command)
		}
	}
	return all
}
