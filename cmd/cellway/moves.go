package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// move is a move in the admin API's words.
type move struct {
	ID        string    `json:"id"`
	Partition int       `json:"partition"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Epoch     uint64    `json:"epoch"`
	State     string    `json:"state"`
	AskedBy   string    `json:"asked_by"`
	Rebalance string    `json:"rebalance,omitempty"`
	Rows      int64     `json:"rows"`
	Checksum  string    `json:"checksum,omitempty"`
	PauseMS   float64   `json:"pause_ms"`
	Tries     int       `json:"tries"`
	Error     string    `json:"error,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

type moveList struct {
	Moves []move `json:"moves"`
}

func (m move) ended() bool { return m.State == "done" || m.State == "undone" }

func newMoves() *cobra.Command {
	var admin adminFlags
	var output, state string
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use: "moves [list]", Short: "List moves: those under way, then those that have ended", GroupID: "operate",
		Args: cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs), ValidArgs: []string{"list"},
		Long: `Lists moves: those under way, then those that have ended, the newest first. What holds a move up, or why it was undone,
is in the last column; "moves show" has all that is known of one move, "moves watch" tells of changes as they come.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				output = "json"
			}
			if err := checkOutput(output); err != nil {
				return err
			}
			c, err := admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if state != "" {
				query.Set("state", state)
			}
			var list moveList
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/moves?"+query.Encode(), &list); err != nil {
				return err
			}
			return printAs(cmd.OutOrStdout(), output, list, func(w io.Writer) { writeMoves(w, list.Moves) })
		},
	}
	admin.register(cmd.PersistentFlags())
	outputFlag(cmd, &output)
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as --output json")
	cmd.Flags().StringVar(&state, "state", "", "only moves that are open, undoing, flipped, done or undone")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many, at most")
	cmd.AddCommand(newMovesShow(&admin), newMovesWatch(&admin))
	return cmd
}

func writeMoves(w io.Writer, moves []move) {
	fmt.Fprintln(w, "ID\tPARTITION\tFROM\tTO\tSTATE\tROWS\tPAUSE\tASKED BY\tBEGUN\tWAITS FOR, OR WHY UNDONE")
	for _, m := range moves {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%.1f ms\t%s\t%s\t%s\n", m.ID, m.Partition, m.From, m.To, m.State, m.Rows, m.PauseMS,
			m.AskedBy, m.CreatedAt.Local().Format(time.TimeOnly), m.Error)
	}
}

func newMovesShow(admin *adminFlags) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show all that is known of one move; the beginning of its ID is enough", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			c, err := admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			var m move
			if err := c.call(cmd.Context(), http.MethodGet, movePath(args[0]), &m); err != nil {
				return err
			}
			return printAs(cmd.OutOrStdout(), output, m, func(w io.Writer) { writeMove(w, m) })
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// writeMove writes one field a line.
func writeMove(w io.Writer, m move) {
	for _, field := range []struct {
		name  string
		value any
	}{
		{"move", m.ID},
		{"partition", m.Partition},
		{"from", m.From},
		{"to", m.To},
		{"epoch", m.Epoch},
		{"state", m.State},
		{"asked by", m.AskedBy},
		{"rebalance", m.Rebalance},
		{"begun", m.CreatedAt.Local().Format(time.RFC3339Nano)},
		{"ended", whenEnded(m)},
		{"rows", m.Rows},
		{"pause", fmt.Sprintf("%.1f ms", m.PauseMS)},
		{"gate closed in vain", fmt.Sprintf("%d times", m.Tries)},
	} {
		fmt.Fprintf(w, "%s\t%v\n", field.name, field.value)
	}
	for i, table := range strings.Fields(m.Checksum) {
		name := "checksum, same on both sides"
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(w, "%s\t%s\n", name, table)
	}
	switch {
	case m.Error == "":
	case m.State == "undone" || m.State == "undoing":
		fmt.Fprintf(w, "undone because\t%s\n", m.Error)
	default:
		fmt.Fprintf(w, "held up by\t%s\n", m.Error)
	}
}

func whenEnded(m move) string {
	if m.EndedAt.IsZero() {
		return "not yet"
	}
	return fmt.Sprintf("%s, after %v", m.EndedAt.Local().Format(time.RFC3339Nano), m.EndedAt.Sub(m.CreatedAt).Round(time.Millisecond))
}

func movePath(id string, parts ...string) string {
	return strings.Join(append([]string{"/admin/moves/" + url.PathEscape(id)}, parts...), "/")
}

// flush writes what was printed so far, its tabs aligned among themselves.
func flush(out io.Writer, line func(io.Writer)) error {
	tabs := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line(tabs)
	return tabs.Flush()
}
