package placement

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// checkPlan holds a plan against everything that is promised of every plan, and returns the map afterwards.
func checkPlan(t *rapid.T, m *Map, members []Member) *Map {
	plan := mustPlan(t, m, members)
	checkQuotas(t, m.Partitions(), members, plan.Quotas)

	before := m.Counts()
	from, to := countMoves(plan)
	for cell, quota := range plan.Quotas {
		// A cell only gives what it has too much, or only gets what it lacks: so nothing moves between cells
		// that are at their quota.
		if from[cell] != max(0, before[cell]-quota) || to[cell] != max(0, quota-before[cell]) {
			t.Fatalf("%s owns %d, quota %d: %d leave, %d arrive", cell, before[cell], quota, from[cell], to[cell])
		}
	}
	if len(plan.Moves) != plan.Ideal {
		t.Fatalf("%d moves, ideal %d", len(plan.Moves), plan.Ideal)
	}
	if again := mustPlan(t, m, rapid.Permutation(members).Draw(t, "order")); !reflect.DeepEqual(again, plan) {
		t.Fatal("another order of members makes another plan")
	}

	after := carryOut(t, m, plan)
	if len(mustPlan(t, after, members).Moves) != 0 {
		t.Fatal("after the plan there is still something to move")
	}
	return after
}

// checkQuotas: the floor or ceiling of the exact share, and together everything.
func checkQuotas(t *rapid.T, partitions int, members []Member, quotas map[string]int) {
	weights, sum := 0, 0
	for _, c := range members {
		if !c.Draining {
			weights += c.Weight
		}
	}
	for _, c := range members {
		quota, ok := quotas[c.Name]
		sum += quota
		switch {
		case !ok:
			t.Fatalf("%s has no quota", c.Name)
		case c.Draining && quota != 0:
			t.Fatalf("%s drains, and has quota %d", c.Name, quota)
		// |quota - share| < 1, multiplied by all weights
		case !c.Draining && max(quota*weights-partitions*c.Weight, partitions*c.Weight-quota*weights) >= weights:
			t.Fatalf("%s has quota %d of %d by weight %d of %d", c.Name, quota, partitions, c.Weight, weights)
		}
	}
	if sum != partitions || len(quotas) != len(members) {
		t.Fatalf("quotas of %d cells add up to %d", len(quotas), sum)
	}
}

// drawCells draws from 1 to 200, mostly few: a ring of 200 takes long under the race detector.
func drawCells(t *rapid.T) int {
	most := rapid.SampledFrom([]int{8, 8, 24, 24, 60, 200}).Draw(t, "most cells")
	return rapid.IntRange(1, most).Draw(t, "cells")
}

func drawMembers(t *rapid.T, highestWeight int) []Member {
	members := equalMembers(drawCells(t))
	for i := range members {
		members[i].Weight = rapid.IntRange(1, highestWeight).Draw(t, "weight")
	}
	return members
}

func drawPartitions(t *rapid.T) int {
	return 1 << rapid.SampledFrom([]int{12, 0, 1, 4, 8, 10}).Draw(t, "power")
}

// A cluster lives through any joins, drains and changes of weight, some while the last is half done.
func TestPlan_keeps_its_promises_through_any_history(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 8)
		m := checkPlanFromNothing(t, drawPartitions(t), members)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			members = drawChange(t, members)
			next := checkPlan(t, m, members)
			if rapid.Bool().Draw(t, "half done") {
				next = carryOutHalf(t, m, mustPlan(t, m, members))
			}
			if next.Epoch() <= m.Epoch() {
				t.Fatalf("map epoch %d after %d", next.Epoch(), m.Epoch())
			}
			m = next
		}
	})
}

func checkPlanFromNothing(t *rapid.T, partitions int, members []Member) *Map {
	empty, err := NewMap(partitions)
	if err != nil {
		t.Fatal(err)
	}
	m := checkPlan(t, empty, members)
	if !bytes.Equal(mustMarshal(t, m), mustMarshal(t, mustFirstMap(t, partitions, members))) {
		t.Fatal("the first map is not the plan from nothing, carried out")
	}
	return m
}

// drawChange changes one member, or adds one. One cell at least stays in service.
func drawChange(t *rapid.T, members []Member) []Member {
	members = slices.Clone(members)
	at := rapid.IntRange(0, len(members)).Draw(t, "which")
	if at == len(members) {
		weight := rapid.IntRange(1, 8).Draw(t, "weight")
		return append(members, Member{Name: fmt.Sprintf("joiner-%d", at), Weight: weight})
	}
	if rapid.Bool().Draw(t, "reweigh") {
		members[at].Weight = rapid.IntRange(1, 8).Draw(t, "weight")
		return members
	}
	members[at].Draining = !members[at].Draining
	if !slices.ContainsFunc(members, func(c Member) bool { return !c.Draining }) {
		members[at].Draining = false
	}
	return members
}

func carryOutHalf(t *rapid.T, m *Map, plan Plan) *Map {
	plan.Moves = plan.Moves[:len(plan.Moves)/2]
	return carryOut(t, m, plan)
}

// balanced draws a map of n equal cells as some history of joins and drains leaves it.
func balanced(t *rapid.T, partitions, n int) (*Map, []Member) {
	m := mustFirstMap(t, partitions, equalMembers(rapid.IntRange(1, n).Draw(t, "born with")))
	members := equalMembers(n)
	gone := rapid.IntRange(0, n-1).Draw(t, "drained in between")
	members[gone].Draining = n > 1
	m = carryOut(t, m, mustPlan(t, m, members))
	members[gone].Draining = false
	return carryOut(t, m, mustPlan(t, m, members)), members
}

// wantWithinOne: the moves differ from the exact share numerator/denominator by less than one.
func wantWithinOne(t *rapid.T, what string, moves, numerator, denominator int) {
	if d := moves*denominator - numerator; d >= denominator || d <= -denominator {
		t.Fatalf("%s: %d moves, ideal %d/%d", what, moves, numerator, denominator)
	}
}

// Among equal cells the ideal is the exact share of the one that changes, whatever went before.
func TestPlan_moves_the_share_to_within_one_partition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, partitions := drawCells(t), drawPartitions(t)
		m, members := balanced(t, partitions, n)
		weight := rapid.IntRange(1, 9).Draw(t, "weight")

		joined := append(slices.Clone(members), Member{Name: "joiner", Weight: weight})
		plan := mustPlan(t, m, joined)
		wantWithinOne(t, "join", len(plan.Moves), partitions*weight, n+weight)
		if _, to := countMoves(plan); len(to) > 1 {
			t.Fatalf("join moves between old cells: %v", slices.Sorted(maps.Keys(to)))
		}

		at := rapid.IntRange(0, n-1).Draw(t, "which")
		name := members[at].Name
		if n > 1 {
			drained := slices.Clone(members)
			drained[at].Draining = true
			plan = mustPlan(t, m, drained)
			wantWithinOne(t, "drain", len(plan.Moves), partitions, n)
			if from, _ := countMoves(plan); len(plan.Moves) != m.Counts()[name] || len(from) > 1 {
				t.Fatalf("drain of %d partitions moves %v", m.Counts()[name], from)
			}
		}

		heavier := slices.Clone(members)
		heavier[at].Weight = weight
		plan = mustPlan(t, m, heavier)
		if want := plan.Quotas[name] - m.Counts()[name]; len(plan.Moves) != want && len(plan.Moves) != -want {
			t.Fatalf("weight %d: %d moves, %s needs %d", weight, len(plan.Moves), name, want)
		}
	})
}

func TestFirstMap_does_not_depend_on_the_order_of_members(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, partitions := drawMembers(t, 5), drawPartitions(t)
		a := mustFirstMap(t, partitions, members)
		b := mustFirstMap(t, partitions, rapid.Permutation(members).Draw(t, "order"))
		if !bytes.Equal(mustMarshal(t, a), mustMarshal(t, b)) {
			t.Fatal("another order of members makes another map")
		}
	})
}
