package admin

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const cluster = "one"

// worldOf has the cells of the names, healthy, each with its share of 16 partitions.
func worldOf(t *testing.T, names ...string) world {
	t.Helper()
	w := world{cluster: cluster, leader: "mover-1"}
	var members []placement.Member
	for _, name := range names {
		w = w.with(name, true)
		members = append(members, placement.Member{Name: name, Weight: 1})
	}
	m, err := placement.FirstMap(16, members)
	if err != nil {
		t.Fatal(err)
	}
	w.m = m
	return w
}

// with adds a cell and one instance of it.
func (w world) with(name string, healthy bool) world {
	w.cells = append(w.cells[:len(w.cells):len(w.cells)], registry.Cell{Name: name, DatabaseID: "db-" + name, Weight: 1})
	w.instances = append(w.instances[:len(w.instances):len(w.instances)], registry.Instance{
		ID: name + "-1", Cell: name, Address: name + ":1", Healthy: healthy, Version: "v", Weight: 1,
		Partitions: 16, ClusterID: cluster, DatabaseID: "db-" + name,
	})
	return w
}

// change changes the record of a cell.
func (w world) change(name string, fn func(*registry.Cell)) world {
	cells := append([]registry.Cell{}, w.cells...)
	for i := range cells {
		if cells[i].Name == name {
			fn(&cells[i])
		}
	}
	w.cells = cells
	return w
}

func draining(c *registry.Cell) { c.Draining = true }

// silent takes away the instances of a cell.
func (w world) silent(name string) world {
	var left []registry.Instance
	for _, in := range w.instances {
		if in.Cell != name {
			left = append(left, in)
		}
	}
	w.instances = left
	return w
}

// moving opens the first n of the planned moves.
func (w world) moving(t *testing.T, n int) world {
	t.Helper()
	plan, err := w.plan()
	if err != nil || len(plan.Moves) < n {
		t.Fatalf("no %d moves are planned: %d, %v", n, len(plan.Moves), err)
	}
	for i, mv := range plan.Moves[:n] {
		w.open = append(w.open, registry.Move{
			Partition: mv.Partition, From: mv.From, To: mv.To, Epoch: w.m.HighestEpoch() + placement.Epoch(i) + 1, State: registry.MoveOpen, AskedBy: "join",
		})
	}
	return w
}

// moved is the world after the rebalance: everything where the plan wants it.
func (w world) moved(t *testing.T) world {
	t.Helper()
	plan, err := w.plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, mv := range plan.Moves {
		if w.m, err = w.m.WithOwner(mv.Partition, mv.To, w.m.HighestEpoch()+1); err != nil {
			t.Fatal(err)
		}
	}
	return w
}
