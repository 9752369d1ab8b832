package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func newDrain() *cobra.Command {
	return newCellOrder("drain", "Move everything off a cell, so that it can leave",
		func(cell cellInfo, _ mapReply) bool { return cell.Partitions == 0 })
}

func newUndrain() *cobra.Command {
	return newCellOrder("undrain", "Let a draining, drained or removed cell have its share again",
		func(cell cellInfo, m mapReply) bool { return cell.Partitions > 0 || m.Partitions == 0 })
}

// newCellOrder is a command that asks for something about one cell and shows the rebalance to its end. It ends
// well only when done says that the cell is as asked.
func newCellOrder(verb, short string, done func(cellInfo, mapReply) bool) *cobra.Command {
	var admin adminFlags
	cmd := &cobra.Command{
		Use: verb + " CELL", Short: short, GroupID: "operate", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := admin.client(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := c.call(cmd.Context(), http.MethodPost, cellPath(args[0], verb), nil); err != nil {
				return fmt.Errorf("%s %s: %w", verb, args[0], err)
			}
			settled := func(ctx context.Context) (bool, error) { return settledCell(ctx, c, args[0], done) }
			if err := watchRebalance(cmd.Context(), c, cmd.OutOrStdout(), verb+" "+args[0], settled); err != nil {
				return err
			}
			return printCells(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	admin.register(cmd.Flags())
	return cmd
}

func settledCell(ctx context.Context, c *adminClient, name string, done func(cellInfo, mapReply) bool) (bool, error) {
	var m mapReply
	if err := c.call(ctx, http.MethodGet, "/admin/map", &m); err != nil {
		return false, err
	}
	cell, err := c.cell(ctx, name)
	return err == nil && done(cell, m), err
}
