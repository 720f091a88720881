package pgtest

import (
	"os"
	"syscall"
)

// enoughMemory is what the servers of a whole run of tests may fill: a gigabyte as measured, and room beside it.
const enoughMemory = 4 << 30

// environment is what a server's variables are looked up in: where nobody chose a directory and the file
// system of the memory has room, servers lie there. A database is made in a third of the time in it, and most
// tests make two to six.
func environment(name string) string {
	value := os.Getenv(name)
	var shm syscall.Statfs_t
	if name == "TMPDIR" && value == "" && syscall.Statfs("/dev/shm", &shm) == nil && shm.Bavail*uint64(shm.Bsize) >= enoughMemory {
		return "/dev/shm"
	}
	return value
}
