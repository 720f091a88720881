package pgserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Binaries is a directory of PostgreSQL programs, all of one major version.
type Binaries struct {
	// Dir is the directory, symbolic links resolved.
	Dir string
	// Major is the major version, such as 15.
	Major int
	// Server reports that postgres and initdb are there.
	Server bool
	// Dump reports that pg_dump and pg_restore are there.
	Dump bool
}

// Program returns the path of a program of this directory; "" when it is not there.
func (b Binaries) Program(name string) string {
	if !present(b.Dir, name) {
		return ""
	}
	return b.path(name)
}

func (b Binaries) path(name string) string { return filepath.Join(b.Dir, name+programSuffix()) }

// Find looks for PostgreSQL's programs and returns what is there, newest major first, directories that
// hold both the server and pg_dump before those of the same major that do not. None is not an error. It
// looks at LETHE_PG_BIN and PGBIN (when either is set, nowhere else), PATH with links resolved, pg_config,
// and where the distributions, Homebrew and Postgres.app put them. Programs are asked for their version.
func Find(ctx context.Context, env func(string) string) ([]Binaries, error) {
	var found []Binaries
	seen := map[string]bool{}
	for _, dir := range candidates(ctx, env) {
		resolved, err := filepath.EvalSymlinks(dir)
		if err != nil || seen[resolved] {
			continue
		}
		seen[resolved] = true
		if b, ok := examine(ctx, resolved); ok {
			found = append(found, b)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("find PostgreSQL's programs: %w", err)
		}
	}
	slices.SortStableFunc(found, func(a, b Binaries) int {
		if a.Major != b.Major {
			return b.Major - a.Major
		}
		return b.completeness() - a.completeness()
	})
	return found, nil
}

func (b Binaries) completeness() int {
	n := 0
	if b.Server {
		n++
	}
	if b.Dump {
		n++
	}
	return n
}

// candidates returns directories to look at, in order, some of which may not exist.
func candidates(ctx context.Context, env func(string) string) []string {
	var dirs []string
	for _, name := range []string{"LETHE_PG_BIN", "PGBIN"} {
		if dir := env(name); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	if dirs != nil {
		return dirs
	}
	for _, dir := range filepath.SplitList(env("PATH")) {
		for _, program := range []string{"postgres", "pg_dump"} {
			// The programs of a PATH directory may be links to where the rest lies too.
			if resolved, err := filepath.EvalSymlinks(filepath.Join(dir, program+programSuffix())); err == nil {
				dirs = append(dirs, filepath.Dir(resolved))
			}
		}
		if config := filepath.Join(dir, "pg_config"+programSuffix()); executable(config) {
			if out, err := exec.CommandContext(ctx, config, "--bindir").Output(); err == nil {
				dirs = append(dirs, strings.TrimSpace(string(out)))
			}
		}
	}
	for _, pattern := range installPatterns(env) {
		if matches, err := filepath.Glob(pattern); err == nil {
			dirs = append(dirs, matches...)
		}
	}
	return dirs
}

// installPatterns are the places where packages put the programs, which often are not in PATH.
func installPatterns(env func(string) string) []string {
	if runtime.GOOS == "windows" {
		return []string{filepath.Join(env("ProgramFiles"), "PostgreSQL", "*", "bin")}
	}
	return []string{
		"/usr/lib/postgresql/*/bin",     // Debian, Ubuntu
		"/usr/pgsql-*/bin",              // PGDG on Red Hat and its kin
		"/usr/libexec/postgresql[0-9]*", // Alpine
		"/usr/lib/postgresql*/bin",      // SUSE
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin", // built from source
	}
}

// examine says what a directory holds; false when it holds nothing of use.
func examine(ctx context.Context, dir string) (Binaries, bool) {
	b := Binaries{
		Dir:    dir,
		Server: present(dir, "postgres") && present(dir, "initdb"),
		Dump:   present(dir, "pg_dump") && present(dir, "pg_restore"),
	}
	speaker := "pg_dump"
	if b.Server {
		speaker = "postgres"
	}
	if !b.Server && !b.Dump {
		return Binaries{}, false
	}
	out, err := exec.CommandContext(ctx, b.path(speaker), "--version").Output()
	if err != nil {
		return Binaries{}, false
	}
	major, ok := parseMajor(string(out))
	b.Major = major
	return b, ok
}

// parseMajor reads the major version out of what --version prints, such as "pg_dump (PostgreSQL) 17.2".
func parseMajor(text string) (int, bool) {
	match := regexp.MustCompile(`\(PostgreSQL\) (\d+)`).FindStringSubmatch(text)
	if match == nil {
		return 0, false
	}
	major, err := strconv.Atoi(match[1])
	return major, err == nil
}

// ClientTools chooses the pg_dump and pg_restore to copy a schema with: of one major, not older than the
// source, not newer than the target (a newer pg_dump writes settings that an older server refuses), and
// the oldest that fits. Where the source numbers its columns, only a pg_dump that knows of it fits. The error
// says which majors would do and how to install one.
func ClientTools(binaries []Binaries, source, target int, numbered bool) (Binaries, error) {
	if source > target {
		return Binaries{}, fmt.Errorf("choose pg_dump: the source runs PostgreSQL %d and the target %d; a schema moves only to the same or a newer major",
			source, target)
	}
	var best Binaries
	var have, unknowing []string
	for _, b := range binaries {
		if !b.Dump {
			continue
		}
		have = append(have, strconv.Itoa(b.Major))
		switch {
		case b.Major < source || b.Major > target:
		case numbered && !b.knowsNumbers():
			unknowing = append(unknowing, strconv.Itoa(b.Major))
		case best.Dir == "" || b.Major < best.Major:
			best = b
		}
	}
	if best.Dir != "" {
		return best, nil
	}
	if unknowing != nil {
		return Binaries{}, fmt.Errorf("choose pg_dump: the source numbers the versions of its columns (%s), and the pg_dump installed (%s) is of a minor release that would pass the numbers on as options; "+
			"update the client programs to the source's minor release, or install postgresql-client-%d in it", ColumnNumber, strings.Join(slices.Compact(unknowing), ", "), source)
	}
	found := "none is installed"
	if have != nil {
		found = "installed are " + strings.Join(slices.Compact(have), ", ")
	}
	return Binaries{}, fmt.Errorf("choose pg_dump: its major must be at least %d and at most %d, %s; install the client programs of one, such as postgresql-client-%d on Debian",
		source, target, found, source)
}

// ColumnNumber is the option under which servers since 15.20 and 17.12 keep a number of their own in every
// column. It is nothing of the user's, and the pg_dump of the same releases leaves it out.
const ColumnNumber = "pg_attver"

// knowsNumbers reports that this pg_dump leaves ColumnNumber out. Which minor releases do can be told neither from
// the major nor from the number alone, each major having its own; a program that looks for the option holds its
// name. One that cannot be read is taken not to.
func (b Binaries) knowsNumbers() bool {
	program, err := os.ReadFile(b.path("pg_dump"))
	return err == nil && bytes.Contains(program, []byte(ColumnNumber))
}

func present(dir, program string) bool {
	return executable(filepath.Join(dir, program+programSuffix()))
}

func executable(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	return runtime.GOOS == "windows" || info.Mode()&0o111 != 0
}

func programSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
