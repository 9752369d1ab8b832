package mover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var errCrash = errors.New("crash")

// crashAt is a hook that stops the mover the n-th time (from 1) that it comes to the point.
func crashAt(point Point, n int) func(context.Context, Point) error {
	var met atomic.Int64 // moves run side by side
	return func(_ context.Context, at Point) error {
		if at != point || met.Add(1) < int64(n) {
			return nil
		}
		return errCrash
	}
}

// oneAtATime lets one move run at a time, so that a hook needs no lock.
func oneAtATime(cfg *Config) { cfg.Parallel = 1 }

func TestMove_ends_done_or_undone_after_a_crash_at_any_point(t *testing.T) {
	for _, point := range Points() {
		for _, n := range []int{1, 3} {
			if n > 1 && (point == BeforeCreateMap || point == AfterCreateMap) {
				continue // it is made once
			}
			t.Run(fmt.Sprintf("%s, time %d", point, n), func(t *testing.T) {
				inBubble(t, func(t *testing.T, s *system) { crashAndResume(t, s, point, n, time.Millisecond) })
			})
		}
	}
}

func TestMove_ends_done_or_undone_when_nobody_comes_back_before_the_fence_opens_by_itself(t *testing.T) {
	for _, point := range Points() {
		t.Run(string(point), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *system) { crashAndResume(t, s, point, 1, 15*time.Second) })
		})
	}
}

// crashAndResume lets a mover die at the point while a cell joins, one of whose moves is undone, and another take
// over after a while.
func crashAndResume(t *testing.T, s *system, point Point, n int, after time.Duration) {
	for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
		s.add(s.ctx, name, 1)
	}
	refused := 0
	s.setFault(func(_ string, p placement.Partition, verb protocol.Verb, after bool) error {
		// Three moves must be undone, so that the points of an undo are met, too.
		if verb == protocol.VerbPull && !after && refused < 3 {
			refused++
			return &protocol.Problem{Code: protocol.CodeDiffers, Message: fmt.Sprintf("partition %d: table customers", p)}
		}
		return nil
	})
	first := s.start("mover-1", func(cfg *Config) { oneAtATime(cfg); cfg.Hook = crashAt(point, n) })
	joined := time.AfterFunc(8*time.Second, func() { s.add(s.ctx, "cell-d", 1) })
	defer joined.Stop()
	select {
	case err := <-first.done:
		if !errors.Is(err, errCrash) {
			t.Fatalf("the mover ended with %v, want the crash", err)
		}
	case <-time.After(10 * time.Minute):
		t.Fatal("the mover never came to this point")
	}
	_ = sleep(s.ctx, after)
	s.start("mover-2", nil)
	s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	s.check()
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, times := range s.moved {
		if times > 1 {
			t.Errorf("partition %d was handed over %d times", p, times)
		}
	}
}

func TestMove_of_an_old_leader_cannot_disturb_the_new_one(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, stop func()) {
		s.add(s.ctx, "cell-d", 1)
		s.await("some moves", func() bool { return len(s.ended()) > 3 })
		s.start("mover-2", nil)
		stop()
		s.mu.Lock()
		old := slices.Clone(s.history)
		s.mu.Unlock()
		// Every command that the old leader ever sent arrives once more, in any order, while the new one works.
		for i := range old {
			late := old[(i*7919)%len(old)]
			_, _ = s.Do(s.ctx, late.cell+":1", late.p, late.verb, late.cmd)
		}
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	})
}

func TestMove_goes_on_when_answers_are_lost(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		calls := 0
		s.setFault(func(_ string, _ placement.Partition, _ protocol.Verb, _ bool) error {
			if calls++; calls%31 == 0 {
				return errCut
			}
			return nil
		})
		s.add(s.ctx, "cell-d", 1)
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	})
}

func TestMove_goes_on_when_the_registry_comes_back(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		s.add(s.ctx, "cell-d", 1)
		for range 6 {
			_ = sleep(s.ctx, 3100*time.Millisecond)
			s.store.SetDown(true)
			_ = sleep(s.ctx, 700*time.Millisecond)
			s.store.SetDown(false)
		}
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	})
}

func TestMove_is_taken_over_when_a_leader_loses_its_lock_unknowingly(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		s.start("mover-2", nil)
		s.add(s.ctx, "cell-d", 1)
		s.await("some moves", func() bool { return len(s.ended()) > 3 })
		s.store.ExpireLeader()
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		if got := len(s.ended()); got < 16 || got > 16+4 {
			t.Errorf("%d moves", got)
		}
	})
}

func TestMover_ends_its_term_when_a_cell_has_obeyed_a_newer_leader(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		s.mu.Lock()
		for _, cell := range s.cells {
			for p := range cell.rows {
				cell.rows[p].Token = 5000 // the registry went back in time: its tokens are far behind the rows'
			}
		}
		s.mu.Unlock()
		s.add(s.ctx, "cell-d", 1)
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		s.mu.Lock()
		defer s.mu.Unlock()
		if last := s.history[len(s.history)-1]; last.cmd.Token <= 5000 {
			t.Errorf("the last command carried token %d", last.cmd.Token)
		}
	})
}

func TestMover_hands_over_at_once_when_it_is_told_to_stop(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, stop func()) {
		s.start("mover-2", nil)
		stop()
		s.await("the other to lead", func() bool {
			leader, err := s.store.Client().Leader(s.ctx)
			return err == nil && leader == "mover-2"
		})
	})
}

func TestMove_undone_keeps_its_reason(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		once := true
		s.setFault(func(_ string, _ placement.Partition, verb protocol.Verb, _ bool) error {
			if verb == protocol.VerbPull && once {
				once = false
				return &protocol.Problem{Code: protocol.CodeCatalog, Message: "table notes lacks column kind"}
			}
			return nil
		})
		s.add(s.ctx, "cell-d", 1)
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		undone := slices.DeleteFunc(s.ended(), func(mv registry.Move) bool { return mv.State == registry.MoveDone })
		if len(undone) != 1 || undone[0].Error == "" {
			t.Fatalf("undone: %+v", undone)
		}
	})
}
