package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// systemStatus is what `cellway status --output json` prints.
type systemStatus struct {
	Map       mapReply       `json:"map"`
	Cells     []cellInfo     `json:"cells"`
	Rebalance rebalanceReply `json:"rebalance"`
	Problem   string         `json:"problem,omitempty"` // why only the map is known
}

func newStatus() *cobra.Command {
	var admin adminFlags
	var output string
	cmd := &cobra.Command{
		Use: "status", Short: "Show cells, map and rebalance", GroupID: "operate", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			c, err := admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			s, err := readStatus(cmd.Context(), c)
			if err != nil {
				return err
			}
			return printAs(cmd.OutOrStdout(), output, s, func(w io.Writer) { writeStatus(w, s) })
		},
	}
	admin.register(cmd.Flags())
	outputFlag(cmd, &output)
	return cmd
}

// readStatus asks the router. The map it has by itself; cells and rebalance it takes from the registry, which may be away.
func readStatus(ctx context.Context, c *adminClient) (systemStatus, error) {
	var s systemStatus
	var cells cellsReply
	if err := c.call(ctx, http.MethodGet, "/admin/map", &s.Map); err != nil {
		return s, err
	}
	err := c.try(ctx, http.MethodGet, "/admin/cells", nil, &cells)
	if err == nil {
		err = c.try(ctx, http.MethodGet, "/admin/rebalance", nil, &s.Rebalance)
	}
	if err != nil {
		s.Problem = err.Error()
	}
	s.Cells = cells.Cells
	return s, nil
}

func writeStatus(w io.Writer, s systemStatus) {
	fmt.Fprintf(w, "map: epoch %d, %d partitions, from %s, %.0f s old\n", s.Map.Epoch, s.Map.Partitions, s.Map.Source, s.Map.AgeSeconds)
	switch {
	case s.Problem != "":
		fmt.Fprintf(w, "nothing else is known: %s\nCELL\tPARTITIONS\n", s.Problem)
		for _, cell := range slices.Sorted(maps.Keys(s.Map.Owners)) {
			fmt.Fprintf(w, "%s\t%d\n", cell, s.Map.Owners[cell])
		}
		return
	case s.Rebalance.Running && s.Rebalance.Problem != "":
		fmt.Fprintf(w, "rebalance: running, %d of %d moves done; waiting: %s\n", s.Rebalance.Done, s.Rebalance.Total, s.Rebalance.Problem)
	case s.Rebalance.Running:
		fmt.Fprintf(w, "rebalance: running, %d of %d moves done\n", s.Rebalance.Done, s.Rebalance.Total)
	default:
		fmt.Fprintln(w, "rebalance: none running")
	}
	if by := s.Rebalance.Paused; by != nil {
		fmt.Fprintf(w, "paused: no move begins, since %s, by %s (resume ends it)\n", by.Since.Format(time.RFC3339), by.Who)
	}
	if by := s.Rebalance.Held; by != nil {
		fmt.Fprintf(w, "held: what was cancelled or reversed stays where it is, since %s, by %s (rebalance ends it)\n", by.Since.Format(time.RFC3339), by.Who)
	}
	writeCells(w, s.Cells)
}

func writeCells(w io.Writer, cells []cellInfo) {
	fmt.Fprintln(w, "CELL\tSTATUS\tWEIGHT\tPARTITIONS\tCUSTOMERS\tINSTANCES")
	for _, c := range cells {
		customers, instances := "?", ""
		if c.Customers != nil {
			customers = strconv.FormatInt(*c.Customers, 10)
		}
		for i, in := range c.Instances {
			if i > 0 {
				instances += ", "
			}
			instances += in.Address
			if !in.Healthy {
				instances += " (sick)"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", c.ID, c.Status, c.Weight, c.Partitions, customers, instances)
	}
}

func printCells(ctx context.Context, c *adminClient, w io.Writer) error {
	var reply cellsReply
	if err := c.call(ctx, http.MethodGet, "/admin/cells", &reply); err != nil {
		return err
	}
	return printAs(w, "table", nil, func(w io.Writer) { writeCells(w, reply.Cells) })
}

func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "table", "table or json")
}

func checkOutput(output string) error {
	if output != "table" && output != "json" {
		return fmt.Errorf("--output %q: use table or json", output)
	}
	return nil
}

// printAs prints v as JSON, or what table writes, its tabs aligned.
func printAs(w io.Writer, output string, v any, table func(io.Writer)) error {
	switch output {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	case "table":
		tabs := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		table(tabs)
		return tabs.Flush()
	}
	return checkOutput(output)
}
