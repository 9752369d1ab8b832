package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// verifyTimeout is a little longer than the router looks.
const verifyTimeout = 29 * time.Second

// codeUnknown is verify's exit code where nothing was found wrong, but not everything could be seen.
const codeUnknown = 2

// verifyReply is the admin API's report.
type verifyReply struct {
	Verdict    string           `json:"verdict"`
	Epoch      uint64           `json:"epoch"`
	Partitions int              `json:"partitions"`
	Settled    int              `json:"settled"`
	Owned      map[string]int   `json:"owned"`
	Rows       map[string]int64 `json:"rows"`
	Wrong      []findingInfo    `json:"wrong"`
	Unsettled  []findingInfo    `json:"unsettled"`
	Misfiled   map[string]int64 `json:"misfiled"`
	Silent     []string         `json:"silent"`
	Rounds     int              `json:"rounds"`
}

type findingInfo struct {
	Partition int      `json:"partition"`
	Cells     []string `json:"cells"`
	Text      string   `json:"text"`
}

func newVerify() *cobra.Command {
	var admin adminFlags
	var output string
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that every partition has one owner, and every row is where its partition is",
		GroupID: "operate",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return exitError{err, codeUnknown}
			}
			return nil
		},
		Long: `All cells are asked what they hold, while customers are served and partitions move; what does not fit is asked again
until it is settled, for at most 15 seconds. Every row of every tracked table is read once.

Exit codes: 0, all is as it should be; 1, something is wrong for sure; 2, nothing was found wrong, but not everything
could be seen (a cell or the router does not answer, a move is under way for long, the command line is wrong).`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return exitError{err, codeUnknown}
			}
			c, err := admin.client(cmd.Context(), nil, cmd.ErrOrStderr())
			if err != nil {
				return exitError{err, codeUnknown}
			}
			c.http.Timeout = verifyTimeout
			var r verifyReply
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/verify", &r); err != nil {
				return exitError{fmt.Errorf("verify: %w", err), codeUnknown}
			}
			if err := printAs(cmd.OutOrStdout(), output, r, func(w io.Writer) { writeVerified(w, r) }); err != nil {
				return exitError{err, codeUnknown}
			}
			return r.verdict()
		},
	}
	admin.register(cmd.Flags())
	outputFlag(cmd, &output)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitError{err, codeUnknown} })
	return cmd
}

// verdict is the error that the report stands for.
func (r verifyReply) verdict() error {
	switch r.Verdict {
	case "clean":
		return nil
	case "wrong":
		return errors.New("something is wrong: see above")
	}
	return exitError{errors.New("not everything could be seen: see above"), codeUnknown}
}

func writeVerified(w io.Writer, r verifyReply) {
	fmt.Fprintf(w, "%s: %d of %d partitions have one owner, which is the map's (epoch %d)\n", r.Verdict, r.Settled, r.Partitions, r.Epoch)
	fmt.Fprintln(w, "CELL\tPARTITIONS")
	for _, cell := range slices.Sorted(maps.Keys(r.Owned)) {
		fmt.Fprintf(w, "%s\t%d\n", cell, r.Owned[cell])
	}
	fmt.Fprintln(w, "TABLE\tROWS")
	for _, name := range slices.Sorted(maps.Keys(r.Rows)) {
		fmt.Fprintf(w, "%s\t%d\n", name, r.Rows[name])
	}
	writeFindings(w, "WRONG", r.Wrong)
	for _, name := range slices.Sorted(maps.Keys(r.Misfiled)) {
		fmt.Fprintf(w, "WRONG: %d rows of %s have a partition that is not that of their key\n", r.Misfiled[name], name)
	}
	writeFindings(w, "not settled", r.Unsettled)
	for _, s := range r.Silent {
		fmt.Fprintf(w, "no answer: %s\n", strings.ReplaceAll(s, "\n", "; "))
	}
}

// writeFindings prints the first of them.
func writeFindings(w io.Writer, what string, list []findingInfo) {
	const shown = 20
	for _, f := range list[:min(shown, len(list))] {
		fmt.Fprintf(w, "%s: partition %d: %s\n", what, f.Partition, f.Text)
	}
	if more := len(list) - shown; more > 0 {
		fmt.Fprintf(w, "%s: and %d partitions more\n", what, more)
	}
}
