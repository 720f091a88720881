//go:build unix

package pgserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// parentHelper names the variable that turns this test binary into a program that starts a server and
// waits to be killed.
const parentHelper = "LETHE_TEST_PARENT_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(parentHelper) != "" {
		os.Exit(actAsParent())
	}
	goleak.VerifyTestMain(m)
}

// actAsParent starts a server, says where, and blocks until its standard input ends.
func actAsParent() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found, err := Find(ctx, os.Getenv)
	if err != nil || len(found) == 0 {
		fmt.Fprintln(os.Stderr, "find:", err)
		return 1
	}
	server, err := Start(ctx, found[0], Options{Disposable: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stdout, server.Pid(), server.dir.path)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}
