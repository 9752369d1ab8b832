package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// setupPatience is how long a setup command waits for a server that starts beside it.
const setupPatience = 2 * time.Minute

func newSetup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "setup", Short: "Make what a deployment needs before its roles start: secrets, access in Consul, a cell's schema", GroupID: "role",
		Long: `Each command can be repeated: what is there stays, what is missing is made. Secrets go into files, in one folder
for each role; no secret is printed, and none is passed in an argument or in the environment.`,
	}
	cmd.AddCommand(newSetupSecrets(), newSetupConsul(), newSetupCell())
	return cmd
}

// patiently tries until it succeeds, or setupPatience is over; it says once what it waits for.
func patiently(ctx context.Context, out io.Writer, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, setupPatience)
	defer cancel()
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for said := false; ; said = true {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if !said {
			fmt.Fprintf(out, "%s: not yet (%v); trying again for %v\n", what, err, setupPatience)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		case <-ticker.C:
		}
	}
}
