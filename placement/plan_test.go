package placement

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

func countMoves(plan Plan) (from, to map[string]int) {
	from, to = map[string]int{}, map[string]int{}
	for _, mv := range plan.Moves {
		from[mv.From]++
		to[mv.To]++
	}
	return from, to
}

func wantCounts(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func abc() []Member {
	return []Member{{Name: "cell-a", Weight: 1}, {Name: "cell-b", Weight: 1}, {Name: "cell-c", Weight: 1}}
}

func TestFirstMap_shares_evenly(t *testing.T) {
	m := mustFirstMap(t, DefaultPartitions, abc())
	wantCounts(t, "3 equal cells", m.Counts(), map[string]int{"cell-a": 1366, "cell-b": 1365, "cell-c": 1365})
	if m.Epoch() != 1 || m.HighestEpoch() != 1 {
		t.Errorf("map epoch %d, highest %d", m.Epoch(), m.HighestEpoch())
	}
	for p := range Partition(DefaultPartitions) {
		if cell, epoch := m.Owner(p); cell == "" || epoch != 1 {
			t.Fatalf("partition %d belongs to %q since %d", p, cell, epoch)
		}
	}
}

func TestFirstMap_follows_the_ring_as_far_as_quotas_allow(t *testing.T) {
	members := equalMembers(5)
	m := mustFirstMap(t, DefaultPartitions, members)
	ring := mustRing(t, memberNames(members), DefaultPartitions)
	wished, followed := map[string]int{}, map[string]int{}
	for p := range Partition(DefaultPartitions) {
		cell, _ := m.Owner(p)
		wished[ring.Owner(p)]++
		if ring.Owner(p) == cell {
			followed[cell]++
		}
	}
	for cell, n := range m.Counts() {
		if want := min(n, wished[cell]); followed[cell] != want {
			t.Errorf("%s got %d of %d as the ring says, wanted %d", cell, followed[cell], wished[cell], want)
		}
	}
}

func TestFirstMap_needs_a_cell(t *testing.T) {
	for _, members := range [][]Member{nil, {{Name: "a", Weight: 1, Draining: true}}} {
		if _, err := FirstMap(8, members); !errors.Is(err, ErrNoCells) {
			t.Errorf("%v: got %v", members, err)
		}
	}
	if _, err := FirstMap(0, abc()); !errors.Is(err, ErrPartitionCount) {
		t.Errorf("0 partitions: got %v", err)
	}
}

func TestMakePlan_moves_exactly_the_share(t *testing.T) {
	m := mustFirstMap(t, DefaultPartitions, abc())
	with := func(change ...Member) []Member { return append(abc(), change...) }
	weightOfA := func(w int) []Member {
		members := abc()
		members[0].Weight = w
		return members
	}
	drainB := abc()
	drainB[1].Draining = true

	for _, c := range []struct {
		name     string
		members  []Member
		from, to map[string]int
	}{
		{"nothing changed", abc(), map[string]int{}, map[string]int{}},
		{
			"a 4th cell", with(Member{Name: "cell-d", Weight: 1}),
			map[string]int{"cell-a": 342, "cell-b": 341, "cell-c": 341},
			map[string]int{"cell-d": 1024},
		},
		{
			"a 4th cell of weight 2", with(Member{Name: "cell-d", Weight: 2}), // 2/5 of 4096 are 1638.4
			map[string]int{"cell-a": 546, "cell-b": 546, "cell-c": 546}, map[string]int{"cell-d": 1638},
		},
		{
			"drain", drainB,
			map[string]int{"cell-b": 1365},
			map[string]int{"cell-a": 682, "cell-c": 683},
		},
		{
			"weight 1 to 2", weightOfA(2),
			map[string]int{"cell-b": 341, "cell-c": 341},
			map[string]int{"cell-a": 682},
		},
		{
			"a draining cell joins", with(Member{Name: "cell-d", Weight: 9, Draining: true}),
			map[string]int{},
			map[string]int{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := mustPlan(t, m, c.members)
			from, to := countMoves(plan)
			wantCounts(t, "from", from, c.from)
			wantCounts(t, "to", to, c.to)
			if plan.Ideal != len(plan.Moves) || plan.MapEpoch != m.Epoch() {
				t.Errorf("ideal %d of %d moves, map epoch %d", plan.Ideal, len(plan.Moves), plan.MapEpoch)
			}
		})
	}
}

func TestMakePlan_prefers_what_the_ring_gives_to_the_newcomer(t *testing.T) {
	m := mustFirstMap(t, DefaultPartitions, abc())
	members := append(abc(), Member{Name: "cell-d", Weight: 1})
	ring := mustRing(t, memberNames(members), DefaultPartitions)
	plan := mustPlan(t, m, members)
	from, _ := countMoves(plan)
	wished, followed := map[string]int{}, map[string]int{}
	for p := range Partition(DefaultPartitions) {
		if cell, _ := m.Owner(p); ring.Owner(p) == "cell-d" {
			wished[cell]++
		}
	}
	for _, mv := range plan.Moves {
		if ring.Owner(mv.Partition) == mv.To {
			followed[mv.From]++
		}
	}
	for cell, n := range from {
		if want := min(n, wished[cell]); followed[cell] != want {
			t.Errorf("of %d from %s the ring wished for %d, and got %d", n, cell, wished[cell], followed[cell])
		}
	}
}

func TestMakePlan_never_forgets_an_owner(t *testing.T) {
	m := mustFirstMap(t, 64, abc())
	_, err := MakePlan(m, abc()[:2])
	if !errors.Is(err, ErrUnknownOwner) || !strings.Contains(err.Error(), "cell-c owns 21") {
		t.Errorf("got %v", err)
	}
}

func TestMakePlan_does_not_drain_the_last_cell(t *testing.T) {
	m := mustFirstMap(t, 64, abc()[:1])
	if _, err := MakePlan(m, []Member{{Name: "cell-a", Weight: 1, Draining: true}}); !errors.Is(err, ErrNoCells) {
		t.Errorf("got %v", err)
	}
}

func TestMakePlan_of_nothing_is_empty(t *testing.T) {
	m, err := NewMap(8)
	if err != nil {
		t.Fatal(err)
	}
	for _, members := range [][]Member{nil, {{Name: "a", Weight: 1, Draining: true}}} {
		if plan := mustPlan(t, m, members); len(plan.Moves) != 0 || plan.Ideal != 0 || len(plan.Quotas) != len(members) {
			t.Errorf("%v: got %+v", members, plan)
		}
	}
}

func TestMakePlan_gives_out_what_nobody_owns(t *testing.T) {
	m, err := NewMap(64)
	if err != nil {
		t.Fatal(err)
	}
	for p := range Partition(10) {
		if m, err = m.WithOwner(p, "cell-a", 5); err != nil {
			t.Fatal(err)
		}
	}
	plan := mustPlan(t, m, abc())
	from, to := countMoves(plan)
	wantCounts(t, "from", from, map[string]int{"": 54})
	wantCounts(t, "to", to, map[string]int{"cell-a": 12, "cell-b": 21, "cell-c": 21})
	if plan.Ideal != 54 {
		t.Errorf("ideal %d", plan.Ideal)
	}
}

func TestMakePlan_of_a_drained_cell_taken_back(t *testing.T) {
	members := equalMembers(7)
	m := mustFirstMap(t, DefaultPartitions, members)
	before := m.Counts()
	members[3].Draining = true
	m = carryOut(t, m, mustPlan(t, m, members))
	if m.Counts()["cell-4"] != 0 || slices.Contains(m.Cells(), "cell-4") {
		t.Fatalf("cell-4 is not empty: %v", m.Counts())
	}
	members[3].Draining = false
	plan := mustPlan(t, m, members)
	if n := len(plan.Moves); n != before["cell-4"] {
		t.Errorf("%d moves to fill cell-4 again with %d", n, before["cell-4"])
	}
	wantCounts(t, "after drain and undrain", carryOut(t, m, plan).Counts(), plan.Quotas)
}
