package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const pacePath = "/admin/pace"

// paceReply is the pace of moves; 0 is the mover's own setting.
type paceReply struct {
	Parallel          int     `json:"parallel"`
	PerSource         int     `json:"per_source"`
	PerTarget         int     `json:"per_target"`
	MaxWriteLatencyMS float64 `json:"max_write_latency_ms"`
}

// tuneFlags are what is to be changed.
type tuneFlags struct {
	parallel, perSource, perTarget int
	maxWriteLatency                time.Duration
	reset                          bool
}

func newTune() *cobra.Command {
	var admin adminFlags
	var where systemFlags
	var f tuneFlags
	var output string
	cmd := &cobra.Command{
		Use: "tune", Short: "Show or change how fast moves may go, while they run", GroupID: "operate", Args: cobra.NoArgs,
		Long: `Without a flag the pace is shown. What a flag says is taken up by the leading mover within a second, also in the
midst of a rebalance; moves that have begun go on. 0 leaves a limit to the mover's own setting.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			c, err := orderClient(cmd, &admin, &where)
			if err != nil {
				return err
			}
			var pace paceReply
			if err := c.call(cmd.Context(), http.MethodGet, pacePath, &pace); err != nil {
				return fmt.Errorf("read the pace: %w", err)
			}
			wanted, err := f.apply(cmd.Flags(), pace)
			if err != nil {
				return err
			}
			if wanted != pace {
				if err := c.send(cmd.Context(), http.MethodPut, pacePath, wanted, &pace); err != nil {
					return fmt.Errorf("set the pace: %w", err)
				}
			}
			return printAs(cmd.OutOrStdout(), output, pace, func(w io.Writer) { writePace(w, pace) })
		},
	}
	admin.register(cmd.Flags())
	where.register(cmd.Flags())
	outputFlag(cmd, &output)
	cmd.Flags().IntVar(&f.parallel, "parallel", 0, "moves carried out at once")
	cmd.Flags().IntVar(&f.perSource, "per-source", 0, "of these, from one cell")
	cmd.Flags().IntVar(&f.perTarget, "per-target", 0, "of these, to one cell")
	cmd.Flags().DurationVar(&f.maxWriteLatency, "max-write-latency", 0, "begin no further move from a cell whose writes take longer, as 250ms")
	cmd.Flags().BoolVar(&f.reset, "reset", false, "leave everything that no flag names to the mover's own settings")
	return cmd
}

// apply returns the pace with what the flags say in its place.
func (f tuneFlags) apply(flags *pflag.FlagSet, pace paceReply) (paceReply, error) {
	if f.maxWriteLatency < 0 {
		return pace, errors.New("--max-write-latency: it cannot be negative")
	}
	if f.reset {
		pace = paceReply{}
	}
	for name, set := range map[string]func(){
		"parallel":          func() { pace.Parallel = f.parallel },
		"per-source":        func() { pace.PerSource = f.perSource },
		"per-target":        func() { pace.PerTarget = f.perTarget },
		"max-write-latency": func() { pace.MaxWriteLatencyMS = float64(f.maxWriteLatency.Microseconds()) / 1000 },
	} {
		if flags.Changed(name) {
			set()
		}
	}
	return pace, nil
}

func writePace(w io.Writer, p paceReply) {
	fmt.Fprintln(w, "PARALLEL\tPER SOURCE\tPER TARGET\tMAX WRITE LATENCY")
	latency := "default"
	if p.MaxWriteLatencyMS > 0 {
		latency = strconv.FormatFloat(p.MaxWriteLatencyMS, 'f', -1, 64) + " ms"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", limitOf(p.Parallel), limitOf(p.PerSource), limitOf(p.PerTarget), latency)
}

func limitOf(n int) string {
	if n == 0 {
		return "default"
	}
	return strconv.Itoa(n)
}
