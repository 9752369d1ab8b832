package mover

import (
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
)

func TestASourceWhoseWritesSufferIsLeftAloneForLongerAndLonger(t *testing.T) {
	const limit = 250 * time.Millisecond
	now := time.Unix(1_700_000_000, 0)
	slow, fast := protocol.Latency{Writes: 50, P90MS: 310}, protocol.Latency{Writes: 50, P90MS: 250}
	s := strain{}.next(fast, limit, now)
	if why := s.wait("cell-b", limit, now); why != "" {
		t.Errorf("at the limit: %q", why)
	}
	if few := (strain{}).next(protocol.Latency{Writes: enoughWrites - 1, P90MS: 9000}, limit, now); few != (strain{}) {
		t.Errorf("of a few writes: %+v", few)
	}
	s = s.next(slow, limit, now)
	const want = "moves from cell-b wait: its writes take 310 ms, the limit is 250 ms"
	if why := s.wait("cell-b", limit, now); why != want {
		t.Errorf("%q, want %q", why, want)
	}
	if why := s.wait("cell-b", 400*time.Millisecond, now); why != "" {
		t.Errorf("under a limit that was raised: %q", why)
	}
	if during := s.next(fast, limit, now.Add(time.Second)); during != s {
		t.Errorf("measured during the pause: %+v", during)
	}
	var pauses []time.Duration
	for range 8 {
		pauses = append(pauses, s.until.Sub(now))
		now = s.until
		if why := s.wait("cell-b", limit, now.Add(measureEvery)); why == "" {
			t.Error("a move may begin after the pause, before the next measurement")
		}
		s = s.next(slow, limit, now)
	}
	for i, p := range pauses {
		if p > strainMax*5/4 || i > 1 && p < min(2*pauses[i-2], strainMax*3/4) {
			t.Errorf("pauses %v", pauses)
		}
	}
	if s = s.next(fast, limit, s.until); s != (strain{}) {
		t.Errorf("after it got better: %+v", s)
	}
}

func TestMovesFromASlowSourceWaitAndGoOn(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		feel := func(p90 float64) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.latency["cell-b"] = protocol.Latency{Writes: 100, P90MS: p90}
		}
		reg := s.store.Client()
		if err := reg.SetPace(s.ctx, registry.Pace{Parallel: 1, MaxWriteLatency: 100 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		feel(310)
		if err := reg.SetDraining(s.ctx, "cell-b", true); err != nil {
			t.Fatal(err)
		}
		s.await("the rebalance says what it waits for", func() bool {
			rec, _ := reg.Rebalance(s.ctx)
			return strings.Contains(rec.Problem, "moves from cell-b wait: its writes take 310 ms, the limit is 100 ms")
		})
		s.await("no move is open", func() bool { moves, _ := reg.OpenMoves(s.ctx); return len(moves) == 0 })
		if s.owned() == "map[cell-a:32 cell-c:32]" {
			t.Error("everything has moved, for all that the source's writes were slow")
		}
		feel(20)
		s.awaitShares(map[string]int{"cell-a": 32, "cell-c": 32})
	})
}

func TestThePaceIsTakenUpWhileMovesRun(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		reg := s.store.Client()
		most := func() int {
			moves, _ := reg.OpenMoves(s.ctx)
			return len(moves)
		}
		if err := reg.SetPace(s.ctx, registry.Pace{Parallel: 1}); err != nil {
			t.Fatal(err)
		}
		if sleep(s.ctx, time.Second) != nil { // more than a poll, by the bubble's clock
			return
		}
		if err := reg.SetDraining(s.ctx, "cell-b", true); err != nil {
			t.Fatal(err)
		}
		s.await("a move", func() bool { return most() > 0 })
		for range 5 {
			if n := most(); n > 1 {
				t.Errorf("%d moves at once, want one", n)
			}
			if sleep(s.ctx, 5*time.Millisecond) != nil {
				return
			}
		}
		if err := reg.SetPace(s.ctx, registry.Pace{Parallel: 6, PerSource: 6, PerTarget: 6}); err != nil {
			t.Fatal(err)
		}
		s.await("six moves at once", func() bool { return most() == 6 })
		s.awaitShares(map[string]int{"cell-a": 32, "cell-c": 32})
	})
}
