package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// reportExamples is how many errors are told in full.
const reportExamples = 5

// report is what a demo says at its end.
type report struct {
	prefix    string // of the customers' IDs
	cell      string // that joined
	workers   int
	customers int // that stay

	partitions int     // all there are
	moved      int     // moves done since the demo began, whatever their cells
	arrived    int     // those of them to the cell
	ideal      int     // the least number of moves
	pauseMS    float64 // the longest that a move to the cell recorded

	seen    load.Stats // by the client, while the cell joined
	filling time.Duration
	joining time.Duration
}

// compare takes from two looks what moved between them.
func (r *report) compare(before, after scene) {
	known := map[string]bool{}
	for _, m := range before.moves {
		known[m.ID] = true
	}
	for _, m := range after.moves {
		if known[m.ID] || m.State != "done" {
			continue
		}
		r.moved++
		if m.To == r.cell {
			r.arrived++
			r.pauseMS = max(r.pauseMS, m.PauseMS)
		}
	}
	r.partitions = after.partitions
	r.ideal = idealMoves(before.cells, after.cells, after.partitions)
}

// idealMoves is the least number of moves with which every cell that takes part afterwards can own its proportion of
// the partitions by weight, rounded down or up: what is missing to the lower bounds has to arrive, what lies above
// the upper ones has to leave. It knows only what the admin API shows, and nothing of the planner that it judges.
func idealMoves(before, after []cellInfo, partitions int) int {
	weights := 0
	for _, c := range after {
		weights += c.shareWeight()
	}
	if weights == 0 {
		return 0
	}
	owned := map[string]int{}
	for _, c := range before {
		owned[c.ID] = c.Partitions
	}
	arrive, leave := 0, 0
	for _, c := range after {
		share := partitions * c.shareWeight()
		arrive += max(0, share/weights-owned[c.ID])
		leave += max(0, owned[c.ID]-(share+weights-1)/weights)
	}
	return max(arrive, leave)
}

// shareWeight is the weight with which a cell takes part: none if it drains, or owns nothing and cannot be reached.
func (c cellInfo) shareWeight() int {
	if c.Status == "draining" || c.Status == "gone" || c.silent() {
		return 0
	}
	return max(c.Weight, 1)
}

// verdict is an error if the demo did not show what it is to show.
func (r *report) verdict() error {
	var problems []string
	if n := r.seen.ErrorCount(); n > 0 {
		problems = append(problems, fmt.Sprintf("the client saw %d errors", n))
	}
	if r.moved < r.ideal-1 || r.moved > r.ideal+1 {
		problems = append(problems, fmt.Sprintf("%d partitions moved, where the ideal is %d", r.moved, r.ideal))
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("not as it should be: %s", strings.Join(problems, "; "))
}

func (r *report) write(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s joined while %d workers wrote and read.\n", r.cell, r.workers)
	elsewhere := ""
	if r.arrived != r.moved {
		elsewhere = fmt.Sprintf(", %d of them to %s", r.arrived, r.cell)
	}
	fmt.Fprintf(w, "moved\t%s%s; the ideal is %s\n", r.share(r.moved), elsewhere, r.share(r.ideal))
	fmt.Fprintf(w, "operations\t%d: %s\n", r.seen.Operations, byStatus(r.seen.ByStatus))
	if n := r.seen.ByStatus[http.StatusNotFound] - r.seen.Errors[http.StatusNotFound]; n > 0 {
		fmt.Fprintf(w, "\t(the client deletes some customers: 404 was right %d times)\n", n)
	}
	fmt.Fprintf(w, "errors\t%d%s\n", r.seen.ErrorCount(), r.errors())
	fmt.Fprintf(w, "longest pause\t%s ms for a client (half of all answers came within %s ms, 99 %% within %s ms)\n",
		millis(r.seen.Longest), millis(r.seen.Percentile(50)), millis(r.seen.Percentile(99)))
	fmt.Fprintf(w, "\t%.1f ms in a move, from the source's closing to the target's opening\n", r.pauseMS)
	fmt.Fprintf(w, "time\t%.1f s to load, %.1f s for %s to join, settle time included\n", r.filling.Seconds(), r.joining.Seconds(), r.cell)
	_ = w.Flush() // to a terminal that has gone there is nothing to say
	fmt.Fprint(out, stays(r.prefix, r.customers), undo(r.cell))
}

// share is a number of partitions, exactly and in percent.
func (r *report) share(n int) string {
	return fmt.Sprintf("%d of %d partitions (%.2f %%)", n, r.partitions, 100*float64(n)/float64(max(r.partitions, 1)))
}

// errors tells those seen by status, and the first few in full.
func (r *report) errors() string {
	if r.seen.ErrorCount() == 0 {
		return ""
	}
	lines := []string{": " + byStatus(r.seen.Errors)}
	for _, wrong := range r.seen.Wrong[:min(len(r.seen.Wrong), reportExamples)] {
		lines = append(lines, strings.Join(strings.Fields(wrong), " ")) // a body may bring lines of its own
	}
	return strings.Join(lines, "\n\t")
}

func byStatus(counts map[int]int) string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "no answer"
		}
		parts = append(parts, fmt.Sprintf("%s %d times", name, counts[status]))
	}
	return strings.Join(parts, ", ")
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

// leftovers tells what stays of a demo that ended early.
func (r *report) leftovers(m *load.Model, asked bool) string {
	s := stays(r.prefix, countCustomers(m))
	if asked {
		s += fmt.Sprintf("%s was asked for, and goes on joining if it runs (make status shows it).\n", r.cell) + undo(r.cell)
	}
	return s
}

// countCustomers counts those that are there, or may be: after an answer that did not come nobody knows.
func countCustomers(m *load.Model) int {
	n := 0
	for _, states := range m.States() {
		if slices.ContainsFunc(states, func(s load.Expected) bool { return s.Exists }) {
			n++
		}
	}
	return n
}

func stays(prefix string, customers int) string {
	return fmt.Sprintf("%d customers named %s-... stay.\n", customers, prefix)
}

func undo(cell string) string {
	return fmt.Sprintf("To undo it: make drain-cell NAME=%[1]s, then make remove-cell NAME=%[1]s\n", cell)
}
