//go:build !linux

package pg

import "os/exec"

// endWithParent does nothing: only Linux has a parent-death signal.
func endWithParent(*exec.Cmd) {}
