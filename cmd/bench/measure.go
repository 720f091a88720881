package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measurement is one run of one contestant.
type measurement struct {
	Contestant string  `json:"contestant"`
	Seconds    float64 `json:"seconds"`
	// ClientCPU is user and system time of all programs that were started, ServerCPU of all of the
	// server's processes; 0 where the system does not tell.
	ClientCPU float64 `json:"client_cpu_seconds"`
	ServerCPU float64 `json:"server_cpu_seconds"`
	// OtherCPU is what the machine did meanwhile for nobody here: a measurement with much of it is none.
	OtherCPU float64 `json:"other_cpu_seconds"`
	// OwnCPU is that of lethe and its children, Peak the largest resident size of one of them, in bytes.
	OwnCPU float64 `json:"own_cpu_seconds,omitempty"`
	Peak   int64   `json:"peak_bytes,omitempty"`
	// Phases are the parts that the contestant tells of, in seconds.
	Phases map[string]float64 `json:"phases,omitempty"`
}

// childrenCPU is the time of all programs that this one started and that have ended, and of theirs.
func childrenCPU() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakOf is the largest resident size that a program, or one that it started, had. Linux counts in
// kilobytes, others in bytes.
func peakOf(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "linux" {
		return usage.Maxrss << 10
	}
	return usage.Maxrss
}

// tick is the unit of /proc/PID/stat, the same on every Linux.
const tick = 10 * time.Millisecond

// cpu is the time that all of the server's processes have used, those that ended included; 0 where there is
// no /proc.
func (s *server) cpu(ctx context.Context) (time.Duration, error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return 0, nil
	}
	text, err := s.sql(ctx, "postgres", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
	if err != nil {
		return 0, err
	}
	checkpointer, err := strconv.Atoi(text)
	if err != nil {
		return 0, err
	}
	of, err := stat(checkpointer)
	if err != nil {
		return 0, err
	}
	postmaster, err := stat(of.parent)
	if err != nil {
		return 0, err
	}
	sum := postmaster.own + postmaster.children
	others, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range others {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		p, err := stat(pid)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it ended between two looks
		}
		if err != nil {
			return 0, err
		}
		if p.parent == of.parent {
			sum += p.own
		}
	}
	return sum, nil
}

// machineCPU is the time that all cores have been busy since the machine started; 0 where there is no /proc.
func machineCPU() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return parseBusy(first)
}

// parseBusy reads the first line of /proc/stat: user, nice and system time, idle, waiting, then interrupts;
// what follows (time that other machines took, and guests) is not ours or is counted already.
func parseBusy(line string) time.Duration {
	const idle, wait, last = 4, 5, 7
	fields := strings.Fields(line)
	var sum time.Duration
	for i := 1; i <= last && i < len(fields); i++ {
		if n, err := strconv.Atoi(fields[i]); err == nil && i != idle && i != wait {
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// process is what /proc tells of one: its parent, its own time, and that of its children that ended.
type process struct {
	parent        int
	own, children time.Duration
}

func stat(pid int) (process, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	return parseStat(string(text))
}

// parseStat reads a line of /proc/PID/stat. The name in it may hold blanks and brackets.
func parseStat(line string) (process, error) {
	const parent, utime, stime, cutime, cstime = 1, 11, 12, 13, 14 // counted after the name
	_, rest, ok := cutLast(line, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) <= cstime {
		return process{}, errors.New("read the state of a process: it is not in the form of Linux")
	}
	var p process
	var err error
	number := func(at int) int {
		n, e := strconv.Atoi(fields[at])
		err = errors.Join(err, e)
		return n
	}
	p.parent = number(parent)
	p.own = time.Duration(number(utime)+number(stime)) * tick
	p.children = time.Duration(number(cutime)+number(cstime)) * tick
	return p, err
}

func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}
