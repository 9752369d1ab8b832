package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func newAddCell() *cobra.Command {
	var admin adminFlags
	var where systemFlags
	var weight int
	cmd := &cobra.Command{
		Use: "add-cell CELL", Short: "Add a cell to the system on this machine and show its share arriving", GroupID: "system",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sys, err := where.find(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			c, err := admin.client(cmd.Context(), sys, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := addCell(cmd.Context(), sys, c, cmd.OutOrStdout(), args[0], weight); err != nil {
				return err
			}
			return printCells(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	admin.register(cmd.Flags())
	where.register(cmd.Flags())
	cmd.Flags().IntVar(&weight, "weight", 1, "the cell's capacity relative to the others'")
	return cmd
}

// addCell starts a cell and shows its share arriving; it returns when the last row is where it belongs. A cell that
// is there already is only watched.
func addCell(ctx context.Context, sys system, c *adminClient, out io.Writer, name string, weight int) error {
	err := sys.AddCell(ctx, name, weight)
	switch {
	case exists(err):
		fmt.Fprintf(out, "%s is there already: showing what is on its way\n", name)
	case err != nil:
		return fmt.Errorf("add %s: %w", name, err)
	default:
		fmt.Fprintf(out, "%s runs\n", name)
	}
	if err := readmit(ctx, c, name); err != nil {
		return err
	}
	began := time.Now()
	arrived := func(ctx context.Context) (bool, error) {
		cell, err := c.cell(ctx, name)
		if err == nil && cell.silent() && time.Since(began) > silentFor {
			err = errSilent(name)
		}
		return cell.Partitions > 0 && cell.Status == "active", err
	}
	return watchRebalance(ctx, c, out, name+" joins", arrived)
}

// readmit takes back an earlier drain or removal of a cell of the same name, so that adding it means what it says.
// A cell that the registry does not know yet has nothing to take back.
func readmit(ctx context.Context, c *adminClient, name string) error {
	err := c.call(ctx, http.MethodPost, cellPath(name, "undrain"), nil)
	var no *refusal
	if errors.As(err, &no) && no.status == http.StatusNotFound {
		return nil
	}
	return err
}
