package mover

import (
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func anyMove(placement.Move) bool { return true }

// drain starts everything that may run at the given time.
func (q *queue) drain(cfg Config, now time.Time) []placement.Partition {
	var started []placement.Partition
	for e := q.next(cfg, now, anyMove); e != nil; e = q.next(cfg, now, anyMove) {
		e.running = true
		started = append(started, e.mv.Partition)
	}
	return started
}

func planned(from, to string, partitions ...placement.Partition) []placement.Move {
	var moves []placement.Move
	for _, p := range partitions {
		moves = append(moves, placement.Move{Partition: p, From: from, To: to})
	}
	return moves
}

func TestQueue_keeps_the_limits_in_all_by_source_and_by_target(t *testing.T) {
	cfg := Config{Parallel: 4, PerSource: 3, PerTarget: 2}.withDefaults()
	q := newQueue()
	q.planned = append(planned("a", "d", 1, 2, 3, 4), append(planned("a", "e", 5, 6), planned("b", "e", 7, 8)...)...)
	started := q.drain(cfg, time.Unix(0, 0))
	want := []placement.Partition{1, 2, 5, 7}
	if len(started) != len(want) {
		t.Fatalf("started %v, want %v", started, want)
	}
	for i := range want {
		if started[i] != want[i] {
			t.Fatalf("started %v, want %v", started, want)
		}
	}
}

func TestQueue_waiting_moves_make_room_but_not_without_end(t *testing.T) {
	cfg := Config{Parallel: 2, PerSource: 2, PerTarget: 2}.withDefaults()
	now := time.Unix(0, 0)
	q := newQueue()
	for p := range placement.Partition(100) {
		q.planned = append(q.planned, planned("a", "d", p)...)
	}
	began := 0
	for range 50 {
		for _, p := range q.drain(cfg, now) {
			began++
			e := q.jobs[p]
			e.running, e.due = false, now.Add(time.Hour) // its target is away: it waits
		}
	}
	if began != parkedFactor*2 {
		t.Errorf("%d moves have begun, want %d", began, parkedFactor*2)
	}
	q.jobs[0].halted = true
	if started := q.drain(cfg, now); len(started) != 1 {
		t.Errorf("a halted move makes room for %d others, want 1", len(started))
	}
}

func TestQueue_prefers_moves_past_the_point_of_no_return(t *testing.T) {
	cfg := Config{Parallel: 1}.withDefaults()
	now := time.Unix(0, 0)
	q := newQueue()
	q.planned = planned("a", "d", 1)
	q.adopt(registry.Move{Partition: 2, From: "a", To: "d"})
	q.adopt(registry.Move{Partition: 3, From: "a", To: "d"})
	q.jobs[3].past = true
	if e := q.next(cfg, now, anyMove); e.mv.Partition != 3 {
		t.Errorf("partition %d comes first", e.mv.Partition)
	}
	q.jobs[3].due = now.Add(time.Second)
	if e := q.next(cfg, now, anyMove); e.mv.Partition != 2 {
		t.Errorf("partition %d comes second", e.mv.Partition)
	}
	if wake := q.wake(now, time.Minute); wake != time.Second {
		t.Errorf("wakes in %s", wake)
	}
}

func TestQueue_rests_after_an_undo_and_forgets_at_success(t *testing.T) {
	cfg := Config{}.withDefaults()
	now := time.Unix(0, 0)
	q := newQueue()
	move := registry.Move{Partition: 1, From: "a", To: "d", State: registry.MoveUndone}
	plan := planned("a", "d", 1, 2)
	q.ended(move, cfg, now)
	if !q.resting(plan[0], now) || q.resting(plan[1], now) {
		t.Error("the partition rests, its pair of cells does not yet")
	}
	q.ended(move, cfg, now)
	q.ended(move, cfg, now)
	if !q.resting(plan[1], now) {
		t.Error("after three moves in vain the pair rests")
	}
	if q.resting(plan[0], now.Add(6*time.Second)) {
		t.Error("rests for too long")
	}
	move.State = registry.MoveDone
	q.ended(move, cfg, now)
	if q.resting(plan[0], now) || q.resting(plan[1], now) {
		t.Error("a success is not the end of the rest")
	}
}

func TestGrowing_doubles_up_to_the_limit_with_a_quarter_of_jitter(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 100, 2: 200, 3: 400, 4: 500, 40: 500} {
		for range 100 {
			got := growing(100*time.Millisecond, 500*time.Millisecond, n)
			if want := want * time.Millisecond; got < want*3/4 || got > want*5/4 {
				t.Fatalf("pause %d is %s, want about %s", n, got, want)
			}
		}
	}
}
