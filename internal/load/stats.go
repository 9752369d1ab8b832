package load

import (
	"fmt"
	"slices"
	"time"
)

// Stats is what the client saw.
type Stats struct {
	Operations int
	ByStatus   map[int]int    // 0: no answer
	Failed     map[string]int // 5xx and no answer, by the cell that owned the customer when last seen
	Errors     map[int]int    // answers that the request did not deserve, wrong values among them, by status
	Wrong      []string       // the same in words, at most 50
	Longest    time.Duration  // the longest operation: a customer's longest pause, whatever it waited for

	took []time.Duration // of every operation, sorted by Take; eight bytes each keep the percentiles exact
}

func newStats() Stats {
	return Stats{ByStatus: map[int]int{}, Failed: map[string]int{}, Errors: map[int]int{}}
}

// ErrorCount is how many answers were not what their request deserved.
func (s Stats) ErrorCount() int {
	sum := 0
	for _, n := range s.Errors {
		sum += n
	}
	return sum
}

// Percentile is the time within which that many percent of the operations were answered, 1 to 100; 0 if there were
// none. It is the time of one of the operations, never one in between.
func (s Stats) Percentile(percent int) time.Duration {
	if len(s.took) == 0 {
		return 0
	}
	return s.took[(len(s.took)*percent+99)/100-1]
}

func (s Stats) String() string {
	return fmt.Sprintf("%d operations, by status %v, failed by cell %v, half within %v, 99%% within %v, longest %v",
		s.Operations, s.ByStatus, s.Failed, s.Percentile(50).Round(time.Microsecond), s.Percentile(99).Round(time.Microsecond),
		s.Longest.Round(time.Millisecond))
}

// count books one answer.
func (s *Stats) count(status int, took time.Duration) {
	s.Operations++
	s.ByStatus[status]++
	s.Longest = max(s.Longest, took)
	s.took = append(s.took, took)
}

// note books one answer as wrong: on the cell, or for the reason, that where names.
func (s *Stats) note(status int, where, what string) {
	s.Failed[where]++
	s.Errors[status]++
	if len(s.Wrong) < 50 {
		s.Wrong = append(s.Wrong, what)
	}
}

// Take returns what was seen since the last Take.
func (l *Load) Take() Stats {
	l.mu.Lock()
	s := l.stats
	l.stats = newStats()
	l.mu.Unlock()
	slices.Sort(s.took)
	return s
}

// Operations is how many operations were done since the last Take.
func (l *Load) Operations() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats.Operations
}
