package config

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// OnMissing says what becomes of a retained row whose parent did not arrive with the new data.
type OnMissing string

// RefuseRow fails the run and keeps the old database; DropRow leaves the row out, and what refers to it.
const (
	RefuseRow OnMissing = "refuse"
	DropRow   OnMissing = "drop row"
)

// Retain names rows of the environment's own.
type Retain struct {
	Place finding.Place
	Table catalog.Name
	// Where chooses rows, which bring along those that refer to them; "" means the whole table.
	Where     string
	OnMissing OnMissing
	// Replace lets a whole table take the place of rows that came from the source.
	Replace bool
	// Lose are columns that only the old table has, and whose values may be lost.
	Lose []string
}

// After is one thing that is run in the new database. Exactly one of SQL and Command is set.
type After struct {
	Place finding.Place
	// SQL is the path of a file of statements.
	SQL     string
	Command Command
}

// Command is a program that is run without a shell, in a process group of its own.
type Command struct {
	Place finding.Place
	// Argv is the program and its arguments: a path, or a name that is looked for in PATH.
	Argv []string
	// Timeout is the longest it may take. Defaults to 1 min for hooks and 10 min for after.
	Timeout time.Duration
	// Env names variables of our own environment that it gets too; it gets no others.
	Env []string
}

// Hooks are programs that are told what happens. Those before the change fail the run when they fail.
type Hooks struct {
	Before, Built, Announce, BeforePublish, AfterPublish, Failed []Command
}

// hookTime bounds a hook that states no time of its own: pausing a pooler takes seconds.
const hookTime = time.Minute

// afterTime bounds a command of after that states no time of its own: a migration rewrites tables.
const afterTime = 10 * time.Minute

func (d *decoder) retain(environment string, v *value) []Retain {
	if v == nil {
		return nil
	}
	var all []Retain
	seen := map[catalog.Name]bool{}
	for _, item := range v.items {
		r := Retain{Place: item.at(), OnMissing: RefuseRow}
		name := item.text()
		if name == "" {
			name, r.Where = item.get("table").text(), item.get("where").text()
			r.OnMissing = OnMissing(cmp.Or(item.get("on_missing").text(), string(RefuseRow)))
			r.Lose = item.get("lose").texts()
			r.Replace = item.get("replace").yes()
		}
		if name == "" {
			continue // reported already
		}
		where := "environments." + environment + ".retain"
		if err := r.Table.UnmarshalText([]byte(name)); err != nil {
			d.report("bad-value", r.Place, "write it as public.feature_flags", "%s wants a table with its schema", where)
			continue
		}
		switch {
		case seen[r.Table]:
			d.report("conflict", r.Place, "join its conditions with OR", "%s names a table twice", where)
		case r.Replace && r.Where != "":
			d.report("conflict", r.Place, "leave one out", "%s: where chooses rows among others, and replace means the whole table", where)
		}
		seen[r.Table] = true
		all = append(all, r)
	}
	return all
}

func (d *decoder) after(environment string, v *value) []After {
	if v == nil {
		return nil
	}
	var all []After
	for _, item := range v.items {
		if item == nil {
			continue // reported already
		}
		a := After{Place: item.at(), SQL: d.resolve(item.text())}
		if a.SQL == "" {
			a.Command = d.program("environments."+environment+".after", item, afterTime)
		}
		all = append(all, a)
	}
	return all
}

func (d *decoder) hooks(environment string, v *value) Hooks {
	list := func(name string) []Command {
		var all []Command
		if v.get(name) == nil {
			return nil
		}
		for _, item := range v.get(name).items {
			if item != nil {
				all = append(all, d.program("environments."+environment+".hooks."+name, item, hookTime))
			}
		}
		return all
	}
	return Hooks{
		Before: list("before"), Built: list("built"), Announce: list("announce"), BeforePublish: list("before_publish"),
		AfterPublish: list("after_publish"), Failed: list("failed"),
	}
}

// program reads a program's name alone, or a mapping with its command.
func (d *decoder) program(where string, v *value, patience time.Duration) Command {
	c := Command{Place: v.at(), Timeout: patience}
	if name := v.text(); name != "" {
		c.Argv = d.command([]string{name})
		// Hooks are often written beside the file that names them.
		if !strings.ContainsRune(name, filepath.Separator) {
			if beside := d.resolve(name); isFile(beside) {
				c.Argv = d.command([]string{"." + string(filepath.Separator) + name})
			}
		}
		return c
	}
	c.Argv, c.Env = d.command(v.get("command").texts()), v.get("env").texts()
	if timeout := v.get("timeout"); timeout != nil {
		c.Timeout = d.duration(timeout, timeout.text(), where+".timeout")
		if c.Timeout == 0 && timeout.text() != "" {
			d.report("bad-value", timeout.at(), "give it some time", "%s.timeout is nothing", where)
		}
	}
	return c
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// window reads when an environment may change over; nil for any time.
func (d *decoder) window(environment string, v *value) *Window {
	text, zone := v.get("window"), v.get("zone")
	where := "environments." + environment + ".publish"
	if text.text() == "" {
		if zone.text() != "" {
			d.report("conflict", zone.at(), "add window:", "%s.zone says where the clock of a window hangs, and there is none", where)
		}
		return nil
	}
	w, err := ParseWindow(text.text())
	if err != nil {
		d.report("bad-value", text.at(), "", "%s.window wants two different times from 00:00 to 24:00", where)
		return nil
	}
	w.Zone = time.Local
	if zone.text() != "" {
		location, err := time.LoadLocation(zone.text())
		if err != nil {
			d.report("bad-value", zone.at(), "name one as Europe/Berlin", "%s.zone is no time zone that this machine knows", where)
			return nil
		}
		w.Zone = location
	}
	return &w
}
