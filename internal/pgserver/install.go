package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrInstallRefused is wrapped by what Install returns when it may not or cannot install anything; the text
// around it says exactly what a person would have to run.
var ErrInstallRefused = errors.New("nothing was installed")

// manager is a package manager and what it would be told.
type manager struct {
	program  string
	commands [][]string
	// packages are those that hold the server and the client programs.
	packages []string
	note     string
}

// managers are the package managers we know, the native one of a distribution before what it may also have.
func managers() []manager {
	red := []string{"postgresql-server", "postgresql-contrib", "postgresql"}
	return []manager{
		{
			program: "apt-get",
			commands: [][]string{{"update"},
				// Another installation may be going on; its end is worth a minute.
				{"-o", "DPkg::Lock::Timeout=60", "install", "-y", "--no-install-recommends"}},
			packages: []string{"postgresql"},
			note:     "Debian's packages also set up a service of their own, which Lethe does not use",
		},
		{program: "dnf", commands: [][]string{{"install", "-y"}}, packages: red},
		{program: "yum", commands: [][]string{{"install", "-y"}}, packages: red},
		{program: "apk", commands: [][]string{{"add"}}, packages: []string{"postgresql", "postgresql-contrib", "postgresql-client"}},
	}
}

// lines returns the commands that install packages, the program's name first; only the last takes them.
func (m manager) lines(packages []string) [][]string {
	var lines [][]string
	for i, command := range m.commands {
		line := append([]string{m.program}, command...)
		if i == len(m.commands)-1 {
			line = append(line, packages...)
		}
		lines = append(lines, line)
	}
	return lines
}

// InstallHint says what a person runs to have PostgreSQL's programs on this machine.
func InstallHint(env func(string) string) string {
	if m, ok := findManager(env); ok {
		return hint(m, m.packages)
	}
	switch runtime.GOOS {
	case "darwin":
		return "run: brew install postgresql@17"
	case "windows":
		return "install PostgreSQL from https://www.postgresql.org/download/windows/"
	}
	return "install the PostgreSQL server and client programs with your package manager, or name their directory in LETHE_PG_BIN"
}

func hint(m manager, packages []string) string {
	var lines []string
	for _, line := range m.lines(packages) {
		lines = append(lines, strings.Join(line, " "))
	}
	return "run as root: " + strings.Join(lines, " && ")
}

// Install installs the distribution's PostgreSQL packages and says on log what it runs. It does so only as
// root or by a sudo that asks nothing, and never when LETHE_NO_INSTALL is set to anything but a false
// value; then, and where no package manager is known, the error wraps ErrInstallRefused and says what to
// run. Whoever calls it looks again with Find.
func Install(ctx context.Context, log io.Writer, env func(string) string) error {
	m, ok := findManager(env)
	if !ok {
		return fmt.Errorf("install PostgreSQL: no known package manager here: %w; %s", ErrInstallRefused, InstallHint(env))
	}
	return install(ctx, log, env, m, m.packages)
}

// InstallPackage is Install of one other package that has the same name in every distribution.
func InstallPackage(ctx context.Context, log io.Writer, env func(string) string, name string) error {
	m, ok := findManager(env)
	if !ok {
		return fmt.Errorf("install %s: no known package manager here: %w; install it by hand", name, ErrInstallRefused)
	}
	return install(ctx, log, env, m, []string{name})
}

func install(ctx context.Context, log io.Writer, env func(string) string, m manager, packages []string) error {
	what := strings.Join(packages, ", ")
	if refused(env("LETHE_NO_INSTALL")) {
		return fmt.Errorf("install %s: LETHE_NO_INSTALL is set: %w; %s", what, ErrInstallRefused, hint(m, packages))
	}
	prefix, ok := privilege(ctx, env)
	if !ok {
		return fmt.Errorf("install %s: not root, and sudo would ask for a password: %w; %s", what, ErrInstallRefused, hint(m, packages))
	}
	fmt.Fprintf(log, "Not on this machine: %s. Installing the distribution's packages (LETHE_NO_INSTALL=1 refuses).\n", what)
	if m.note != "" {
		fmt.Fprintf(log, "Note: %s.\n", m.note)
	}
	for _, command := range m.lines(packages) {
		line := append(slices.Clone(prefix), lookPath(env, m.program))
		line = append(line, command[1:]...)
		fmt.Fprintln(log, "+", strings.Join(line, " "))
		cmd := exec.CommandContext(ctx, line[0], line[1:]...)
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("install %s: %s: %w; %s", what, strings.Join(line, " "), err, hint(m, packages))
		}
	}
	return nil
}

// refused reads LETHE_NO_INSTALL: what is not plainly false refuses.
func refused(value string) bool {
	no, err := strconv.ParseBool(value)
	return value != "" && (err != nil || no)
}

func findManager(env func(string) string) (manager, bool) {
	for _, m := range managers() {
		if lookPath(env, m.program) != "" {
			return m, true
		}
	}
	return manager{}, false
}

// privilege returns what to put before a command for it to run as root; false when there is no way.
func privilege(ctx context.Context, env func(string) string) ([]string, bool) {
	if os.Geteuid() == 0 {
		return nil, true
	}
	sudo := lookPath(env, "sudo")
	if sudo == "" || exec.CommandContext(ctx, sudo, "-n", "true").Run() != nil {
		return nil, false
	}
	return []string{sudo, "-n"}, true
}

// lookPath is exec.LookPath under a PATH given by env.
func lookPath(env func(string) string, program string) string {
	for _, dir := range filepath.SplitList(env("PATH")) {
		if path := filepath.Join(dir, program+programSuffix()); executable(path) {
			return path
		}
	}
	return ""
}
