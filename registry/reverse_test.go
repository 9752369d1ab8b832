package registry_test

import (
	"reflect"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func TestBackwards_brings_each_partition_back_to_where_it_was_first(t *testing.T) {
	m, err := placement.NewMap(16)
	if err != nil {
		t.Fatal(err)
	}
	for p, owner := range []string{"d", "d", "e", "a", "b"} {
		if m, err = m.WithOwner(placement.Partition(p), owner, 20); err != nil {
			t.Fatal(err)
		}
	}
	move := func(p placement.Partition, from, to string, epoch placement.Epoch, state registry.MoveState) registry.Move {
		return registry.Move{Partition: p, From: from, To: to, Epoch: epoch, State: state}
	}
	legs, alone := registry.Backwards([]registry.Move{
		move(1, "c", "d", 9, registry.MoveDone), // the second of two
		move(1, "a", "c", 8, registry.MoveDone),
		move(0, "a", "d", 2, registry.MoveDone),
		move(2, "a", "d", 3, registry.MoveDone),   // has moved on, to e
		move(3, "a", "d", 4, registry.MoveDone),   // is back already
		move(4, "b", "d", 5, registry.MoveUndone), // never went
	}, m)
	if want := []registry.Leg{{From: "d", To: "a", Partitions: []placement.Partition{0, 1}}}; !reflect.DeepEqual(legs, want) {
		t.Errorf("legs %+v, want %+v", legs, want)
	}
	if want := []registry.Alone{{Partition: 2, Target: "d", CellID: "e"}}; !reflect.DeepEqual(alone, want) {
		t.Errorf("left alone %+v, want %+v", alone, want)
	}
	if left := (&registry.Reverse{Legs: legs}).Left(m); len(left) != 2 || left[0] != (placement.Move{Partition: 0, From: "d", To: "a"}) {
		t.Errorf("left to be made: %+v", left)
	}
}
