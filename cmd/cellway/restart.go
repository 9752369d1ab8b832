package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newRestart() *cobra.Command {
	var where systemFlags
	cmd := &cobra.Command{
		Use: "restart NAME", Short: "Restart a part of the system on this machine, dead or alive", GroupID: "system",
		Long: "Restarts mover-1, cell-a, router, consul, postgres, or any other part; returns when it is ready.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			system, err := where.find(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := system.Restart(cmd.Context(), args[0]); err != nil {
				return fmt.Errorf("restart %s: %w", args[0], err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is ready\n", args[0])
			return err
		},
	}
	where.register(cmd.Flags())
	return cmd
}
