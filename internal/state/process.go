package state

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Process names a process so that no other is taken for it: ids of processes come again, and count anew
// after a boot and in every container. Fields that the system does not tell are "".
type Process struct {
	PID int `json:"pid"`
	// Boot is the id of the machine's boot, Space that of the process id namespace, Start the clock tick
	// the process began at.
	Boot  string `json:"boot,omitempty"`
	Space string `json:"space,omitempty"`
	Start string `json:"start,omitempty"`
}

// thisProcess names the calling process.
func thisProcess() Process { return processOf(os.Getpid()) }

func processOf(pid int) Process {
	return Process{PID: pid, Boot: bootID(), Space: spaceID(), Start: startOf(pid)}
}

// gone reports whether p, which ran on this host, is known to have ended. Not knowing is false: a run
// must not read as interrupted while it goes on.
func (p Process) gone() bool {
	if p.PID <= 0 {
		return false
	}
	if boot := bootID(); boot != "" && p.Boot != "" && boot != p.Boot {
		return true
	}
	if p.Space != spaceID() {
		return false
	}
	// Signal 0 only asks; not being allowed to send means that somebody is there.
	if err := syscall.Kill(p.PID, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	start := startOf(p.PID)
	return start != "" && p.Start != "" && start != p.Start
}

func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

func spaceID() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return name
}

// startOf returns the 22nd field of a process's stat, the twentieth after its name, which stands in
// parentheses and may hold anything.
func startOf(pid int) string {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}
