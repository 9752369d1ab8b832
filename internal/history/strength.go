package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// ErrWeak: the history holds too little to prove anything; the message says of what.
var ErrWeak = errors.New("too weak")

// Span is the time of one move, or of a fault, on the recorder's clock in nanoseconds.
type Span struct{ From, To int64 }

// Need is the least that a history has to contain.
type Need struct {
	Operations int    // with an answer that says something
	Concurrent int    // operations that met another one of the same customer in flight
	Spans      []Span // in at least one of them something was in flight; nil: not asked for
}

// Missing returns ErrWeak with what the history lacks; nil if it is strong enough.
func (n Need) Missing(ops []load.Operation) error {
	telling, inFlight := 0, 0
	for _, op := range ops {
		if says(op) {
			telling++
		}
		if slices.ContainsFunc(n.Spans, func(s Span) bool { return op.Call <= s.To && op.Return >= s.From }) {
			inFlight++
		}
	}
	switch met := concurrent(ops); {
	case telling < n.Operations:
		return fmt.Errorf("%w: %d operations, want %d", ErrWeak, telling, n.Operations)
	case met < n.Concurrent:
		return fmt.Errorf("%w: %d operations met another of the same customer, want %d", ErrWeak, met, n.Concurrent)
	case n.Spans != nil && inFlight == 0:
		return fmt.Errorf("%w: nothing was in flight in any of %d moves or faults", ErrWeak, len(n.Spans))
	}
	return nil
}

// concurrent counts the operations that began while another one of the same customer was in flight.
func concurrent(ops []load.Operation) int {
	byCall := slices.SortedFunc(slices.Values(ops), func(a, b load.Operation) int { return cmp.Compare(a.Call, b.Call) })
	until := map[string]int64{}
	met := 0
	for _, op := range byCall {
		if end, ok := until[op.Customer]; ok && op.Call < end {
			met++
		}
		until[op.Customer] = max(until[op.Customer], op.Return)
	}
	return met
}

// Spans turns times of the wall clock, as moves have them, into spans of the recorder's clock.
func (r *Recorder) Spans(times ...[2]time.Time) []Span {
	out := make([]Span, 0, len(times))
	for _, t := range times {
		out = append(out, Span{From: int64(t[0].Sub(r.began.Round(0))), To: int64(t[1].Sub(r.began.Round(0)))})
	}
	return out
}
