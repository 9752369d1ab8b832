package gate

import (
	"slices"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

func TestApply_discards_what_was_read_before(t *testing.T) {
	owned, moved := protocol.Row{State: protocol.StateOwned}, protocol.Row{State: protocol.StateMoved, Peer: "cell-b", Epoch: 2}
	for what, between := range map[string]func(f *fixture){
		"a newer row":        func(f *fixture) { f.know(moved) },
		"a close for writes": func(f *fixture) { f.CloseWrites(0, time.Now().Add(time.Hour)) },
		"a close for reads":  func(f *fixture) { f.CloseReads(0, 1) },
		"a new lease":        func(f *fixture) { f.acquire(time.Now().Add(time.Hour)) },
	} {
		t.Run(what, func(t *testing.T) {
			f := serving(t)
			one, all := f.BeginLoad(0), f.BeginFullLoad()
			between(f)
			before := f.State(0)
			if f.Apply(one, owned) {
				t.Error("a row from before was applied")
			}
			if passed := f.ApplyAll(all, []protocol.Row{owned}); !slices.Equal(passed, []placement.Partition{0}) {
				t.Errorf("passed %v", passed)
			}
			if f.State(0) != before {
				t.Errorf("state went from %s to %s", before, f.State(0))
			}
			if !f.Apply(f.BeginLoad(0), owned) {
				t.Error("a row from after was not applied")
			}
		})
	}
}

func TestApply_refuses_the_row_of_another_partition(t *testing.T) {
	f := serving(t)
	if f.Apply(f.BeginLoad(0), protocol.Row{Partition: 1, State: protocol.StateAbsent}) {
		t.Error("applied")
	}
}

func TestApplyAll_ignores_rows_of_no_partition(t *testing.T) {
	f := serving(t)
	passed := f.ApplyAll(f.BeginFullLoad(), []protocol.Row{{Partition: -1}, {Partition: testPartitions}, {Partition: 2, State: protocol.StateReady}})
	if len(passed) != 0 || f.States()[protocol.StateReady] != 1 {
		t.Errorf("passed %v, states %v", passed, f.States())
	}
}
