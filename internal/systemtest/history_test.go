package systemtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/history"
	"github.com/cellway/cellway/internal/load"
)

// sampleAbove is how many customers' operations are kept at most, besides those that all clients share.
const sampleAbove = 2000

// mustBeLinearizable reads the shared customers at rest and requires one order of each customer's operations, since the
// system began, that explains every answer.
func (f *fixture) mustBeLinearizable(ctx context.Context, t *testing.T) {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	l := load.New(e.Router, f.model)
	l.Recorder = f.recorder
	f.must(t, l.Settle(ctx, f.contention))
	ops := f.recorder.Operations()
	if len(f.loads) > 0 {
		need := history.Need{Operations: 100, Concurrent: 1, Spans: f.moveSpans(t)}
		f.must(t, need.Missing(ops[f.judged:]))
		f.loads = nil
	}
	began := time.Now()
	f.must(t, history.Judge("", ops, history.Need{}, 2*time.Minute))
	t.Logf("linearizable: %d operations, %d of them new, judged in %v", len(ops), len(ops)-f.judged, time.Since(began).Round(time.Millisecond))
	f.judged = len(ops)
}

// moveSpans are the times of those moves that ended and that a client's run since the last judgement met; nil if there
// was none.
func (f *fixture) moveSpans(t *testing.T) []history.Span {
	t.Helper()
	var all struct {
		Moves []struct {
			CreatedAt time.Time `json:"created_at"`
			EndedAt   time.Time `json:"ended_at"`
		} `json:"moves"`
	}
	f.must(t, f.sys.Admin(t.Context(), "/admin/moves?limit=10000", &all))
	var times [][2]time.Time
	for _, mv := range all.Moves {
		met := func(run [2]time.Time) bool { return mv.CreatedAt.Before(run[1]) && mv.EndedAt.After(run[0]) }
		if slices.ContainsFunc(f.loads, met) {
			times = append(times, [2]time.Time{mv.CreatedAt, mv.EndedAt})
		}
	}
	if times == nil {
		return nil
	}
	return f.recorder.Spans(times...)
}
