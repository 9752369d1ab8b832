package placement

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func mustRing(t failer, cells []string, partitions int) *Ring {
	t.Helper()
	r, err := NewRing(cells, partitions)
	if err != nil {
		t.Fatalf("ring: %v", err)
	}
	return r
}

func TestRing_does_not_depend_on_the_order_of_cells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := memberNames(equalMembers(drawCells(t)))
		shuffled := rapid.Permutation(names).Draw(t, "order")
		count := 1 << rapid.IntRange(0, 10).Draw(t, "power")
		a, b := mustRing(t, names, count), mustRing(t, shuffled, count)
		for p := range Partition(count) {
			if a.Owner(p) != b.Owner(p) {
				t.Fatalf("partition %d: %s or %s", p, a.Owner(p), b.Owner(p))
			}
		}
	})
}

func TestRing_gives_no_cell_more_than_its_load(t *testing.T) {
	for _, cells := range []int{1, 2, 3, 17, 200, 1000} {
		names := memberNames(equalMembers(cells))
		known := make(map[string]int)
		for _, name := range names {
			known[name] = 0
		}
		r := mustRing(t, names, DefaultPartitions)
		for p := range Partition(DefaultPartitions) {
			if _, ok := known[r.Owner(p)]; !ok {
				t.Fatalf("%d cells: partition %d to %q", cells, p, r.Owner(p))
			}
			known[r.Owner(p)]++
		}
		limit := int(math.Ceil(float64(DefaultPartitions) / float64(cells) * ringLoad))
		for name, n := range known {
			if n > limit {
				t.Errorf("%d cells: %s has %d, limit %d", cells, name, n, limit)
			}
		}
	}
}

func TestRing_serves_more_cells_than_partitions(t *testing.T) {
	r := mustRing(t, memberNames(equalMembers(100)), 2)
	if r.Owner(0) == "" || r.Owner(1) == "" {
		t.Error("a partition has no owner")
	}
}

func TestRing_Locate_is_the_owner_of_the_keys_partition(t *testing.T) {
	r := mustRing(t, []string{"cell-a", "cell-b", "cell-c"}, 64)
	for i := range 200 {
		key := fmt.Sprintf("customer-%d", i)
		if got, want := r.Locate(key), r.Owner(PartitionOf(key, 64)); got != want || got == "" {
			t.Fatalf("%s: located at %q, its partition at %q", key, got, want)
		}
	}
	for _, p := range []Partition{-1, 64} {
		if r.Owner(p) != "" {
			t.Errorf("partition %d has the owner %q", p, r.Owner(p))
		}
	}
}

func TestNewRing_refuses_what_the_library_would_panic_about(t *testing.T) {
	for _, c := range []struct {
		name       string
		cells      []string
		partitions int
		want       error
	}{
		{"no cells", nil, 8, ErrNoCells},
		{"duplicate", []string{"a", "b", "a"}, 8, ErrMembers},
		{"empty name", []string{""}, 8, ErrCellName},
		{"no partitions", []string{"a"}, 0, ErrPartitionCount},
		{"too many cells", memberNames(equalMembers(MaxCells + 1)), 8, ErrMembers},
	} {
		if _, err := NewRing(c.cells, c.partitions); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestBuildRing_turns_panics_into_errors(t *testing.T) {
	if r, err := buildRing(equalMembers(1), -1); r != nil || !errors.Is(err, ErrRing) {
		t.Errorf("-1 partitions: got %v, %v", r, err)
	}
	if r, err := buildRing(nil, 8); r != nil || !errors.Is(err, ErrRing) {
		t.Errorf("no cells: got %v, %v", r, err)
	}
}

func TestRingReplicas(t *testing.T) {
	for cells, want := range map[int]int{1: 64, 3: 64, 64: 64, 65: 32, 128: 32, 200: 16, 512: 8, 513: 4, 1000: 4, MaxCells: 4} {
		if got := ringReplicas(cells); got != want {
			t.Errorf("%d cells: %d replicas, want %d", cells, got, want)
		}
	}
}
