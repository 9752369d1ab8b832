package admin

import (
	"math"
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// historyOf is n moves of rows rows each, done by workers in turn, each of which takes one when it has ended the last.
func historyOf(n, workers int, rows func(i int) int64, took func(rows int64) time.Duration) []registry.Move {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	free := make([]time.Time, workers)
	for i := range free {
		free[i] = began
	}
	var history []registry.Move
	for i := range n {
		w := i % workers
		mv := registry.Move{State: registry.MoveDone, Rows: rows(i), CreatedAt: free[w]}
		mv.EndedAt = mv.CreatedAt.Add(took(mv.Rows))
		free[w] = mv.EndedAt
		history = append(history, mv)
	}
	return history
}

func near(got, want float64) bool { return math.Abs(got-want) <= 0.02*math.Max(want, 1e-9) }

func TestTheSpeedIsThatOfTheMovesThatWereDone(t *testing.T) {
	same := func(n int64) func(int) int64 { return func(int) int64 { return n } }
	grows := func(i int) int64 { return int64(i) * 100 }
	line := func(rows int64) time.Duration { return 200*time.Millisecond + time.Duration(rows)*50*time.Microsecond }
	for name, tc := range map[string]struct {
		history         []registry.Move
		perMove, perRow float64
		atOnce          float64
	}{
		"none":             {nil, defaultMoveSeconds, defaultRowSeconds, defaultAtOnce},
		"too few":          {historyOf(enoughMoves-1, 1, grows, line), defaultMoveSeconds, defaultRowSeconds, defaultAtOnce},
		"a line":           {historyOf(90, 1, grows, line), 0.2, 50e-6, 1},
		"all of one size":  {historyOf(90, 3, same(1000), line), 0.25, 0, 3},
		"larger is faster": {historyOf(90, 1, func(i int) int64 { return int64(i % 2) }, func(r int64) time.Duration { return time.Second * time.Duration(2-r) }), 1.5, 0, 1},
		"rows alone":       {historyOf(50, 1, grows, func(r int64) time.Duration { return time.Duration(r*r+1) * time.Nanosecond }), 0, 3675e-9, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := measured(tc.history)
			if !near(s.MoveSeconds, tc.perMove) || !near(s.RowSeconds, tc.perRow) || !near(s.AtOnce, tc.atOnce) {
				t.Errorf("%+v, want %v a move, %v a row, %v at once", s, tc.perMove, tc.perRow, tc.atOnce)
			}
		})
	}
	undone := historyOf(90, 1, grows, line)
	for i := range undone {
		undone[i].State = registry.MoveUndone
	}
	if s := measured(undone); s.Moves != 0 {
		t.Errorf("measured from moves that were undone: %+v", s)
	}
}

func TestTheSameAgainTakesTheSameTime(t *testing.T) {
	rows := func(i int) int64 { return int64(1000 + i%7*500) }
	history := historyOf(300, 3, rows, func(r int64) time.Duration { return 100*time.Millisecond + time.Duration(r)*20*time.Microsecond })
	var all int64
	for _, mv := range history {
		all += mv.Rows
	}
	took := history[len(history)-1].EndedAt.Sub(history[0].CreatedAt).Seconds()
	if got := measured(history).seconds(len(history), all); got < took*0.95 || got > took*1.05 {
		t.Errorf("%.1f s, and it took %.1f s", got, took)
	}
	if got := measured(nil).seconds(0, 0); got != 0 {
		t.Errorf("nothing takes %v s", got)
	}
}

func TestPairsHoldWhatTheirSourcesSay(t *testing.T) {
	moves := []placement.Move{{Partition: 0, From: "a", To: "b"}, {Partition: 2, From: "a", To: "b"}, {Partition: 1, From: "a", To: "c"}, {Partition: 3, From: "b", To: "c"}}
	pairs := byPair(moves, map[string]contents{"a": {Rows: []int64{10, 20, 30, 1}, Bytes: []int64{100, 200, 300, 1}}})
	if len(pairs) != 3 || pairs[0].Partitions != 2 || *pairs[0].Rows != 40 || *pairs[0].Bytes != 400 || *pairs[1].Rows != 20 {
		t.Errorf("%+v", pairs)
	}
	if pairs[2].From != "b" || pairs[2].Rows != nil {
		t.Errorf("a source that is silent: %+v", pairs[2])
	}
}
