package mover

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// askReverse asks for the last rebalance to be made backwards.
func (s *system) askReverse() (legs []registry.Leg) {
	reg := s.store.Client()
	rec, _ := reg.Rebalance(s.ctx)
	m, _ := reg.Map(s.ctx)
	moves := slices.DeleteFunc(s.ended(), func(mv registry.Move) bool { return mv.Rebalance != rec.ID })
	legs, _ = registry.Backwards(moves, m)
	s.ask(func(b registry.OrderBook, w registry.Word, cells []registry.Cell) registry.OrderBook {
		return b.Reversing(w, rec.ID, legs, cells)
	})
	return legs
}

func TestReverse_brings_everything_back_and_keeps_it_there(t *testing.T) {
	for _, crash := range []Point{"", BeforeOpen, After(ActHandover), After(ActDone)} {
		t.Run(fmt.Sprintf("crash %s", crash), func(t *testing.T) {
			withCells(t, func(t *testing.T, s *system, stop func()) {
				before, _ := s.store.Client().Map(s.ctx)
				s.add(s.ctx, "cell-d", 1)
				s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
				stop()
				s.askReverse()
				mover := s.start("mover-2", func(cfg *Config) { cfg.Hook = crashAt(crash, 5) })
				if crash != "" {
					if err := <-mover.done; !errors.Is(err, errCrash) {
						t.Fatalf("the mover ended with %v", err)
					}
					s.start("mover-3", nil)
				}
				s.await("the way back", func() bool { return s.orders().Reverse == nil })
				s.awaitRest()
				after, _ := s.store.Client().Map(s.ctx)
				for p := range placement.Partition(modelPartitions) {
					was, _ := before.Owner(p)
					if is, _ := after.Owner(p); is != was {
						t.Errorf("partition %d is with %s, and was with %s", p, is, was)
					}
				}
				for _, mv := range s.ended()[:16] {
					if mv.AskedBy != "reverse" || mv.From != "cell-d" || mv.State != registry.MoveDone {
						t.Errorf("move %+v", mv)
					}
				}
				s.nothingMoves("after the reversal")
				s.askRebalance()
				s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
			})
		})
	}
}

func TestReverse_can_be_cancelled(t *testing.T) {
	withQuickMover(t, func(t *testing.T, s *system, _ func()) {
		s.add(s.ctx, "cell-d", 1)
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		s.askReverse()
		s.await("some moves", func() bool { return len(s.ended()) > 16+3 })
		s.askStop()
		s.awaitRest()
		s.check()
		s.nothingMoves("after the cancel")
		if m, _ := s.store.Client().Map(s.ctx); m.Counts()["cell-d"] == 0 || m.Counts()["cell-d"] == 16 {
			t.Errorf("cell-d has %d partitions: the cancel came too late, or the reversal had not begun", m.Counts()["cell-d"])
		}
		if b := s.orders(); b.Reverse != nil {
			t.Errorf("the reversal is still asked for: %+v", b.Reverse)
		}
	})
}
