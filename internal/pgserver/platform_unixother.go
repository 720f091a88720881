//go:build unix && !linux

package pgserver

import "syscall"

// endWithParent does nothing: only Linux has a parent-death signal. The next Start sweeps.
func endWithParent(*syscall.SysProcAttr) {}

// characterLocale is the only locale these systems all have.
func characterLocale() string { return "C" }
