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
	note     string
}

// managers are the package managers we know, the native one of a distribution before what it may also have.
func managers() []manager {
	return []manager{
		{
			program:  "apt-get",
			commands: [][]string{{"apt-get", "update"}, {"apt-get", "install", "-y", "--no-install-recommends", "postgresql"}},
			note:     "Debian's package also sets up a server of its own, which Lethe does not use",
		},
		{program: "dnf", commands: [][]string{{"dnf", "install", "-y", "postgresql-server", "postgresql-contrib", "postgresql"}}},
		{program: "yum", commands: [][]string{{"yum", "install", "-y", "postgresql-server", "postgresql-contrib", "postgresql"}}},
		{program: "apk", commands: [][]string{{"apk", "add", "postgresql", "postgresql-contrib", "postgresql-client"}}},
	}
}

// InstallHint says what a person runs to have PostgreSQL's programs on this machine.
func InstallHint(env func(string) string) string {
	if m, ok := findManager(env); ok {
		var lines []string
		for _, command := range m.commands {
			lines = append(lines, strings.Join(command, " "))
		}
		return "run as root: " + strings.Join(lines, " && ")
	}
	switch runtime.GOOS {
	case "darwin":
		return "run: brew install postgresql@17"
	case "windows":
		return "install PostgreSQL from https://www.postgresql.org/download/windows/"
	}
	return "install the PostgreSQL server and client programs with your package manager, or name their directory in LETHE_PG_BIN"
}

// Install installs the distribution's PostgreSQL packages and says on log what it runs. It does so only as
// root or by a sudo that asks nothing, and never when LETHE_NO_INSTALL is set to anything but a false
// value; then, and where no package manager is known, the error wraps ErrInstallRefused and says what to
// run. Whoever calls it looks again with Find.
func Install(ctx context.Context, log io.Writer, env func(string) string) error {
	if refused(env("LETHE_NO_INSTALL")) {
		return fmt.Errorf("install PostgreSQL: LETHE_NO_INSTALL is set: %w; %s", ErrInstallRefused, InstallHint(env))
	}
	m, ok := findManager(env)
	if !ok {
		return fmt.Errorf("install PostgreSQL: no known package manager here: %w; %s", ErrInstallRefused, InstallHint(env))
	}
	prefix, ok := privilege(ctx, env)
	if !ok {
		return fmt.Errorf("install PostgreSQL: not root, and sudo would ask for a password: %w; %s", ErrInstallRefused, InstallHint(env))
	}
	fmt.Fprintln(log, "PostgreSQL's programs are not on this machine; installing the distribution's packages (LETHE_NO_INSTALL=1 refuses).")
	if m.note != "" {
		fmt.Fprintf(log, "Note: %s.\n", m.note)
	}
	for _, command := range m.commands {
		line := append(slices.Clone(prefix), lookPath(env, m.program))
		line = append(line, command[1:]...)
		fmt.Fprintln(log, "+", strings.Join(line, " "))
		cmd := exec.CommandContext(ctx, line[0], line[1:]...)
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("install PostgreSQL: %s: %w; %s", strings.Join(line, " "), err, InstallHint(env))
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
