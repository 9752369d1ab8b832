// Command cellway runs an application as independent cells: every role of the system, and the commands of its
// operators, in one binary. See `cellway help`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cellway: "+err.Error())
		os.Exit(1)
	}
}
