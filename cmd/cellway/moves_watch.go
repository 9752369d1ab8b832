package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

const (
	watchEvery = 500 * time.Millisecond
	// watchNewest is how many moves are looked at each time: more than can begin and end in between.
	watchNewest = "/admin/moves?limit=500"
)

func newMovesWatch(admin *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Tell of every change of a move, until no rebalance runs any more", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return watchMoves(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
}

// watchMoves prints a line for each change until nothing moves, or ctx ends.
func watchMoves(ctx context.Context, c *adminClient, out io.Writer) error {
	seen := moveWatch{}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for first := true; ; first = false {
		// The rebalance comes first: what ends afterwards is in the list.
		var r rebalanceReply
		var list moveList
		if err := c.call(ctx, http.MethodGet, "/admin/rebalance", &r); err != nil {
			return err
		}
		if err := c.call(ctx, http.MethodGet, watchNewest, &list); err != nil {
			return err
		}
		for _, m := range seen.changed(list.Moves, first) {
			fmt.Fprintln(out, m.line())
		}
		if !r.Running {
			fmt.Fprintln(out, "no rebalance is running")
			return nil
		}
		select {
		case <-ctx.Done():
			return nil // interrupted: the watching ends, the moves go on
		case <-ticker.C:
		}
	}
}

// moveWatch is what was told of each move last.
type moveWatch map[string]string

// changed are the moves of which there is news, the oldest first. What had ended when the watch began is none.
func (w moveWatch) changed(moves []move, first bool) []move {
	var news []move
	for i := len(moves) - 1; i >= 0; i-- {
		m := moves[i]
		now := m.State + " " + m.Error
		if w[m.ID] != now && (!first || !m.ended()) {
			news = append(news, m)
		}
		w[m.ID] = now
	}
	return news
}

// line is what is told of a change.
func (m move) line() string {
	s := fmt.Sprintf("%s  %s  partition %d from %s to %s: %s", time.Now().Format(time.TimeOnly), m.ID, m.Partition, m.From, m.To, m.State)
	if m.State == "done" {
		s += fmt.Sprintf(", %d rows, pause %.1f ms", m.Rows, m.PauseMS)
	}
	if m.Error != "" {
		s += ": " + m.Error
	}
	return s
}
