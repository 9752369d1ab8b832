package admin

import (
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

func TestProgress_running(t *testing.T) {
	three := worldOf(t, "cell-a", "cell-b", "cell-c")
	stored := func(w world, r registry.Rebalance) world { w.rebalance = r; return w }
	joined := three.with("cell-d", true)
	foreign := three.with("cell-d", true)
	foreign.instances[3].ClusterID = "another"
	otherDB := three.with("cell-d", true)
	otherDB.instances[3].DatabaseID = "another"
	cases := []struct {
		name    string
		w       world
		running bool
	}{
		{"nothing to do", three, false},
		{"a cell has just registered", joined, true},
		{"it is not healthy yet", three.with("cell-d", false), false},
		{"it is of another cluster", foreign, false},
		{"it has another database than is known", otherDB, false},
		{"its share has arrived", joined.moved(t), false},
		{"the last moves are open", joined.moving(t, 4), true},
		{"a cell is to be drained", three.change("cell-b", draining), true},
		{"it has been", three.change("cell-b", draining).moved(t), false},
		{"a drained cell is to be filled again", three.change("cell-b", draining).moved(t).change("cell-b", func(c *registry.Cell) { c.Draining = false }), true},
		{"an owner is silent", three.silent("cell-a"), false},
		{"an owner is silent and draining", three.silent("cell-a").change("cell-a", draining), true},
		{"a joining cell that was asked to go", joined.change("cell-d", draining), false},
		{"the mover says so", stored(three, registry.Rebalance{Running: true}), true},
		{"all are draining", three.change("cell-a", draining).change("cell-b", draining).change("cell-c", draining), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if p := c.w.progress(time.Now()); p.Running != c.running {
				t.Errorf("got %+v", p)
			}
		})
	}
	empty := world{cluster: cluster}
	if empty.progress(time.Now()).Running {
		t.Error("without map and cells something runs")
	}
	if !empty.with("cell-a", true).progress(time.Now()).Running {
		t.Error("the first map is to come, and nothing runs")
	}
}

func TestProgress_numbers(t *testing.T) {
	start := time.Unix(1000, 0)
	w := worldOf(t, "cell-a", "cell-b", "cell-c").with("cell-d", true)
	w.rebalance = registry.Rebalance{AskedBy: "drain", Done: 9, Total: 9, Rows: 900, StartedAt: start, EndedAt: start.Add(9 * time.Second), Problem: "old"}

	p := w.progress(start.Add(time.Hour))
	if p.Done != 0 || p.Total != 4 || p.AskedBy != "" || p.Problem != "" || p.ETASeconds != nil || p.RowsPerSecond != 0 {
		t.Errorf("what is to begin shows the last one's numbers: %+v", p)
	}

	w.rebalance = registry.Rebalance{Running: true, AskedBy: "join", Done: 1, Total: 4, Rows: 50, StartedAt: start}
	p = w.progress(start.Add(10 * time.Second))
	if p.Done != 1 || p.Total != 4 || p.RowsPerSecond != 5 || p.ETASeconds == nil || *p.ETASeconds != 30 || p.ETA() != "30s" {
		t.Errorf("while it runs: %+v", p)
	}

	w.rebalance.Done, w.rebalance.Total = 0, 0
	if p = w.progress(start.Add(time.Second)); p.Total != 4 || p.ETASeconds != nil || p.ETA() != "" {
		t.Errorf("while the cell settles: %+v", p)
	}

	w = w.moved(t)
	w.rebalance = registry.Rebalance{Done: 4, Total: 4, Rows: 200, StartedAt: start, EndedAt: start.Add(10 * time.Second)}
	if p = w.progress(start.Add(time.Hour)); p.Running || p.RowsPerSecond != 20 || p.ETASeconds != nil {
		t.Errorf("afterwards: %+v", p)
	}
}

func TestProgress_says_what_stands_in_the_way(t *testing.T) {
	w := worldOf(t, "cell-a", "cell-b").with("cell-c", true)
	w.leader = ""
	if p := w.progress(time.Now()); p.Problem != "no mover leads" {
		t.Errorf("got %+v", p)
	}
	all := worldOf(t, "cell-a").change("cell-a", draining)
	if p := all.progress(time.Now()); p.Problem == "" {
		t.Errorf("got %+v", p)
	}
}

func TestCells_status(t *testing.T) {
	three := worldOf(t, "cell-a", "cell-b", "cell-c")
	joined := three.with("cell-d", true)
	drained := three.change("cell-b", draining).moved(t)
	removed := drained.change("cell-b", func(c *registry.Cell) { c.Removed = true })
	half := joined
	half.rebalance = registry.Rebalance{Running: true, AskedBy: "join"}
	plan, err := half.plan()
	if err != nil {
		t.Fatal(err)
	}
	if half.m, err = half.m.WithOwner(plan.Moves[0].Partition, "cell-d", 99); err != nil {
		t.Fatal(err)
	}
	receiving := three.change("cell-b", draining)
	receiving.rebalance = registry.Rebalance{Running: true, AskedBy: "drain"}
	noMap := world{cluster: cluster}.with("cell-a", true)
	sick := three.silent("cell-a")
	cases := []struct {
		name string
		w    world
		cell string
		want Status
	}{
		{"owns and is healthy", three, "cell-a", StatusActive},
		{"owns and has no instance", sick, "cell-a", StatusSick},
		{"others are not sick", sick, "cell-b", StatusActive},
		{"has just registered", joined, "cell-d", StatusJoining},
		{"has registered, is not healthy yet", three.with("cell-d", false), "cell-d", StatusJoining},
		{"its share is arriving", half, "cell-d", StatusJoining},
		{"those who give are active", half, "cell-a", StatusActive},
		{"its share has arrived", joined.moved(t), "cell-d", StatusActive},
		{"is being emptied", three.change("cell-b", draining), "cell-b", StatusDraining},
		{"is empty and not gone", drained, "cell-b", StatusDraining},
		{"is empty and gone", drained.silent("cell-b"), "cell-b", StatusGone},
		{"receives because another is drained", receiving, "cell-a", StatusActive},
		{"removed and gone", removed.silent("cell-b"), "cell-b", ""},
		{"removed, its process still there", removed, "cell-b", StatusDraining},
		{"waits for the first map", noMap, "cell-a", StatusJoining},
		{"is known and was never there", three.with("cell-x", true).silent("cell-x"), "cell-x", StatusGone},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got Status
			for _, info := range c.w.cellInfos() {
				if info.CellID == c.cell {
					got = info.Status
				}
			}
			if got != c.want {
				t.Errorf("%s is %q, want %q", c.cell, got, c.want)
			}
		})
	}
}

func TestCells_an_owner_that_the_registry_has_forgotten_is_listed(t *testing.T) {
	w := worldOf(t, "cell-a", "cell-b").silent("cell-b")
	w.cells = w.cells[:1]
	infos := w.cellInfos()
	if len(infos) != 2 || infos[1].CellID != "cell-b" || infos[1].Partitions != 8 || infos[1].Status != StatusSick {
		t.Errorf("got %+v", infos)
	}
	if _, err := w.plan(); err != nil {
		t.Errorf("no plan: %v", err)
	}
}

func TestOrders_what_may_be_asked(t *testing.T) {
	two := worldOf(t, "cell-a", "cell-b")
	drained := two.change("cell-b", draining).moved(t)
	arriving := two.with("cell-c", true).moving(t, 1)
	cases := []struct {
		name string
		err  error
		ok   bool
	}{
		{"drain one of two", two.mayDrain("cell-a"), true},
		{"drain the last", drained.mayDrain("cell-a"), false},
		{"drain the last, another being sick but owning", two.silent("cell-b").mayDrain("cell-a"), true},
		{"drain the last, another never having been healthy", worldOf(t, "cell-a").with("cell-b", false).mayDrain("cell-a"), false},
		{"drain a stranger", two.mayDrain("cell-x"), false},
		{"drain again", drained.mayDrain("cell-b"), true},
		{"remove an owner", two.mayRemove("cell-a"), false},
		{"remove a drained one", drained.mayRemove("cell-b"), true},
		{"remove it again", drained.change("cell-b", func(c *registry.Cell) { c.Removed = true }).mayRemove("cell-b"), true},
		{"remove the target of a move", arriving.change("cell-c", draining).mayRemove("cell-c"), false},
		{"remove one that is to get its share", two.with("cell-c", true).mayRemove("cell-c"), false},
		{"remove one that never came", two.with("cell-c", false).mayRemove("cell-c"), true},
		{"remove a stranger", two.mayRemove("cell-x"), false},
	}
	for _, c := range cases {
		if (c.err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
}
