package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cellway/cellway/internal/dev"
)

func newDrain() *cobra.Command {
	return newCellOrder("drain", "Move everything off a cell, so that it can leave",
		func(cell cellInfo) (bool, error) { return cell.Partitions == 0, nil })
}

func newUndrain() *cobra.Command {
	return newCellOrder("undrain", "Let a draining, drained or removed cell have its share again",
		func(cell cellInfo) (bool, error) {
			if cell.silent() {
				return false, errSilent(cell.ID)
			}
			return cell.Partitions > 0, nil
		})
}

// newCellOrder is a command that asks for something about one cell and shows the rebalance to its end. It ends
// well only when done says that the cell is as asked.
func newCellOrder(verb, short string, done func(cellInfo) (bool, error)) *cobra.Command {
	var admin adminFlags
	var where systemFlags
	cmd := &cobra.Command{
		Use: verb + " CELL", Short: short, GroupID: "operate", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := orderClient(cmd, &admin, &where)
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
	where.register(cmd.Flags())
	return cmd
}

// orderClient speaks to the admin listener of the system that runs here, or, where none does or a token is given, of
// whatever answers at the address.
func orderClient(cmd *cobra.Command, admin *adminFlags, where *systemFlags) (*adminClient, error) {
	if admin.tokenFile != "" {
		return admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
	}
	sys, err := where.find(cmd.Context(), cmd.ErrOrStderr())
	if err != nil && (where.kind != "" || !errors.Is(err, dev.ErrNotRunning)) {
		return nil, err
	}
	return admin.client(cmd.Context(), sys, cmd.ErrOrStderr())
}

func settledCell(ctx context.Context, c *adminClient, name string, done func(cellInfo) (bool, error)) (bool, error) {
	cell, err := c.cell(ctx, name)
	if err != nil {
		return false, err
	}
	return done(cell)
}

// silentFor is how long a cell that was just started may take to show in the registry.
const silentFor = 20 * time.Second

// silent: the cell owns nothing, and nobody is there to own more.
func (c cellInfo) silent() bool {
	return c.Partitions == 0 && !slices.ContainsFunc(c.Instances, func(in instanceInfo) bool { return in.Healthy })
}

func errSilent(name string) error {
	return fmt.Errorf("%[1]s has no healthy instance: it gets its share when it runs (make restart NAME=%[1]s, or make add-cell NAME=%[1]s if it was removed)", name)
}
