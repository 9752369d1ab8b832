package route

import (
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

const key = "customer-1"

// tableOf returns a table of 4 partitions in which owner has all of them at the given epoch, and the instances.
func tableOf(t *testing.T, owner string, epoch placement.Epoch, list ...registry.Instance) *Table {
	t.Helper()
	return new(Table).WithMap(mapOf(t, owner, epoch), "cluster", SourceLive).WithInstances(list)
}

func mapOf(t *testing.T, owner string, epoch placement.Epoch) *placement.Map {
	t.Helper()
	m, err := placement.NewMap(4)
	if err != nil {
		t.Fatal(err)
	}
	for p := range placement.Partition(4) {
		if m, err = m.WithOwner(p, owner, epoch); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func instance(cell, address string, healthy bool) registry.Instance {
	return registry.Instance{ID: cell + "-" + address, Cell: cell, Address: address, Healthy: healthy}
}

var (
	a1 = instance("cell-a", "a:1", true)
	a2 = instance("cell-a", "a:2", true)
	b1 = instance("cell-b", "b:1", true)
	c1 = instance("cell-c", "c:1", true)
)
