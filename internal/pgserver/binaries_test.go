//go:build unix

package pgserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script makes executable scripts: programs that print text.
func script(t *testing.T, dir, text string, programs ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		body := "#!/bin/sh\n" + text + "\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// postgres makes a directory of the programs of one major.
func postgres(t *testing.T, dir string, major int, programs ...string) string {
	t.Helper()
	return script(t, dir, fmt.Sprintf("echo 'x (PostgreSQL) %d.3 (Debian %d.3-1)'", major, major), programs...)
}

func TestFindLooksWhereItIsToldAndNowhereElse(t *testing.T) {
	dir := t.TempDir()
	told := postgres(t, filepath.Join(dir, "told"), 91, "postgres", "initdb")
	postgres(t, filepath.Join(dir, "path"), 92, "postgres", "initdb")
	for _, name := range []string{"LETHE_PG_BIN", "PGBIN"} {
		got, err := Find(t.Context(), environment(map[string]string{name: told, "PATH": filepath.Join(dir, "path")}))
		want := Binaries{Dir: told, Major: 91, Server: true}
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %+v (%v), want %+v", name, got, err, want)
		}
	}
}

func TestFindResolvesLinksAndSortsNewestFirst(t *testing.T) {
	dir := t.TempDir()
	all := []string{"postgres", "initdb", "pg_dump", "pg_restore"}
	older := postgres(t, filepath.Join(dir, "opt", "older"), 91, all...)
	newer := postgres(t, filepath.Join(dir, "opt", "newer"), 93, all...)
	clients := postgres(t, filepath.Join(dir, "opt", "clients"), 93, "pg_dump", "pg_restore")
	configured := postgres(t, filepath.Join(dir, "opt", "configured"), 92, all...)
	links := filepath.Join(dir, "links")
	if err := os.Mkdir(links, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(older, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	script(t, links, "echo "+configured, "pg_config")
	// A wrapper, as Debian's, resolves to a place that holds nothing.
	wrapper := script(t, filepath.Join(dir, "wrapper"), "exit 0", "pg_wrapper")
	if err := os.Symlink(filepath.Join(wrapper, "pg_wrapper"), filepath.Join(links, "pg_dump")); err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{links, clients, newer, newer, filepath.Join(dir, "missing")}, string(os.PathListSeparator))
	got, err := Find(t.Context(), environment(map[string]string{"PATH": path, "LETHE_PG_BIN": "", "PGBIN": ""}))
	if err != nil {
		t.Fatal(err)
	}
	var ours []Binaries
	for _, b := range got { // the machine's own stand in places that no variable names
		if strings.HasPrefix(b.Dir, filepath.Dir(older)) {
			ours = append(ours, b)
		}
	}
	want := []Binaries{
		{Dir: newer, Major: 93, Server: true, Dump: true}, {Dir: clients, Major: 93, Dump: true},
		{Dir: configured, Major: 92, Server: true, Dump: true}, {Dir: older, Major: 91, Server: true, Dump: true},
	}
	if fmt.Sprint(ours) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", ours, want)
	}
}

func TestFindPassesOverWhatDoesNotRun(t *testing.T) {
	dir := t.TempDir()
	broken := script(t, filepath.Join(dir, "broken"), "exit 1", "postgres", "initdb")
	strange := script(t, filepath.Join(dir, "strange"), "echo something else", "postgres", "initdb")
	half := postgres(t, filepath.Join(dir, "half"), 94, "postgres")
	for _, place := range []string{broken, strange, half, dir, filepath.Join(dir, "missing")} {
		got, err := Find(t.Context(), environment(map[string]string{"LETHE_PG_BIN": place}))
		if err != nil || len(got) != 0 {
			t.Errorf("%s: got %+v (%v), want nothing", filepath.Base(place), got, err)
		}
	}
}

func TestMajorIsReadFromWhatProgramsPrint(t *testing.T) {
	for text, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"pg_dump (PostgreSQL) 18beta1\n":                         18,
		"pg_dump (PostgreSQL) 14.0\n":                            14,
		"mysqldump 8.0\n":                                        0,
		"":                                                       0,
	} {
		got, ok := parseMajor(text)
		if got != want || ok != (want != 0) {
			t.Errorf("%q: got %d, %v; want %d", text, got, ok, want)
		}
	}
}

func TestClientToolsAreTheOldestThatFit(t *testing.T) {
	dump := func(majors ...int) []Binaries {
		var all []Binaries
		for _, major := range majors {
			all = append(all, Binaries{Dir: fmt.Sprintf("/%d", major), Major: major, Dump: true})
		}
		return all
	}
	for _, test := range []struct {
		name           string
		have           []Binaries
		source, target int
		want           int
		fault          []string
	}{
		{"the same everywhere", dump(15), 15, 15, 15, nil},
		{"the smallest of several", dump(18, 17, 16, 15, 14), 15, 17, 15, nil},
		{"between the two", dump(18, 16, 14), 15, 17, 16, nil},
		{"the target's own", dump(18, 17, 14), 15, 17, 17, nil},
		{"only newer ones", dump(18, 17), 15, 16, 0, []string{"at least 15", "at most 16", "installed are 18, 17", "postgresql-client-15"}},
		{"only older ones", dump(14), 15, 16, 0, []string{"installed are 14"}},
		{"none", nil, 15, 16, 0, []string{"none is installed"}},
		{"a server without pg_dump", []Binaries{{Dir: "/15", Major: 15, Server: true}}, 15, 15, 0, []string{"none is installed"}},
		{"an older target", dump(18, 17, 16, 15), 16, 15, 0, []string{"the source runs PostgreSQL 16 and the target 15"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ClientTools(test.have, test.source, test.target, false)
			if got.Major != test.want || (err == nil) != (test.want != 0) {
				t.Fatalf("got %d (%v), want %d", got.Major, err, test.want)
			}
			for _, part := range test.fault {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to hold %q", err, part)
				}
			}
		})
	}
}

func TestASourceThatNumbersItsColumnsNeedsAPgDumpThatLeavesTheNumbersOut(t *testing.T) {
	program := func(major int, holds string) Binaries {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "pg_dump"), []byte("\x7fELF\x00"+holds+"\x00"), 0o755); err != nil {
			t.Fatal(err)
		}
		return Binaries{Dir: dir, Major: major, Dump: true}
	}
	old, middle, recent := program(15, "attoptions"), program(16, ColumnNumber), program(18, ColumnNumber)
	for name, test := range map[string]struct {
		have     []Binaries
		numbered bool
		want     int
	}{
		"the oldest, where no column has a number": {[]Binaries{recent, middle, old}, false, 15},
		"the oldest that knows":                    {[]Binaries{recent, middle, old}, true, 16},
		"none that knows":                          {[]Binaries{old}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ClientTools(test.have, 15, 18, test.numbered)
			if got.Major != test.want || (err == nil) != (test.want != 0) {
				t.Fatalf("got %d (%v), want %d", got.Major, err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), ColumnNumber+"), and the pg_dump installed (15)") {
				t.Errorf("got %q, which does not say why", err)
			}
		})
	}
}

func TestProgramsAreNamedOnlyWhereTheyAre(t *testing.T) {
	dir := postgres(t, t.TempDir(), 95, "psql")
	b := Binaries{Dir: dir}
	if got := b.Program("psql"); got != filepath.Join(dir, "psql") {
		t.Errorf("psql: got %q", got)
	}
	if got := b.Program("pg_dump"); got != "" {
		t.Errorf("pg_dump: got %q, want none", got)
	}
}

// bed is a PATH of its own with a package manager and a sudo that need no rights, and where they write.
func bed(t *testing.T, manager, behaviour string) (env map[string]string, calls func() string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	script(t, dir, `echo "`+manager+` $*" >> `+log+"; "+behaviour, manager)
	script(t, dir, `shift; exec "$@"`, "sudo")
	script(t, dir, "exit 0", "true")
	return map[string]string{"PATH": dir, "LETHE_NO_INSTALL": ""}, func() string {
		text, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
}

func TestInstallSaysAloudWhatItRuns(t *testing.T) {
	env, calls := bed(t, "apt-get", "echo talk of the manager")
	var log bytes.Buffer
	if err := Install(t.Context(), &log, environment(env)); err != nil {
		t.Fatal(err)
	}
	if got, want := calls(), "apt-get update\napt-get -o DPkg::Lock::Timeout=60 install -y --no-install-recommends postgresql\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
	for _, part := range []string{"LETHE_NO_INSTALL=1", "apt-get update\n", "install -y --no-install-recommends postgresql\n",
		"talk of the manager", "a service of their own"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log does not say %q:\n%s", part, log.String())
		}
	}
}

func TestInstallRefusesWhenToldTo(t *testing.T) {
	for value, want := range map[string]bool{"1": true, "true": true, "yes": true, "please": true, "0": false, "false": false, "": false} {
		env, calls := bed(t, "dnf", "exit 0")
		env["LETHE_NO_INSTALL"] = value
		var log bytes.Buffer
		err := Install(t.Context(), &log, environment(env))
		if refused := errors.Is(err, ErrInstallRefused); refused != want {
			t.Errorf("LETHE_NO_INSTALL=%q: refused %v (%v), want %v", value, refused, err, want)
		}
		if !want {
			continue
		}
		if calls() != "" || log.Len() != 0 {
			t.Errorf("LETHE_NO_INSTALL=%q: ran %q and said %q", value, calls(), log.String())
		}
		if !strings.Contains(err.Error(), "dnf install -y postgresql-server") {
			t.Errorf("LETHE_NO_INSTALL=%q: %q does not say what to run", value, err)
		}
	}
}

func TestInstallTellsOfFailure(t *testing.T) {
	env, calls := bed(t, "apk", "exit 7")
	err := Install(t.Context(), &bytes.Buffer{}, environment(env))
	if err == nil || errors.Is(err, ErrInstallRefused) || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("got %v, want the manager's exit status", err)
	}
	if got := calls(); strings.Count(got, "\n") != 1 {
		t.Errorf("went on after the failure: %q", got)
	}
	err = Install(t.Context(), &bytes.Buffer{}, environment(map[string]string{"PATH": t.TempDir(), "LETHE_NO_INSTALL": ""}))
	if !errors.Is(err, ErrInstallRefused) || !strings.Contains(err.Error(), "LETHE_PG_BIN") {
		t.Errorf("without a manager: got %v", err)
	}
}

func TestInstallOfAnotherPackageTakesItsName(t *testing.T) {
	env, calls := bed(t, "dnf", "exit 0")
	if err := InstallPackage(t.Context(), &bytes.Buffer{}, environment(env), "pgbouncer"); err != nil {
		t.Fatal(err)
	}
	if got, want := calls(), "dnf install -y pgbouncer\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}
