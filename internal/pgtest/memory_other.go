//go:build !linux

package pgtest

import "os"

// environment is what a server's variables are looked up in.
func environment(name string) string { return os.Getenv(name) }
