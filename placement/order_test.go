package placement

import (
	"testing"

	"pgregory.net/rapid"
)

func TestMoves_alternate_between_sources(t *testing.T) {
	plan := mustPlan(t, mustFirstMap(t, DefaultPartitions, equalMembers(3)), equalMembers(4))
	for i := range len(plan.Moves) - 2 {
		a, b, c := plan.Moves[i].From, plan.Moves[i+1].From, plan.Moves[i+2].From
		if i < 900 && (a == b || b == c || a == c) {
			t.Fatalf("moves %d to %d: from %s, %s, %s", i, i+2, a, b, c)
		}
	}
}

func TestMoves_alternate_between_targets(t *testing.T) {
	members := equalMembers(4)
	m := mustFirstMap(t, DefaultPartitions, members)
	members[1].Draining = true
	plan := mustPlan(t, m, members)
	same := 0
	for i := range len(plan.Moves) - 1 {
		if plan.Moves[i].To == plan.Moves[i+1].To {
			same++
		}
	}
	if same > len(plan.Moves)/100 {
		t.Errorf("%d of %d moves have the target of the one before", same, len(plan.Moves))
	}
}

func TestMoves_side_by_side_work_on_different_cells(t *testing.T) {
	const sideBySide = 4
	plan := mustPlan(t, mustFirstMap(t, DefaultPartitions, equalMembers(6)), equalMembers(12))
	crowded := 0
	for i := range len(plan.Moves) - sideBySide {
		from, to := countMoves(Plan{Moves: plan.Moves[i : i+sideBySide]})
		if len(from) < sideBySide || len(to) < sideBySide {
			crowded++
		}
	}
	if n := len(plan.Moves); crowded > n/50 {
		t.Errorf("at %d of %d places, %d moves side by side share a cell", crowded, n, sideBySide)
	}
}

// Whatever part of a plan is done, every source has given about that part of what it gives.
func TestMoves_empty_every_source_at_an_even_pace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := rapid.IntRange(1, 20).Draw(t, "before"), rapid.IntRange(1, 20).Draw(t, "after")
		members := equalMembers(max(before, after))
		m := mustFirstMap(t, 1024, members[:before])
		for i := after; i < before; i++ {
			members[i].Draining = true
		}
		plan := mustPlan(t, m, members)
		total, _ := countMoves(plan)
		given := map[string]int{}
		for i, mv := range plan.Moves {
			given[mv.From]++
			even := float64(i+1) / float64(len(plan.Moves)) * float64(total[mv.From])
			if d := float64(given[mv.From]) - even; d > 2 || d < -2 {
				t.Fatalf("after move %d %s gave %d of %d", i+1, mv.From, given[mv.From], total[mv.From])
			}
		}
	})
}
