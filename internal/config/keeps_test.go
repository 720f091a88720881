package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// TestWhatAnEnvironmentKeepsReachesItsField reads every form of retain, after, hooks and a window, with
// programs beside the file, below it and in PATH.
func TestWhatAnEnvironmentKeepsReachesItsField(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "beside"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	got, found := Parse(filepath.Join(dir, "lethe.yaml"), []byte(minimal+`    retain:
      - public.flags
      - {table: '"My App".users', where: "id > 1000", on_missing: drop row, lose: [theme]}
      - {table: public.all, replace: true}
    after: [sql/a.sql, {command: [./migrate, up], timeout: 90s, env: [TOKEN]}]
    hooks: {before: [beside], failed: [page, {command: [bin/page, now]}]}
    publish: {window: "23:30-01:00", zone: Europe/Berlin, announce: 10m}
`))
	if len(found) > 0 {
		t.Fatal(show(found))
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	e := got.Environments["staging"]
	blank := func(c *Command) { c.Place = finding.Place{} }
	for i := range e.Retain {
		e.Retain[i].Place = finding.Place{}
	}
	for i := range e.After {
		e.After[i].Place = finding.Place{}
		blank(&e.After[i].Command)
	}
	for _, list := range [][]Command{e.Hooks.Before, e.Hooks.Failed} {
		for i := range list {
			blank(&list[i])
		}
	}
	for _, c := range []struct{ got, want any }{
		{e.Retain, []Retain{
			{Table: catalog.Name{Schema: "public", Name: "flags"}, OnMissing: RefuseRow},
			{Table: catalog.Name{Schema: "My App", Name: "users"}, Where: "id > 1000", OnMissing: DropRow, Lose: []string{"theme"}},
			{Table: catalog.Name{Schema: "public", Name: "all"}, OnMissing: RefuseRow, Replace: true},
		}},
		{e.After, []After{
			{SQL: filepath.Join(dir, "sql/a.sql")},
			{Command: Command{Argv: []string{filepath.Join(dir, "migrate"), "up"}, Timeout: 90 * time.Second, Env: []string{"TOKEN"}}},
		}},
		{e.Hooks, Hooks{
			Before: []Command{{Argv: []string{filepath.Join(dir, "beside")}, Timeout: time.Minute}},
			Failed: []Command{{Argv: []string{"page"}, Timeout: time.Minute}, {Argv: []string{filepath.Join(dir, "bin/page"), "now"}, Timeout: time.Minute}},
		}},
		{e.Publish.Window, &Window{From: 23*60 + 30, To: 60, Zone: berlin}},
		{e.Publish.Announce, 10 * time.Minute},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got  %+v\nwant %+v", c.got, c.want)
		}
	}
}
