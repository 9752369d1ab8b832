package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newRemoveCell() *cobra.Command {
	var admin adminFlags
	var where systemFlags
	cmd := &cobra.Command{
		Use: "remove-cell CELL", Short: "Stop and forget a drained cell of the system on this machine", GroupID: "system",
		Long: `Stops and forgets a cell that owns nothing: drain it first. Its schema stays in the database; a cell that is added under
the same name later uses it again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			system, err := where.find(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			c, err := admin.client(cmd.Context(), system, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := c.call(cmd.Context(), http.MethodDelete, cellPath(args[0]), nil); err != nil {
				return fmt.Errorf("remove %s: %w", args[0], err)
			}
			if err := system.RemoveCell(cmd.Context(), args[0]); err != nil {
				return fmt.Errorf("stop %s: %w", args[0], err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is removed; its (empty) schema stays in the database\n", args[0])
			return printCells(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	admin.register(cmd.Flags())
	where.register(cmd.Flags())
	return cmd
}
