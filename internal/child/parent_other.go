//go:build !linux

package child

import "syscall"

// endWithParent does nothing where the kernel offers nothing.
func endWithParent(*syscall.SysProcAttr) {}
