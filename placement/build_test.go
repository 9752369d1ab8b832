package placement

import (
	"fmt"
	"strings"
	"testing"
)

// Builders of what the tests of this package need. They fail the test instead of returning errors.

// failer is what *testing.T, *testing.B and *rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// equalMembers returns cell-1 to cell-n, each of weight 1.
func equalMembers(n int) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = Member{Name: fmt.Sprintf("cell-%d", i+1), Weight: 1}
	}
	return members
}

func memberNames(members []Member) []string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name
	}
	return names
}

func mustFirstMap(t failer, partitions int, members []Member) *Map {
	t.Helper()
	m, err := FirstMap(partitions, members)
	if err != nil {
		t.Fatalf("first map: %v", err)
	}
	return m
}

func mustPlan(t failer, m *Map, members []Member) Plan {
	t.Helper()
	plan, err := MakePlan(m, members)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	return plan
}

func mustMarshal(t failer, m *Map) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatalf("encode map: %v", err)
	}
	return b
}

// carryOut returns the map after all moves of a plan, and checks on the way that each move is from the owner.
func carryOut(t failer, m *Map, plan Plan) *Map {
	t.Helper()
	seen := make(map[Partition]bool, len(plan.Moves))
	for _, mv := range plan.Moves {
		if from, _ := m.Owner(mv.Partition); from != mv.From {
			t.Fatalf("partition %d moves from %q, its owner is %q", mv.Partition, mv.From, from)
		}
		if seen[mv.Partition] {
			t.Fatalf("partition %d moves twice", mv.Partition)
		}
		seen[mv.Partition] = true
	}
	next, err := m.withOwners(plan.Moves, m.HighestEpoch()+1)
	if err != nil {
		t.Fatalf("carry out plan: %v", err)
	}
	return next
}

// worstMap returns a map of 65,536 partitions and 1,000 cells with the longest names.
func worstMap(t testing.TB, epochs string) *Map {
	t.Helper()
	members := equalMembers(1000)
	for i := range members {
		members[i].Name += strings.Repeat("x", maxCellName-len(members[i].Name))
	}
	m := mustFirstMap(t, MaxPartitions, members)
	step := map[string]Epoch{"equal": 0, "all different": 1, "32 bits apart": (1<<32 - 1) / MaxPartitions}[epochs]
	for p := range m.epochs {
		// Multiplied by an odd number: all different and in no order.
		m.epochs[p] = 1 + Epoch(p*40503%MaxPartitions)*step
		m.highest = max(m.highest, m.epochs[p])
	}
	m.epoch = m.highest
	return m
}
