package mover

import (
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// joinWith lets cell-d join under a fault and returns the moves that ended.
func joinWith(t *testing.T, fault func(cell string, p placement.Partition, verb protocol.Verb, after bool) error, see func(s *system)) []registry.Move {
	t.Helper()
	var moves []registry.Move
	withCells(t, func(_ *testing.T, s *system, _ func()) {
		s.setFault(fault)
		s.add(s.ctx, "cell-d", 1)
		if see != nil {
			see(s)
		}
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		moves = s.ended()
	})
	return moves
}

func TestMove_waits_for_writes_in_flight_and_says_which(t *testing.T) {
	const times = 8
	busy, slow := 0, placement.Partition(-1)
	moves := joinWith(t, func(_ string, p placement.Partition, verb protocol.Verb, after bool) error {
		if verb == protocol.VerbClose && !after && busy < times && (slow < 0 || p == slow) {
			slow = p
			busy++
			return &protocol.Problem{Code: protocol.CodeBusy, Message: "PUT /api/customers/x, 1.2s"}
		}
		return nil
	}, func(s *system) {
		s.await("the journal to name the request", func() bool {
			open, err := s.store.Client().OpenMoves(s.ctx)
			for _, mv := range open {
				if strings.Contains(mv.Error, "PUT /api/customers/x") && mv.Tries >= 5 {
					return err == nil
				}
			}
			return false
		})
	})
	for _, mv := range moves {
		if mv.State != registry.MoveDone || mv.Error != "" {
			t.Errorf("move %+v", mv)
		}
		if mv.Partition == slow && mv.Tries != times {
			t.Errorf("%d tries in the journal, want %d", mv.Tries, times)
		}
	}
}

func TestMove_is_undone_when_a_request_never_ends_and_others_go_on(t *testing.T) {
	stuck := placement.Partition(-1)
	freed := false
	moves := joinWith(t, func(_ string, p placement.Partition, verb protocol.Verb, after bool) error {
		if verb != protocol.VerbClose || after || freed {
			return nil
		}
		if stuck < 0 {
			stuck = p
		}
		if p != stuck {
			return nil
		}
		return &protocol.Problem{Code: protocol.CodeBusy, Message: "GET-and-write, 600s"}
	}, func(s *system) {
		s.await("the other fifteen", func() bool { return len(s.ended()) >= 15 })
		s.await("the stuck one to be undone", func() bool {
			for _, mv := range s.ended() {
				if mv.State == registry.MoveUndone {
					return true
				}
			}
			return false
		})
		s.mu.Lock()
		freed = true
		s.mu.Unlock()
	})
	for _, mv := range moves {
		if mv.State == registry.MoveUndone && (mv.Partition != stuck || !strings.Contains(mv.Error, "600s")) {
			t.Errorf("undone: %+v", mv)
		}
	}
}

func TestMove_waits_for_the_lease_of_a_silent_instance(t *testing.T) {
	until := time.Time{}
	moves := joinWith(t, func(cell string, _ placement.Partition, verb protocol.Verb, after bool) error {
		if verb != protocol.VerbClose || after || cell != "cell-a" {
			return nil
		}
		if until.IsZero() {
			until = time.Now().Add(5 * time.Second)
		}
		if time.Now().Before(until) {
			return &protocol.Problem{Code: protocol.CodeSilent, Message: "instance cell-a-2 holds a lease and does not answer"}
		}
		return nil
	}, nil)
	for _, mv := range moves {
		if mv.State != registry.MoveDone {
			t.Errorf("move %+v: a lease runs out, nothing need be undone", mv)
		}
	}
}

func TestMove_with_differing_contents_is_undone_and_its_partition_rests(t *testing.T) {
	pulls := []time.Time{}
	bad := placement.Partition(-1)
	moves := joinWith(t, func(_ string, p placement.Partition, verb protocol.Verb, after bool) error {
		if verb != protocol.VerbPull || after {
			return nil
		}
		if bad < 0 {
			bad = p
		}
		if p != bad || len(pulls) == 4 {
			return nil
		}
		pulls = append(pulls, time.Now())
		return &protocol.Problem{Code: protocol.CodeDiffers, Message: "table customers: 7 rows and 6"}
	}, nil)
	undone := 0
	for _, mv := range moves {
		if mv.State == registry.MoveUndone {
			undone++
			if !strings.Contains(mv.Error, "table customers") {
				t.Errorf("undone without the table's name: %+v", mv)
			}
		}
	}
	if undone != 4 {
		t.Errorf("%d moves undone, want 4", undone)
	}
	for i := 1; i < len(pulls); i++ {
		if pause := pulls[i].Sub(pulls[i-1]); pause < time.Duration(1<<(i-1))*700*time.Millisecond {
			t.Errorf("try %d came %s after the one before", i+1, pause)
		}
	}
}

func TestMove_before_the_point_of_no_return_is_undone_when_its_target_is_gone_for_long(t *testing.T) {
	var stop time.Time
	moves := joinWith(t, func(cell string, _ placement.Partition, verb protocol.Verb, after bool) error {
		if cell != "cell-d" || verb == "rows" || after {
			return nil
		}
		if stop.IsZero() && verb == protocol.VerbPull {
			stop = time.Now()
		}
		if !stop.IsZero() && time.Since(stop) < time.Minute {
			return errCut
		}
		return nil
	}, func(s *system) {
		s.await("the sources to be open again", func() bool {
			_ = sleep(s.ctx, 5*time.Second)
			s.mu.Lock()
			defer s.mu.Unlock()
			for p := range placement.Partition(modelPartitions) {
				for _, cell := range s.cells {
					s.tick(cell, p, time.Now())
					if cell.rows[p].State == protocol.StateFenced {
						return false
					}
				}
			}
			return !stop.IsZero()
		})
	})
	undone := 0
	for _, mv := range moves {
		if mv.State == registry.MoveUndone {
			undone++
		}
	}
	if undone == 0 {
		t.Error("nothing was undone")
	}
}

func TestMove_past_the_point_of_no_return_goes_on_however_long_its_target_is_gone(t *testing.T) {
	var stop time.Time
	moves := joinWith(t, func(cell string, _ placement.Partition, verb protocol.Verb, after bool) error {
		if stop.IsZero() && verb == protocol.VerbHandover && after {
			stop = time.Now()
		}
		if cell == "cell-d" && !stop.IsZero() && time.Since(stop) < 3*time.Minute {
			return errCut
		}
		return nil
	}, nil)
	if moves[len(moves)-1].CreatedAt.IsZero() || len(moves) < 16 {
		t.Errorf("moves %+v", moves)
	}
	longest := 0.0
	for _, mv := range moves {
		if mv.State == registry.MoveDone {
			longest = max(longest, mv.PauseMS)
		}
	}
	if longest < 170_000 {
		t.Errorf("the longest pause was %.0f ms: no move waited past its hand-over", longest)
	}
}
