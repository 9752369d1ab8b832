package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// planReply is what a change would move.
type planReply struct {
	Moves  int        `json:"moves"`
	Open   int        `json:"open"`
	ByPair []planPair `json:"by_pair"`
	Rows   *int64     `json:"rows"`
	Bytes  *int64     `json:"bytes"`
	// Seconds is how long it takes, at the speed.
	Seconds *float64 `json:"seconds"`
	Speed   struct {
		Moves       int     `json:"measured_moves"`
		MoveSeconds float64 `json:"seconds_per_move"`
		RowSeconds  float64 `json:"seconds_per_row"`
		AtOnce      float64 `json:"at_once"`
	} `json:"speed"`
	Problem string `json:"problem"`
}

type planPair struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Partitions int    `json:"partitions"`
	Rows       *int64 `json:"rows"`
	Bytes      *int64 `json:"bytes"`
}

type planFlags struct {
	drain, undrain, add string
	weight              int
}

func newPlan() *cobra.Command {
	var admin adminFlags
	var f planFlags
	var output string
	cmd := &cobra.Command{
		Use: "plan [--drain CELL | --add NAME --weight N | --undrain CELL]", Short: "Say what a change would move, and how long that takes",
		GroupID: "operate", Args: cobra.NoArgs,
		Long: `Nothing is changed. Without a flag it is what is still to be moved now. Rows are counted at the cells (in tables of
more than 64 MB, a sample is); the time is that of the moves that were done lately.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			query, err := f.query(cmd.Flags())
			if err != nil {
				return err
			}
			c, err := admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			var plan planReply
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/plan?"+query.Encode(), &plan); err != nil {
				return fmt.Errorf("plan: %w", err)
			}
			return printAs(cmd.OutOrStdout(), output, plan, func(w io.Writer) { writePlan(w, plan) })
		},
	}
	admin.register(cmd.Flags())
	outputFlag(cmd, &output)
	cmd.Flags().StringVar(&f.drain, "drain", "", "as if this cell were drained")
	cmd.Flags().StringVar(&f.undrain, "undrain", "", "as if this cell had its share again")
	cmd.Flags().StringVar(&f.add, "add", "", "as if a cell of this name joined")
	cmd.Flags().IntVar(&f.weight, "weight", 1, "with --add: its capacity relative to the others'")
	cmd.MarkFlagsMutuallyExclusive("drain", "undrain", "add")
	return cmd
}

func (f planFlags) query(flags *pflag.FlagSet) (url.Values, error) {
	query := url.Values{}
	for name, value := range map[string]string{"drain": f.drain, "undrain": f.undrain, "add": f.add} {
		if flags.Changed(name) {
			query.Set(name, value)
		}
	}
	if flags.Changed("weight") && f.add == "" {
		return nil, errors.New("--weight goes with --add")
	}
	if f.add != "" {
		query.Set("weight", strconv.Itoa(f.weight))
	}
	return query, nil
}

func writePlan(w io.Writer, p planReply) {
	if p.Problem != "" {
		fmt.Fprintf(w, "there is no plan: %s\n", p.Problem)
		return
	}
	fmt.Fprintf(w, "%d moves", p.Moves)
	if p.Rows != nil && p.Bytes != nil {
		fmt.Fprintf(w, ", about %d rows (%s)", *p.Rows, sizeOf(*p.Bytes))
	}
	if p.Seconds != nil && p.Moves > 0 {
		took := time.Duration(*p.Seconds * float64(time.Second)).Round(time.Second)
		fmt.Fprintf(w, ", about %s, %s", max(took, time.Second), p.basis())
	}
	if p.Open > 0 {
		fmt.Fprintf(w, "; beyond %d that are under way", p.Open)
	}
	fmt.Fprintln(w)
	if len(p.ByPair) == 0 {
		return
	}
	fmt.Fprintln(w, "FROM\tTO\tMOVES\tROWS\tSIZE")
	for _, pair := range p.ByPair {
		rows, size := "?", "?"
		if pair.Rows != nil && pair.Bytes != nil {
			rows, size = strconv.FormatInt(*pair.Rows, 10), sizeOf(*pair.Bytes)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", pair.From, pair.To, pair.Partitions, rows, size)
	}
}

// basis says where the time comes from.
func (p planReply) basis() string {
	if p.Speed.Moves == 0 {
		return "by default (nothing was moved yet that it could be measured from)"
	}
	return fmt.Sprintf("as measured over the last %d moves", p.Speed.Moves)
}

// sizeOf writes bytes for people.
func sizeOf(bytes int64) string {
	size, unit := float64(bytes), "B"
	for _, larger := range []string{"kB", "MB", "GB", "TB"} {
		if size < 1000 {
			break
		}
		size, unit = size/1000, larger
	}
	if unit == "B" || size >= 100 {
		return fmt.Sprintf("%.0f %s", size, unit)
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}
