package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// orderFlags are what commands have in common that give an order about moves.
type orderFlags struct {
	admin adminFlags
	where systemFlags
	as    string
}

func (f *orderFlags) register(cmd *cobra.Command) {
	f.admin.register(cmd.Flags())
	f.where.register(cmd.Flags())
	cmd.Flags().StringVar(&f.as, "as", "", "who gives the order, for the journal and whoever looks; default: the address it comes from")
}

func (f *orderFlags) client(cmd *cobra.Command) (*adminClient, error) {
	c, err := orderClient(cmd, &f.admin, &f.where)
	if err == nil {
		c.operator = f.as
	}
	return c, err
}

func newPause() *cobra.Command {
	return newPlainOrder("pause", "Let no move begin; those that have begun go on to their end",
		"no move begins from now on; those that have begun go on to their end (make status shows them, resume lets others begin)")
}

func newResume() *cobra.Command {
	return newPlainOrder("resume", "Let moves begin again after a pause", "moves begin again")
}

func newPlainOrder(verb, short, done string) *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use: verb, Short: short, GroupID: "operate", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client(cmd)
			if err != nil {
				return err
			}
			if err := c.call(cmd.Context(), http.MethodPost, "/admin/"+verb, nil); err != nil {
				return fmt.Errorf("%s: %w", verb, err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), done)
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

func newRebalance() *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use: "rebalance", Short: "Plan and move now, also what was held after a cancel or a reversal", GroupID: "operate", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client(cmd)
			if err != nil {
				return err
			}
			if err := c.call(cmd.Context(), http.MethodPost, "/admin/rebalance", nil); err != nil {
				return fmt.Errorf("rebalance: %w", err)
			}
			return c.watchToEnd(cmd.Context(), cmd.OutOrStdout(), "rebalance")
		},
	}
	f.register(cmd)
	return cmd
}

// watchToEnd shows the rebalance to its end, and the cells.
func (c *adminClient) watchToEnd(ctx context.Context, out io.Writer, title string) error {
	ended := func(context.Context) (bool, error) { return true, nil }
	if err := watchRebalance(ctx, c, out, title, ended); err != nil {
		return err
	}
	return printCells(ctx, c, out)
}

func newReverse() *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use: "reverse [REBALANCE]", Short: "Make the moves of a finished rebalance backwards; default: the last", GroupID: "operate", Args: cobra.MaximumNArgs(1),
		Long: `Makes the moves of a finished rebalance backwards, as the journal's history has them. Partitions that have moved on since are
left alone. Afterwards everything stays where it is until the cells change or a rebalance is asked for.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.client(cmd)
			if err != nil {
				return err
			}
			path := "/admin/rebalance/reverse"
			if len(args) > 0 {
				path += "?rebalance=" + url.QueryEscape(args[0])
			}
			var reply reverseReply
			if err := c.call(cmd.Context(), http.MethodPost, path, &reply); err != nil {
				return fmt.Errorf("reverse: %w", err)
			}
			reply.write(cmd.OutOrStdout())
			return c.watchToEnd(cmd.Context(), cmd.OutOrStdout(), "reverse")
		},
	}
	f.register(cmd)
	return cmd
}

type reverseReply struct {
	Rebalance string `json:"rebalance"`
	Moves     int    `json:"moves"`
	LeftAlone []struct {
		Partition int    `json:"partition"`
		Target    string `json:"target"`
		CellID    string `json:"cell_id"`
	} `json:"left_alone"`
}

func (r reverseReply) write(w io.Writer) {
	fmt.Fprintf(w, "reversing rebalance %s: %d partitions go back\n", r.Rebalance, r.Moves)
	for _, p := range r.LeftAlone {
		fmt.Fprintf(w, "partition %d is left alone: it was moved to %s, and is with %s now\n", p.Partition, p.Target, p.CellID)
	}
}

func newCancel() *cobra.Command {
	var f orderFlags
	var id string
	var rebalance bool
	cmd := &cobra.Command{
		Use: "cancel (--move ID | --rebalance)", Short: "Take back a move, or the running rebalance", GroupID: "operate", Args: cobra.NoArgs,
		Long: `Takes back one move, or every move of the running rebalance that has begun and can still be taken back; what is past its
point of no return goes forward. What is cancelled stays where it is until the cells change or a rebalance is asked for.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (id != "") == rebalance {
				return errors.New("cancel: name one move (--move ID), or the rebalance (--rebalance)")
			}
			c, err := f.client(cmd)
			if err != nil {
				return err
			}
			if rebalance {
				if err := c.call(cmd.Context(), http.MethodPost, "/admin/rebalance/cancel", nil); err != nil {
					return fmt.Errorf("cancel: %w", err)
				}
				return c.watchToEnd(cmd.Context(), cmd.OutOrStdout(), "cancel")
			}
			return cancelMove(cmd.Context(), c, cmd.OutOrStdout(), id)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&id, "move", "", "the move's ID, or its beginning")
	cmd.Flags().BoolVar(&rebalance, "rebalance", false, "the running rebalance")
	return cmd
}

// cancelMove asks, waits for the move's end, and says what became of it.
func cancelMove(ctx context.Context, c *adminClient, out io.Writer, id string) error {
	var asked struct {
		Move move `json:"move"`
	}
	if err := c.call(ctx, http.MethodPost, movePath(id, "cancel"), &asked); err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		var m move
		if err := c.call(ctx, http.MethodGet, movePath(asked.Move.ID), &m); err != nil {
			return err
		}
		switch m.State {
		case "undone":
			return flush(out, func(w io.Writer) { writeMove(w, m) })
		case "done":
			return fmt.Errorf("cancel: too late: the move was past its point of no return; %s owns partition %d", m.To, m.Partition)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped watching; the move is %s, and is taken back if that is possible: %w", m.State, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
