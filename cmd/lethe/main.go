// Command lethe refreshes environments with masked copies of production.
package main

import (
	"context"
	"os"

	"github.com/lethedb/lethe/cmd/lethe/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Process()))
}
