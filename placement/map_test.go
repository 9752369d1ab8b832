package placement

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestNewMap_is_unassigned(t *testing.T) {
	m, err := NewMap(8)
	if err != nil {
		t.Fatal(err)
	}
	if m.Partitions() != 8 || m.Epoch() != 0 || m.HighestEpoch() != 0 || len(m.Cells()) != 0 || len(m.Counts()) != 0 {
		t.Errorf("not empty: %+v", m)
	}
	for _, p := range []Partition{-1, 0, 7, 8, 1 << 40} {
		if cell, epoch := m.Owner(p); cell != "" || epoch != 0 {
			t.Errorf("partition %d belongs to %q since %d", p, cell, epoch)
		}
	}
	if _, err := NewMap(7); !errors.Is(err, ErrPartitionCount) {
		t.Errorf("7 partitions: got %v", err)
	}
}

func TestMap_WithOwner_refuses_what_it_cannot_hold(t *testing.T) {
	m := mustFirstMap(t, 4, equalMembers(2))
	for _, c := range []struct {
		name  string
		p     Partition
		cell  string
		epoch Epoch
		want  error
	}{
		{"same epoch", 0, "cell-1", 1, ErrEpoch},
		{"lower epoch", 0, "cell-1", 0, ErrEpoch},
		{"partition too high", 4, "cell-1", 9, ErrNoPartition},
		{"negative partition", -1, "cell-1", 9, ErrNoPartition},
		{"no cell", 0, "", 9, ErrCellName},
		{"bad cell", 0, "Cell", 9, ErrCellName},
	} {
		if _, err := m.WithOwner(c.p, c.cell, c.epoch); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestMap_WithOwner_raises_the_map_epoch(t *testing.T) {
	m := mustFirstMap(t, 4, equalMembers(1))
	for _, c := range []struct {
		p           Partition
		epoch, want Epoch
	}{{0, 7, 7}, {1, 3, 8}, {0, 8, 9}, {2, 10, 10}} {
		next, err := m.WithOwner(c.p, "cell-2", c.epoch)
		if err != nil {
			t.Fatal(err)
		}
		if next.Epoch() != c.want {
			t.Errorf("map at %d, partition to %d: map epoch %d, want %d", m.Epoch(), c.epoch, next.Epoch(), c.want)
		}
		m = next
	}
	if m.HighestEpoch() != 10 {
		t.Errorf("highest epoch %d", m.HighestEpoch())
	}
}

func TestMap_holds_no_more_cells_than_it_may(t *testing.T) {
	m := mustFirstMap(t, 4096, equalMembers(MaxCells))
	if _, err := m.WithOwner(0, "one-more", 2); !errors.Is(err, ErrMembers) {
		t.Fatalf("got %v", err)
	}
}

func TestMap_Owner_allocates_nothing(t *testing.T) {
	m := mustFirstMap(t, DefaultPartitions, equalMembers(3))
	if allocs := testing.AllocsPerRun(100, func() { m.Owner(PartitionOf("customer-1", DefaultPartitions)) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestMap_hands_out_copies(t *testing.T) {
	m := mustFirstMap(t, 4, equalMembers(2))
	m.Cells()[0] = "changed"
	m.Counts()["cell-1"] = 99
	m.Owned("cell-1")[0] = 99
	if got := m.Cells(); !slices.Equal(got, []string{"cell-1", "cell-2"}) {
		t.Errorf("cells %v", got)
	}
	if m.Counts()["cell-1"] != 2 || m.Owned("cell-1")[0] == 99 {
		t.Error("counts or owned partitions changed")
	}
}

// model is the map written naively, to hold the real one against.
type model struct {
	owner map[Partition]string
	epoch map[Partition]Epoch
}

func TestMap_behaves_like_a_plain_table(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := 1 << rapid.IntRange(0, 6).Draw(t, "power")
		m, err := NewMap(count)
		if err != nil {
			t.Fatal(err)
		}
		want := model{map[Partition]string{}, map[Partition]Epoch{}}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			p := Partition(rapid.IntRange(0, count-1).Draw(t, "p"))
			cell := fmt.Sprintf("cell-%d", rapid.IntRange(0, 12).Draw(t, "cell"))
			epoch := want.epoch[p] + Epoch(rapid.Uint64Range(1, 5).Draw(t, "rise"))
			before, old := mustMarshal(t, m), m
			if m, err = m.WithOwner(p, cell, epoch); err != nil {
				t.Fatal(err)
			}
			want.owner[p], want.epoch[p] = cell, epoch
			if m.Epoch() <= old.Epoch() || m.Epoch() < m.HighestEpoch() {
				t.Fatalf("map epoch %d after %d, highest of a partition %d", m.Epoch(), old.Epoch(), m.HighestEpoch())
			}
			if !slices.Equal(before, mustMarshal(t, old)) {
				t.Fatal("the old map changed")
			}
		}
		want.check(t, m)
	})
}

func (w model) check(t *rapid.T, m *Map) {
	counts := map[string]int{}
	for p := range Partition(m.Partitions()) {
		if cell, epoch := m.Owner(p); cell != w.owner[p] || epoch != w.epoch[p] {
			t.Fatalf("partition %d: %q at %d, want %q at %d", p, cell, epoch, w.owner[p], w.epoch[p])
		}
		if w.owner[p] != "" {
			counts[w.owner[p]]++
		}
	}
	if !maps.Equal(counts, m.Counts()) {
		t.Fatalf("counts %v, want %v", m.Counts(), counts)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(counts)), m.Cells()) {
		t.Fatalf("cells %v, want those of %v", m.Cells(), counts)
	}
	for cell, n := range counts {
		owned := m.Owned(cell)
		if len(owned) != n || !slices.IsSorted(owned) {
			t.Fatalf("%s owns %v, want %d in order", cell, owned, n)
		}
		for _, p := range owned {
			if w.owner[p] != cell {
				t.Fatalf("%s owns %d of %s", cell, p, w.owner[p])
			}
		}
	}
	if m.Owned("stranger") != nil {
		t.Fatal("a stranger owns something")
	}
	if len(w.epoch) > 0 && m.HighestEpoch() != slices.Max(slices.Collect(maps.Values(w.epoch))) {
		t.Fatalf("highest epoch %d", m.HighestEpoch())
	}
}
