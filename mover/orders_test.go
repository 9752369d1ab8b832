package mover

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
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

// movePoints are the points at which there is a move.
func movePoints() []Point {
	return slices.DeleteFunc(Points(), func(at Point) bool {
		return at == BeforeCreateMap || at == AfterCreateMap || at == AfterAssign
	})
}

// canTurnBack says whether a move that hears of a cancel at the point is before the point of no return. At before-handover
// the command is as good as sent.
func canTurnBack(at Point) bool {
	all := Points()
	return slices.Index(all, at) < slices.Index(all, Before(ActHandover)) || slices.Index(all, at) >= slices.Index(all, Before(ActUndo))
}

// turnSome makes three moves differ, so that the points of an undo are met, too.
func turnSome() func(string, placement.Partition, protocol.Verb, bool) error {
	refused := 0
	return func(_ string, _ placement.Partition, verb protocol.Verb, after bool) error {
		if verb == protocol.VerbPull && !after && refused < 3 {
			refused++
			return &protocol.Problem{Code: protocol.CodeDiffers, Message: "table customers"}
		}
		return nil
	}
}

// atPoint lets cell-d join, and an operator act the first time that a move comes to the point; the mover sees it
// before the move goes on.
func atPoint(t *testing.T, point Point, change func(*Config), act func(s *system), then func(t *testing.T, s *system, first *runningMover)) {
	inBubble(t, func(t *testing.T, s *system) {
		for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
			s.add(s.ctx, name, 1)
		}
		if undone := slices.Index(Points(), Before(ActUndo)); slices.Index(Points(), point) >= undone {
			s.setFault(turnSome())
		}
		var met atomic.Bool
		mover := s.start("mover-1", func(cfg *Config) {
			cfg.Poll = 20 * time.Millisecond
			cfg.Hook = func(ctx context.Context, at Point) error {
				if at != point || !met.CompareAndSwap(false, true) {
					return nil
				}
				act(s)
				_ = sleep(ctx, 100*time.Millisecond)
				return nil
			}
			if change != nil {
				change(cfg)
			}
		})
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		s.add(s.ctx, "cell-d", 1)
		s.await("the point "+string(point), met.Load)
		then(t, s, mover)
		s.check()
	})
}

func TestCancel_of_a_move_at_any_point_undoes_it_or_lets_it_go_forward(t *testing.T) {
	for _, point := range movePoints() {
		if point == BeforeOpen {
			continue // nobody knows the move's ID yet
		}
		t.Run(string(point), func(t *testing.T) {
			var mv registry.Move
			act := func(s *system) {
				if open, _ := s.store.Client().OpenMoves(s.ctx); len(open) > 0 {
					mv = open[0]
				} else {
					mv = s.ended()[0] // after done, or undone
				}
				s.askCancel(mv)
			}
			atPoint(t, point, oneAtATime, act, func(t *testing.T, s *system, _ *runningMover) {
				s.awaitRest()
				i := slices.IndexFunc(s.ended(), func(ended registry.Move) bool { return ended.ID == mv.ID })
				if i < 0 {
					t.Fatalf("the move %+v has not ended", mv)
				}
				ended := s.ended()[i]
				m, _ := s.store.Client().Map(s.ctx)
				owner, _ := m.Owner(mv.Partition)
				switch hold := s.orders().Hold; {
				case canTurnBack(point) && (ended.State != registry.MoveUndone || ended.Error == "" || owner != mv.From || !hold.Keeps(mv.Partition)):
					t.Errorf("the move is %+v, its partition with %s, the hold %+v", ended, owner, hold)
				case !canTurnBack(point) && (ended.State != registry.MoveDone || owner != mv.To || hold != nil):
					t.Errorf("the move is %+v, its partition with %s, the hold %+v", ended, owner, hold)
				}
				s.askRebalance()
				s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
				if b := s.orders(); !b.Empty() {
					t.Errorf("orders are left: %+v", b)
				}
			})
		})
	}
}

func TestCancel_of_a_rebalance_at_any_point_leaves_nothing_half_done(t *testing.T) {
	for _, point := range movePoints() {
		t.Run(string(point), func(t *testing.T) {
			atPoint(t, point, nil, (*system).askStop, func(t *testing.T, s *system, first *runningMover) {
				s.awaitRest()
				s.check()
				undone := slices.ContainsFunc(s.ended(), func(mv registry.Move) bool { return strings.HasPrefix(mv.Error, "cancelled by somebody at ") })
				if before := slices.Index(Points(), point) < slices.Index(Points(), Before(ActHandover)); before && !undone {
					t.Errorf("no move was undone because of the cancel: %+v", s.ended())
				}
				if m, _ := s.store.Client().Map(s.ctx); m.Counts()["cell-d"] >= 16 {
					t.Errorf("cell-d has all of its %d partitions", m.Counts()["cell-d"])
				}
				s.nothingMoves("after the cancel")
				s.start("mover-2", nil)
				first.stop()
				s.nothingMoves("after a change of leader")
				s.askRebalance()
				s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
				if b := s.orders(); !b.Empty() {
					t.Errorf("orders are left: %+v", b)
				}
			})
		})
	}
}

func TestCancel_survives_the_leader_that_was_asked(t *testing.T) {
	for _, point := range movePoints() {
		t.Run(string(point), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *system) {
				for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
					s.add(s.ctx, name, 1)
				}
				s.setFault(turnSome())
				first := s.start("mover-1", func(cfg *Config) { cfg.Hook = crashAt(point, 1); oneAtATime(cfg) })
				joined := time.AfterFunc(8*time.Second, func() { s.add(s.ctx, "cell-d", 1) })
				defer joined.Stop()
				<-first.done
				s.askStop()
				s.start("mover-2", nil)
				s.awaitRest()
				s.check()
				s.nothingMoves("after the cancel")
			})
		})
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

func TestCancel_ends_when_the_cells_change(t *testing.T) {
	withQuickMover(t, func(t *testing.T, s *system, _ func()) {
		s.add(s.ctx, "cell-d", 1)
		s.await("some moves", func() bool { return len(s.ended()) > 3 })
		s.askStop()
		s.awaitRest()
		if m, _ := s.store.Client().Map(s.ctx); m.Counts()["cell-d"] >= 16 {
			t.Errorf("cell-d has all of its %d partitions", m.Counts()["cell-d"])
		}
		s.nothingMoves("after the cancel")
		if err := s.store.Client().SetDraining(s.ctx, "cell-c", true); err != nil {
			t.Fatal(err)
		}
		s.await("the drain", func() bool {
			m, err := s.store.Client().Map(s.ctx)
			return err == nil && m.Counts()["cell-c"] == 0 && m.Counts()["cell-d"] >= 21
		})
		s.awaitRest()
		if b := s.orders(); !b.Empty() {
			t.Errorf("orders are left: %+v", b)
		}
	})
}

// slowCopy is cells whose copies last until they are broken off.
type slowCopy struct{ *system }

func (c slowCopy) Do(ctx context.Context, addr string, p placement.Partition, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error) {
	if verb == protocol.VerbCopy {
		if err := sleep(ctx, time.Hour); err != nil {
			return protocol.Reply{}, err
		}
	}
	return c.system.Do(ctx, addr, p, verb, cmd)
}

func TestCancel_does_not_wait_for_a_long_copy(t *testing.T) {
	inBubble(t, func(t *testing.T, s *system) {
		for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
			s.add(s.ctx, name, 1)
		}
		s.start("mover-1", func(cfg *Config) { cfg.Cells, cfg.CopyTimeout = slowCopy{s}, 2*time.Hour })
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		s.add(s.ctx, "cell-d", 1)
		importing := func() (n int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, row := range s.cells["cell-d"].rows {
				if row.State == protocol.StateImporting {
					n++
				}
			}
			return n
		}
		s.await("three copies", func() bool { return importing() == 3 })
		s.askStop()
		s.awaitRest()
		for _, mv := range s.ended() {
			if mv.State != registry.MoveUndone || !strings.Contains(mv.Error, "cancelled by somebody at ") {
				t.Errorf("move %+v", mv)
			}
		}
		s.check()
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
					<-mover.done
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
