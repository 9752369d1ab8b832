package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// Report is what a run saw.
type Report struct {
	Seed      uint64
	Took      time.Duration
	Rounds    int
	Faulty    Phases // with faults
	Calm      Phases // without
	Faults    map[Kind]int
	Done      int                 // moves, done
	Undone    int                 // moves, taken back
	Pauses    []time.Duration     // of the moves done in calm phases, as the mover measured them
	Movements map[string]int      // joins and the like that ended, by verb
	Checks    int                 // times that all databases were read
	Illegal   []string            // answers that nothing explains
	Unknown   int                 // customers of whom nobody knows at the end which of two values they have
	Wrong     map[string][]string // what the databases should not hold: lost, doubled, orphan, other
	Broken    []string            // what kept the run from going on
}

// Phases is what the client saw in all phases of one sort.
type Phases struct {
	Operations int
	ByStatus   map[int]int
	Errors     int      // answers that the request did not deserve
	Samples    []string // of them, at most 20
	Longest    time.Duration
}

func newReport(seed uint64) *Report {
	return &Report{
		Seed: seed, Faults: map[Kind]int{}, Movements: map[string]int{}, Wrong: map[string][]string{},
		Faulty: Phases{ByStatus: map[int]int{}}, Calm: Phases{ByStatus: map[int]int{}},
	}
}

const maxSamples = 20

// take adds what the client saw in one phase. Answers that nothing explains are told wherever they were seen.
func (r *Report) take(p *Phases, s load.Stats) {
	p.Operations += s.Operations
	p.Longest = max(p.Longest, s.Longest)
	p.Errors += s.ErrorCount()
	for status, n := range s.ByStatus {
		p.ByStatus[status] += n
	}
	p.Samples = append(p.Samples, s.Wrong[:min(len(s.Wrong), maxSamples-len(p.Samples))]...)
	if n := s.Failed["wrong"] + s.Failed["undeserved"]; n > 0 {
		r.Illegal = append(r.Illegal, fmt.Sprintf("%d answers: %s", n, strings.Join(s.Wrong, "; ")))
	}
	for status, n := range s.ByStatus {
		if status >= 500 && status != 502 && status != 503 {
			r.Illegal = append(r.Illegal, fmt.Sprintf("%d answers with status %d: %s", n, status, strings.Join(s.Wrong, "; ")))
		}
	}
}

// found sorts what the checker found.
func (r *Report) found(faults []string) {
	r.Checks++
	for _, f := range faults {
		sort := "other"
		for _, mark := range []struct{ text, sort string }{{"expected one of", "lost"}, {"doubled", "doubled"}, {"orphan", "orphan"}} {
			if strings.Contains(f, mark.text) {
				sort = mark.sort
			}
		}
		r.Wrong[sort] = append(r.Wrong[sort], f)
	}
}

// What a round has to hold to prove something.
const (
	leastOperations = 500
	leastMoves      = 10
)

// Verdict lists why the run is BAD; GOOD is an empty list.
func (r *Report) Verdict() (reasons []string) {
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	for _, why := range r.Broken {
		add("broken off: %s", why)
	}
	for _, why := range r.Illegal {
		add("illegal: %s", why)
	}
	for _, sort := range slices.Sorted(maps.Keys(r.Wrong)) {
		add("%s: %d: %s", sort, len(r.Wrong[sort]), r.Wrong[sort][0])
	}
	if r.Unknown > 0 {
		add("unknown: %d customers", r.Unknown)
	}
	if r.Calm.Errors > 0 {
		add("errors without a fault: %d: %s", r.Calm.Errors, strings.Join(r.Calm.Samples, "; "))
	}
	return append(reasons, r.weaknesses()...)
}

func (r *Report) weaknesses() (reasons []string) {
	faults := 0
	for _, n := range r.Faults {
		faults += n
	}
	for _, w := range []struct {
		what        string
		have, least int
	}{
		{"rounds", r.Rounds, 1},
		{"checks", r.Checks, 2 * r.Rounds},
		{"operations in faulty phases", r.Faulty.Operations, leastOperations * r.Rounds},
		{"operations in calm phases", r.Calm.Operations, leastOperations * r.Rounds},
		{"faults", faults, faultsPerRound * r.Rounds},
		{"kinds of faults", len(r.Faults), min(len(Kinds()), faultsPerRound*r.Rounds)},
		{"moves", r.Done, leastMoves * r.Rounds},
		{"moves in calm phases", len(r.Pauses), r.Rounds},
	} {
		if w.have < w.least {
			reasons = append(reasons, fmt.Sprintf("too weak: %d %s, at least %d are needed", w.have, w.what, w.least))
		}
	}
	return reasons
}

// String is the page.
func (r *Report) String() string {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "  %-26s%s\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "chaos: seed %d, %d rounds in %v\n\n", r.Seed, r.Rounds, r.Took.Round(time.Second))
	for _, p := range []struct {
		name string
		p    Phases
	}{{"with faults", r.Faulty}, {"without", r.Calm}} {
		line("operations "+p.name, "%d, by status %v, longest %v", p.p.Operations, p.p.ByStatus, p.p.Longest.Round(time.Millisecond))
	}
	line("errors without a fault", "%d", r.Calm.Errors)
	for _, k := range slices.Sorted(maps.Keys(r.Faults)) {
		line("fault", "%s: %d", k, r.Faults[k])
	}
	line("moves", "%d done, %d undone; by %v", r.Done, r.Undone, r.Movements)
	slices.Sort(r.Pauses)
	line("pauses without faults", "half within %v, 99 %% within %v, longest %v, of %d", percentile(r.Pauses, 50), percentile(r.Pauses, 99), percentile(r.Pauses, 100), len(r.Pauses))
	line("checks", "%d of all databases", r.Checks)
	line("found", "%d illegal, %d unknown, %d lost, %d doubled, %d orphan, %d other",
		len(r.Illegal), r.Unknown, len(r.Wrong["lost"]), len(r.Wrong["doubled"]), len(r.Wrong["orphan"]), len(r.Wrong["other"]))
	reasons := r.Verdict()
	if len(reasons) == 0 {
		b.WriteString("\nverdict: GOOD\n")
		return b.String()
	}
	b.WriteString("\nverdict: BAD\n")
	for _, why := range reasons {
		fmt.Fprintf(&b, "  %.500s\n", why)
	}
	return b.String()
}

// percentile of sorted times; 0 of none.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}
