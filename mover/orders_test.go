package mover

import (
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

// ask changes the book as an operator does.
func (s *system) ask(change func(b registry.OrderBook, w registry.Word, cells []registry.Cell) registry.OrderBook) {
	s.t.Helper()
	reg := s.store.Client()
	cells, err := reg.Cells(s.ctx)
	if err != nil {
		s.t.Error(err)
	}
	_, err = reg.ChangeOrders(s.ctx, func(b registry.OrderBook) (registry.OrderBook, error) {
		return change(b, registry.Word{Who: "somebody", Since: time.Now()}, cells), nil
	})
	if err != nil {
		s.t.Error(err)
	}
}

func (s *system) askCancel(mv registry.Move) {
	s.ask(func(b registry.OrderBook, w registry.Word, cells []registry.Cell) registry.OrderBook {
		return b.Cancelling(w, mv, cells)
	})
}

func (s *system) askStop() {
	s.ask(func(b registry.OrderBook, w registry.Word, cells []registry.Cell) registry.OrderBook {
		return b.Stopping(w, cells)
	})
}

func (s *system) askRebalance() {
	s.ask(func(b registry.OrderBook, _ registry.Word, _ []registry.Cell) registry.OrderBook { return b.Released() })
	if err := s.store.Client().RequestRebalance(s.ctx, "somebody"); err != nil {
		s.t.Error(err)
	}
}

func (s *system) orders() registry.OrderBook {
	b, err := s.store.Client().Orders(s.ctx)
	if err != nil {
		s.t.Error(err)
	}
	return b
}

// awaitRest waits until nothing is left to do and no cancel is left in the book.
func (s *system) awaitRest() {
	s.t.Helper()
	s.await("rest", func() bool {
		rec, _ := s.store.Client().Rebalance(s.ctx)
		moves, _ := s.store.Client().OpenMoves(s.ctx)
		return !rec.Running && len(moves) == 0 && len(s.orders().Cancels) == 0
	})
}

// nothingMoves requires that for half a minute, in which a settling cell would have settled, no move begins or ends.
func (s *system) nothingMoves(why string) {
	s.t.Helper()
	before := len(s.ended())
	for range 30 {
		_ = sleep(s.ctx, time.Second)
		open, _ := s.store.Client().OpenMoves(s.ctx)
		if now := len(s.ended()); now != before || len(open) > 0 {
			s.t.Fatalf("%s: %d moves are open, and %d have ended instead of %d", why, len(open), now, before)
		}
	}
}

// withQuickMover is withCells with a mover that hears of orders while a rebalance runs, which by the bubble's clock takes
// less than a second.
func withQuickMover(t *testing.T, test func(t *testing.T, s *system, stop func())) {
	t.Helper()
	withCells(t, func(t *testing.T, s *system, stop func()) {
		stop()
		test(t, s, s.start("mover-quick", func(cfg *Config) { cfg.Poll = 10 * time.Millisecond }).stop)
	})
}

func TestPause_lets_moves_end_and_none_begin(t *testing.T) {
	withQuickMover(t, func(t *testing.T, s *system, stop func()) {
		s.add(s.ctx, "cell-d", 1)
		s.await("some moves", func() bool { return len(s.ended()) > 3 })
		s.ask(func(b registry.OrderBook, w registry.Word, _ []registry.Cell) registry.OrderBook {
			b.Pause = &w
			return b
		})
		s.await("no move to be open", func() bool {
			open, err := s.store.Client().OpenMoves(s.ctx)
			return err == nil && len(open) == 0
		})
		s.nothingMoves("while it is paused")
		s.check()
		next := s.start("mover-2", nil)
		stop()
		s.nothingMoves("after a change of leader")
		if rec, _ := s.store.Client().Rebalance(s.ctx); !rec.Running || !strings.Contains(rec.Problem, "paused by somebody since ") {
			t.Errorf("rebalance %+v", rec)
		}
		if problem := next.Status().Problem; !strings.Contains(problem, "paused by somebody since ") {
			t.Errorf("problem %q", problem)
		}
		for _, mv := range s.ended() {
			if mv.State != registry.MoveDone {
				t.Errorf("move %+v", mv)
			}
		}
		s.ask(func(b registry.OrderBook, _ registry.Word, _ []registry.Cell) registry.OrderBook {
			b.Pause = nil
			return b
		})
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	})
}
