//go:build unix

package pgserver

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProgramRunsApartAndLeavesNothing(t *testing.T) {
	tmp := reachable(t)
	t.Setenv("CANARY_OF_THE_PARENT", "1")
	var log bytes.Buffer
	process, err := Run(Program{
		Path:  "/bin/sh",
		Files: map[string]string{"settings.ini": "the settings\n"},
		Args:  func(dir string) []string { return []string{"-c", "id -u; env; cat " + dir + "/settings.ini; exec cat"} },
		Log:   &log, Env: environment(map[string]string{"TMPDIR": tmp}),
	})
	if err != nil {
		t.Fatal(err)
	}
	pid := process.child.pid
	<-process.Done() // its standard input is empty, so it ends by itself
	if got := len(entries(t, tmp)); got != 1 {
		t.Errorf("got %d directories, want its own", got)
	}
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
	if alive(pid) || len(entries(t, tmp)) != 0 {
		t.Errorf("after Stop: alive %v, left %q", alive(pid), entries(t, tmp))
	}
	said := process.Output()
	if said != strings.TrimSpace(log.String()) || !strings.Contains(said, "the settings") {
		t.Errorf("output: got %q", said)
	}
	if strings.Contains(said, "CANARY_OF_THE_PARENT") {
		t.Error("the program inherited our environment")
	}
	if uid, _, _ := strings.Cut(said, "\n"); os.Geteuid() == 0 && uid == "0" {
		t.Error("the program runs as root")
	}
}

func TestRunningProgramIsEndedByStop(t *testing.T) {
	tmp := reachable(t)
	process, err := Run(Program{
		Path: "/bin/sh", Args: func(string) []string { return []string{"-c", "trap '' INT TERM; while :; do read x; done </dev/zero"} },
		Env: environment(map[string]string{"TMPDIR": tmp}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	if alive(process.child.pid) || len(entries(t, tmp)) != 0 {
		t.Error("a program that hears no signal outlived Stop")
	}
}

func TestProgramThatIsNotThereLeavesNothing(t *testing.T) {
	tmp := reachable(t)
	missing := filepath.Join(tmp, "missing")
	_, err := Run(Program{Path: missing, Env: environment(map[string]string{"TMPDIR": tmp})})
	if err == nil || !strings.Contains(err.Error(), missing) || len(entries(t, tmp)) != 0 {
		t.Errorf("got %v, left %q", err, entries(t, tmp))
	}
}
