//go:build linux || darwin || freebsd

package pg

import "syscall"

// diskFree returns what may still be written to the file system of path by who is no superuser.
func diskFree(path string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // their types differ between systems
}
