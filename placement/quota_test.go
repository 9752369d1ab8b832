package placement

import (
	"testing"

	"pgregory.net/rapid"
)

func TestQuota_ceilings_go_first_to_cells_that_own_one_already(t *testing.T) {
	// 16 partitions of 3 cells are 5 1/3 each: one ceiling. By remainder alone it would be cell-1's, by name.
	seats := []seat{
		{Member: Member{Name: "cell-1", Weight: 1}, owned: 5},
		{Member: Member{Name: "cell-2", Weight: 1}, owned: 5},
		{Member: Member{Name: "cell-3", Weight: 1}, owned: 6},
	}
	setQuotas(seats, 16)
	if seats[0].quota != 5 || seats[1].quota != 5 || seats[2].quota != 6 {
		t.Errorf("quotas %d, %d, %d", seats[0].quota, seats[1].quota, seats[2].quota)
	}
}

func TestQuota_ceilings_go_then_by_remainder_then_by_name(t *testing.T) {
	// 8 partitions by weight 1, 1, 3, 2 of 7: 1 1/7, 1 1/7, 3 3/7, 2 2/7: one ceiling, to the greatest remainder.
	seats := []seat{{Member: Member{Name: "a", Weight: 1}}, {Member: Member{Name: "b", Weight: 1}}, {Member: Member{Name: "c", Weight: 3}}, {Member: Member{Name: "d", Weight: 2}}}
	setQuotas(seats, 8)
	if seats[2].quota != 4 {
		t.Errorf("quotas %+v", seats)
	}
	// 4 of 3 equal cells: one ceiling, to the first by name.
	seats = []seat{{Member: Member{Name: "z", Weight: 1}}, {Member: Member{Name: "y", Weight: 1}}, {Member: Member{Name: "x", Weight: 1}}}
	setQuotas(seats, 4)
	if seats[2].quota != 2 {
		t.Errorf("quotas %+v", seats)
	}
}

func TestQuota_of_an_exact_share_is_that_share(t *testing.T) {
	// 8 partitions by weight 2 and 1 and 1: the cell that owns more than its exact share has no claim.
	seats := []seat{{Member: Member{Name: "a", Weight: 2}, owned: 3}, {Member: Member{Name: "b", Weight: 1}, owned: 5}, {Member: Member{Name: "c", Weight: 1}}}
	setQuotas(seats, 8)
	if seats[0].quota != 4 || seats[1].quota != 2 || seats[2].quota != 2 {
		t.Errorf("quotas %+v", seats)
	}
}

// Every choice of who gets a ceiling is tried: none needs fewer moves than the planner's, which is the ideal.
func TestQuota_needs_the_fewest_moves_of_all_choices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := 1 << rapid.IntRange(0, 6).Draw(t, "power")
		seats := make([]seat, rapid.IntRange(1, 9).Draw(t, "cells"))
		left := partitions
		for i := range seats {
			owned := rapid.IntRange(0, left).Draw(t, "owned")
			left -= owned // what is left at the end is unassigned
			seats[i] = seat{
				Member: Member{
					Name: string(rune('a' + i)), Weight: rapid.IntRange(1, 5).Draw(t, "weight"),
					Draining: i > 0 && rapid.IntRange(0, 3).Draw(t, "drains") == 0,
				},
				owned: owned,
			}
		}
		setQuotas(seats, partitions)
		got := 0
		for _, s := range seats {
			got += max(0, s.quota-s.owned)
		}
		if best := fewestMoves(seats, partitions); got != best || idealMoves(seats, partitions) != best {
			t.Fatalf("%d moves, ideal %d, possible %d: %+v", got, idealMoves(seats, partitions), best, seats)
		}
	})
}

func fewestMoves(seats []seat, partitions int) int {
	best := partitions + 1
	for choice := range uint(1) << len(seats) {
		sum, moves := 0, 0
		for i, s := range seats {
			quota := s.floor
			if choice&(1<<i) != 0 {
				quota = s.ceiling
			}
			sum += quota
			moves += max(0, quota-s.owned)
		}
		if sum == partitions {
			best = min(best, moves)
		}
	}
	return best
}
