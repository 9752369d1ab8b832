package route

import (
	"maps"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// Source says where a table's map comes from.
type Source string

const (
	SourceNone Source = "none" // there is no map yet
	SourceLive Source = "live" // from the registry, by this process
	SourceDisk Source = "disk" // from what an earlier process saved
)

// Owner is who owns a partition, since which epoch.
type Owner struct {
	Cell  string
	Epoch placement.Epoch
}

// Table is what the router knows: who owns what, and which instances serve whom. A Table never changes; the
// With methods make a new one. The zero value knows nothing.
type Table struct {
	cluster   string
	source    Source
	m         *placement.Map // nil: none yet
	instances map[string]bench
	overrides map[placement.Partition]Owner // ahead of the map; learned from refusals
}

// Cluster returns the ID of the cluster that the map belongs to, "" while there is no map.
func (t *Table) Cluster() string { return t.cluster }

// Map returns the map, nil while there is none.
func (t *Table) Map() *placement.Map { return t.m }

// Source says where the map comes from.
func (t *Table) Source() Source {
	if t.m == nil {
		return SourceNone
	}
	return t.source
}

// Owner returns who owns the partition as far as this router knows; the zero Owner if nobody does.
func (t *Table) Owner(p placement.Partition) Owner {
	if len(t.overrides) > 0 {
		if o, ok := t.overrides[p]; ok {
			return o
		}
	}
	if t.m == nil {
		return Owner{}
	}
	cell, epoch := t.m.Owner(p)
	return Owner{cell, epoch}
}

// Partition returns the partition of a key in this table's map, and whether there is a map.
func (t *Table) Partition(key string) (placement.Partition, bool) {
	if t.m == nil {
		return 0, false
	}
	return placement.PartitionOf(key, t.m.Partitions()), true
}

// Overrides returns how many owners the table holds that the map does not have yet.
func (t *Table) Overrides() int { return len(t.overrides) }

// WithMap returns the table with another map of the same or another cluster. What was learned from refusals
// stays where it is still ahead of the map, unless the cluster is another.
func (t *Table) WithMap(m *placement.Map, cluster string, source Source) *Table {
	next := *t
	next.m, next.cluster, next.source = m, cluster, source
	if cluster != t.cluster {
		next.overrides = nil
		return &next
	}
	next.overrides = maps.Clone(t.overrides)
	maps.DeleteFunc(next.overrides, func(p placement.Partition, o Owner) bool {
		_, epoch := m.Owner(p)
		return epoch >= o.Epoch
	})
	return &next
}

// WithOwner returns the table with an owner that a refusal named, and whether that is news: only a strictly
// higher epoch than known is.
func (t *Table) WithOwner(p placement.Partition, o Owner) (*Table, bool) {
	if o.Cell == "" || o.Epoch <= t.Owner(p).Epoch {
		return t, false
	}
	next := *t
	next.overrides = maps.Clone(t.overrides)
	if next.overrides == nil {
		next.overrides = map[placement.Partition]Owner{}
	}
	next.overrides[p] = o
	return &next, true
}

// WithInstances returns the table with another list of instances. A cell that owns partitions keeps its last
// known instances, as unhealthy ones, when the list has none of it: a registry that restarts or goes silent
// takes nobody's address away.
func (t *Table) WithInstances(list []registry.Instance) *Table {
	next := *t
	next.instances = seat(list)
	for cell := range t.needed() {
		if _, listed := next.instances[cell]; listed {
			continue
		}
		if known := t.instances[cell].all; len(known) > 0 {
			next.instances[cell] = unhealthy(known)
		}
	}
	return &next
}

// needed are the cells that own something.
func (t *Table) needed() map[string]bool {
	cells := map[string]bool{}
	if t.m != nil {
		for _, cell := range t.m.Cells() {
			cells[cell] = true
		}
	}
	for _, o := range t.overrides {
		cells[o.Cell] = true
	}
	return cells
}
