package cell

import (
	"testing"

	"github.com/cellway/cellway/internal/protocol"
)

func TestClaim_target_owns_on_the_sources_word(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	wantStatus(t, "create", a.put(0, "Ann"), 200)
	m := newMove(t, a, b, 0, 2)
	m.untilReady()
	for range 5 {
		wantFenced(t, "not handed over yet", b.get(0))
	}
	if row := b.row(0); row.State != protocol.StateReady {
		t.Fatalf("owned without the source's word: %+v", row)
	}
	m.handover() // and the mover dies
	eventually(t, "the target owns", func() bool { got := b.get(0); return got.status == 200 && got.body == "Ann" })
	if row := b.row(0); row.State != protocol.StateOwned || row.Epoch != 2 || row.Move != m.base.Move {
		t.Errorf("row %+v", row)
	}
}

func TestHandedOver(t *testing.T) {
	target := protocol.Row{State: protocol.StateReady, Move: "m", MoveEpoch: 7, FenceNo: 3}
	yes := protocol.Row{State: protocol.StateMoved, Move: "m", Epoch: 7, FenceNo: 3, Peer: "cell-b"}
	if !handedOver(yes, target, "cell-b") {
		t.Error("the source's word was not taken")
	}
	for what, change := range map[string]func(*protocol.Row){
		"still fenced":      func(r *protocol.Row) { r.State = protocol.StateFenced },
		"another move":      func(r *protocol.Row) { r.Move = "other" },
		"no move":           func(r *protocol.Row) { r.Move = "" },
		"another epoch":     func(r *protocol.Row) { r.Epoch = 8 },
		"another fencing":   func(r *protocol.Row) { r.FenceNo = 4 },
		"to another cell":   func(r *protocol.Row) { r.Peer = "cell-c" },
		"another partition": func(r *protocol.Row) { r.Partition = 1 },
	} {
		source := yes
		change(&source)
		if handedOver(source, target, "cell-b") {
			t.Errorf("%s was taken for the source's word", what)
		}
	}
}
