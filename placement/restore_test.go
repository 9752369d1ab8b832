package placement

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMapOf_is_the_map_that_had_these_owners(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := 1 << rapid.IntRange(0, 5).Draw(t, "power")
		m, err := NewMap(count)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 40).Draw(t, "changes") {
			p := Partition(rapid.IntRange(0, count-1).Draw(t, "p"))
			m, err = m.WithOwner(p, rapid.SampledFrom([]string{"cell-a", "cell-b", "cell-c"}).Draw(t, "cell"), m.Epoch()+1)
			if err != nil {
				t.Fatal(err)
			}
		}
		owners := make([]Ownership, count)
		for p := range owners {
			owners[p].Cell, owners[p].Epoch = m.Owner(Partition(p))
		}
		again, err := MapOf(m.Epoch(), owners)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(mustMarshal(t, again), mustMarshal(t, m)) {
			t.Fatalf("another map: %+v, want %+v", again, m)
		}
		if again.HighestEpoch() != m.HighestEpoch() || !slices.Equal(again.Cells(), m.Cells()) {
			t.Fatalf("highest epoch %d of %v, want %d of %v", again.HighestEpoch(), again.Cells(), m.HighestEpoch(), m.Cells())
		}
	})
}

func TestMapOf_refuses_what_no_map_holds(t *testing.T) {
	for name, c := range map[string]struct {
		owners []Ownership
		want   error
	}{
		"three partitions":        {make([]Ownership, 3), ErrPartitionCount},
		"an owner without epoch":  {[]Ownership{{Cell: "cell-a"}}, ErrEpoch},
		"an epoch above the map":  {[]Ownership{{"cell-a", 8}}, ErrEpoch},
		"an epoch without a cell": {[]Ownership{{"", 3}}, ErrCellName},
		"a bad name":              {[]Ownership{{"Cell", 3}}, ErrCellName},
	} {
		if _, err := MapOf(7, c.owners); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
