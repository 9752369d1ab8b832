package mover

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

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
				if err := <-first.done; !errors.Is(err, errCrash) {
					t.Fatalf("the mover ended with %v", err)
				}
				s.askStop()
				s.start("mover-2", nil)
				s.awaitRest()
				s.check()
				s.nothingMoves("after the cancel")
			})
		})
	}
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
