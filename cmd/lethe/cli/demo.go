package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/cmd/lethe/demo"
	"github.com/lethedb/lethe/internal/pgserver"
)

// demoKey masks the demonstration and nothing else: it is published here so that everybody sees the same.
const demoKey = "1e7be00d5ea7c0de1e7be00d5ea7c0de1e7be00d5ea7c0de1e7be00d5ea7c0d3\n"

func (a *app) demoCommand() *cobra.Command {
	var keep bool
	command := &cobra.Command{
		Use:   "demo",
		Short: "The whole story on a PostgreSQL of its own, in under a minute",
		Long: `Starts a PostgreSQL of its own in a temporary directory, makes a small
production with people in it, and refreshes a staging from it, as two roles
that may do no more than they need. Then it shows the same rows before and
after, and looks for every identifying value of production in the copy.

Nothing is left behind. With --keep the server stays until Ctrl-C, to look
around with psql.`,
		Example: "  lethe demo\n  lethe demo --keep",
		Args:    exactly(0, "no arguments"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), keep) },
	}
	command.Flags().BoolVar(&keep, "keep", false, "keep the server running until Ctrl-C")
	return command
}

// demonstration is one run of the story.
type demonstration struct {
	*app
	server *pgserver.Server
	psql   string
	dir    string
	step   int
	doc    demoDocument
}

// demoDocument is what --json prints of the demonstration.
type demoDocument struct {
	Refresh *refreshDocument `json:"refresh"`
	// Identifying is how many of production's identifying values were looked for; Found in how many
	// places of the copy one was met.
	Identifying int `json:"identifying_values"`
	Found       int `json:"found"`
	// Searched is how many rows of staging were looked through, those of materialised views too.
	Searched int64   `json:"searched_rows"`
	Seconds  float64 `json:"seconds"`
}

func (a *app) demo(ctx context.Context, keep bool) error {
	began := a.Now()
	binaries, err := a.programs(ctx)
	if err != nil {
		return err
	}
	dir, remove, err := privateDirectory()
	if err != nil {
		return err
	}
	defer remove()
	server, err := pgserver.Start(ctx, binaries, pgserver.Options{Disposable: true})
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer func() { _ = server.Stop() }()
	d := &demonstration{app: a, server: server, psql: binaries.Program("psql"), dir: dir}
	if err := d.run(ctx); err != nil {
		return err
	}
	d.doc.Seconds = a.Now().Sub(began).Seconds()
	err = a.print(d.doc, func(w io.Writer) { d.close(w, keep) })
	if err == nil && keep {
		d.wait(ctx)
	}
	return err
}

// programs finds PostgreSQL's programs, or installs the distribution's and looks again.
func (a *app) programs(ctx context.Context) (pgserver.Binaries, error) {
	for attempt := range 2 {
		found, err := pgserver.Find(ctx, a.Env)
		if err != nil {
			return pgserver.Binaries{}, fmt.Errorf("find PostgreSQL's programs: %w", err)
		}
		for _, b := range found {
			if b.Dump && exists(b.Program("psql")) {
				return b, nil
			}
		}
		if attempt == 0 {
			if err := pgserver.Install(ctx, a.Err, a.Env); err != nil {
				return pgserver.Binaries{}, refused("no-postgresql", err, pgserver.InstallHint(a.Env))
			}
		}
	}
	return pgserver.Binaries{}, refused("no-postgresql", errors.New("PostgreSQL was installed and its programs were not found"), "name their directory: LETHE_PG_BIN=/path/to/bin")
}

// say begins the next step of the story, with the command line that does it, "" for none.
func (d *demonstration) say(text, command string) {
	d.step++
	d.talkHanging(3, "\n%s", d.paint(bold, fmt.Sprintf("%d. %s", d.step, text)))
	if command != "" {
		d.talk("   %s", d.paint(dim, "$ "+command))
	}
}

func (d *demonstration) run(ctx context.Context) error {
	d.led = true
	d.say("A production with people in it", "")
	if err := d.production(ctx); err != nil {
		return err
	}
	d.config = filepath.Join(d.dir, "lethe.yaml")
	d.say("Two roles: one may read production, one may make databases, no more", "lethe check --grants")
	if err := d.roles(ctx); err != nil {
		return err
	}
	env := d.Env
	d.Env = func(name string) string {
		switch name {
		case "PRODUCTION_DSN":
			return d.login("production", reader)
		case "STAGING_DSN":
			return d.login("staging", builder)
		}
		return env(name)
	}
	defer func() { d.Env = env }()
	d.say("Staging, and no other database, may be replaced from now on", `lethe env adopt staging --same-server "the demonstration has one server"`)
	if err := d.quietly(func() error {
		return d.adopt(ctx, "staging", "", "the demonstration has one server", false)
	}); err != nil {
		return err
	}
	d.say("Would a refresh be refused? Every column is decided, or nothing runs", "lethe check staging")
	check := func() error { return d.check(ctx, "staging") }
	if d.json { // the demonstration's own document is the only one
		loud := check
		check = func() error { return d.quietly(loud) }
	}
	if err := check(); err != nil {
		return err
	}
	d.say("Build beside, mask on the way, verify, publish in one transaction", "lethe refresh staging")
	refreshed, err := d.refresh(ctx, "staging", refreshOptions{})
	if err != nil {
		return err
	}
	d.doc.Refresh = refreshed
	if !d.json {
		d.showRefresh(d.Out, refreshed)
	}
	d.say("The same two customers, before and after", "")
	if err := d.compare(ctx); err != nil {
		return err
	}
	d.say("Is anybody still there? Each identifying value of production, looked for in\n   every value of staging", "")
	return d.search(ctx)
}

// quietly runs a verb without its document on stdout.
func (d *demonstration) quietly(verb func() error) error {
	out := d.Out
	d.Out = io.Discard
	defer func() { d.Out = out }()
	return verb()
}

// The roles of the demonstration, as lethe check --grants prints them.
const (
	reader  = "lethe_source"
	builder = "lethe_target"
	// rolePassword guards nothing: the server listens to this machine alone, for a minute.
	rolePassword = "demonstration"
	owner        = "shop_owner"
)

// production makes the shop.
func (d *demonstration) production(ctx context.Context) error {
	setup := fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'; CREATE DATABASE production OWNER %s;`, owner, rolePassword, owner)
	for _, statement := range strings.Split(strings.TrimSuffix(setup, ";"), ";") {
		if err := d.script(ctx, d.server.DSN("postgres"), statement+";"); err != nil {
			return err
		}
	}
	var shop bytes.Buffer
	shop.WriteString(demo.Schema())
	if err := demo.Write(&shop, demo.Size{}); err != nil {
		return fmt.Errorf("make the shop: %w", err)
	}
	// Only the owner's schema lets the owner create in it.
	if err := d.script(ctx, d.server.DSN("production"), "ALTER SCHEMA public OWNER TO "+owner+";"); err != nil {
		return err
	}
	if err := d.script(ctx, d.login("production", owner), shop.String()); err != nil {
		return err
	}
	files := map[string]string{"lethe.yaml": demo.Config(), "rules.yaml": demo.Rules(), "masking.key": demoKey}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// script runs SQL with psql, as any person would. What it prints stays here: it may quote rows.
func (d *demonstration) script(ctx context.Context, dsn, sql string) error {
	cmd := exec.CommandContext(ctx, d.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "PGOPTIONS=-c client_min_messages=warning"}
	cmd.Stdin = strings.NewReader(sql)
	if out, err := cmd.CombinedOutput(); err != nil {
		if d.verbose {
			d.talk("%s", out)
		}
		return fmt.Errorf("run psql: %w (its output: lethe demo --verbose)", err)
	}
	return nil
}

// close ends the story on stdout.
func (d *demonstration) close(w io.Writer, kept bool) {
	verdict := d.paintOut(green, fmt.Sprintf("%d of %s", d.doc.Found, countText(int64(d.doc.Identifying))))
	if d.doc.Found > 0 {
		verdict = d.paintOut(red, fmt.Sprintf("%d of %s", d.doc.Found, countText(int64(d.doc.Identifying))))
	}
	d.tell(w, 0, "\n%s identifying values found in %s rows of staging", verdict, countText(d.doc.Searched))
	left := ", and nothing of it is left"
	if kept {
		left = ""
	}
	d.talk("\nthe whole story took %s%s; with a database of your own: lethe --help",
		durationText(time.Duration(d.doc.Seconds*float64(time.Second))), left)
}

// wait keeps the server for somebody who looks around.
func (d *demonstration) wait(ctx context.Context) {
	for _, database := range []string{"production", "staging"} {
		d.talk("psql '%s'", d.server.DSN(database))
	}
	d.talk("configuration: %s; Ctrl-C ends the server and removes everything", d.dir)
	<-ctx.Done()
}
