package cli

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/pgtest"
)

// newSlots is a stage whose role may create no database: two, made by somebody else, take turns.
func newSlots(t *testing.T, pointer string) *generations {
	t.Helper()
	g := newGenerations(t)
	other := g.staging.Name() + "__b"
	pgtest.Exec(t, g.staging.MaintenanceDSN(), "ALTER ROLE "+g.builder.Name+" NOCREATEDB",
		"CREATE DATABASE "+other+" OWNER "+g.builder.Name+" TEMPLATE template0")
	g.replace("lethe.yaml", "    publish:", fmt.Sprintf("    slots: {databases: [%s, %s], pointer: {%s}}\n    publish:", g.staging.Name(), other, pointer))
	g.adopted()
	if got := g.staging.QueryInt(t, `SELECT rolcreatedb::int FROM pg_roles WHERE rolname = $1`, g.builder.Name); got != 0 {
		t.Fatal("the role of an environment with slots may create databases")
	}
	return g
}

// reads returns what a client reads who follows a pointer to a database.
func (g *generations) reads(database string) string {
	g.t.Helper()
	return strings.Join(pgtest.QueryStrings(g.t, withUser(g.t, g.staging.Database(database), g.app), readPair), ",")
}

// pointerCommand is a program that turns a pointer: it writes down what it is called with. While a file
// called "kill" stands beside it, it kills its caller instead.
type pointerCommand struct {
	t           *testing.T
	script, dir string
}

func newPointerCommand(t *testing.T) *pointerCommand {
	t.Helper()
	dir := t.TempDir()
	c := &pointerCommand{t: t, dir: dir, script: filepath.Join(dir, "turn")}
	text := fmt.Sprintf("#!/bin/sh\nif [ -e %[1]s/kill ]; then kill -9 $PPID; exit 1; fi\necho \"$1 $2\" >> %[1]s/log\n", dir)
	if err := os.WriteFile(c.script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *pointerCommand) yaml() string { return "command: [" + c.script + ", staging]" }

// database returns what the command was called with last.
func (c *pointerCommand) database() string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "log"))
	words := strings.Fields(string(text))
	if err != nil || len(words)%2 != 0 || words[len(words)-2] != "staging" {
		c.t.Fatalf("the pointer's command was called with %q, %v", text, err)
	}
	return words[len(words)-1]
}

// TestKilledBeforeThePointerTurnsTheOldSlotServes kills lethe between its decision and the turn of the
// pointer: whoever follows the pointer reads the old data, and the next run turns it.
func TestKilledBeforeThePointerTurnsTheOldSlotServes(t *testing.T) {
	t.Parallel()
	command := newPointerCommand(t)
	g := newSlots(t, command.yaml())
	g.next()
	g.ok("refresh", "staging")
	first := command.database()
	mark := filepath.Join(command.dir, "kill")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.next()
	if status := g.start("refresh", "staging").status(); status != -1 {
		t.Fatalf("status %d, want a kill", status)
	}
	if got := g.reads(command.database()); command.database() != first || got != pair(g.at-1) {
		t.Errorf("after the kill %s serves generation %s, want %s and %d", command.database(), got, first, g.at-1)
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	g.next()
	g.ok("refresh", "staging")
	if got := g.reads(command.database()); got != pair(g.at) {
		t.Errorf("after the next run generation %s serves, want %d", got, g.at)
	}
	g.onlyOpen(command.database())
}

// TestSlotsTurnAPointer refreshes, refreshes again and rolls back where no database may be made: the
// pointer turns each time, and only the slot that it names lets anybody in.
func TestSlotsTurnAPointer(t *testing.T) {
	t.Parallel()
	command := newPointerCommand(t)
	for _, way := range []struct {
		name, pointer string
		now           func(g *generations) string
	}{
		{"file", "file: current.dsn", (*generations).pointer},
		{"command", command.yaml(), func(*generations) string { return command.database() }},
	} {
		t.Run(way.name, func(t *testing.T) {
			g := newSlots(t, way.pointer)
			var turns []string
			for _, verb := range []string{"refresh", "refresh", "rollback"} {
				want := pair(g.at - 1)
				if verb == "refresh" {
					g.next()
					want = pair(g.at)
				}
				g.ok(verb, "staging")
				now := way.now(g)
				turns = append(turns, now)
				if got := g.reads(now); got != want {
					t.Errorf("%s: generation %s serves, want %s", verb, got, want)
				}
				g.onlyOpen(now)
			}
			if turns[0] == turns[1] || turns[2] != turns[0] {
				t.Errorf("the pointer turned to %v", turns)
			}
		})
	}
}

// pointer returns the database that the pointer's file names.
func (g *generations) pointer() string {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, "current.dsn"))
	if err != nil {
		g.t.Fatal(err)
	}
	config, err := pgx.ParseConfig(strings.TrimSpace(string(text)))
	if err != nil {
		g.t.Fatal("the pointer holds no connection string: ", err)
	}
	if u, err := url.Parse(g.env["STAGING_DSN"]); err != nil || config.Port == 0 || strings.Contains(string(text), u.User.Username()) {
		g.t.Errorf("the pointer holds more than where to go: %s", text)
	}
	return config.Database
}

// onlyOpen holds that clients get into the slot that serves and into no other.
func (g *generations) onlyOpen(serving string) {
	g.t.Helper()
	all := g.databases()
	if len(all) != 2 || !slices.Contains(all, serving) {
		g.t.Fatalf("slots: %v, of which %s serves", all, serving)
	}
	for _, name := range all {
		conn, err := pgx.Connect(g.t.Context(), withUser(g.t, g.staging.Database(name), g.app))
		if err == nil {
			closeSession(g.t, conn)
		}
		if open := err == nil; open != (name == serving) {
			g.t.Errorf("%s serves, and that %s is open is %v", serving, name, open)
		}
	}
}
