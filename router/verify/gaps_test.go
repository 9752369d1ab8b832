package verify

import (
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// rowsIn is an answer with rows in exactly the partitions named: it does not ask mayHold.
func rowsIn(cell string, list []protocol.Holding, in ...placement.Partition) protocol.Holdings {
	counts := map[placement.Partition]int64{}
	for _, p := range in {
		counts[p]++
	}
	return protocol.Holdings{Cell: cell, Partitions: list, Tables: map[string]map[placement.Partition]int64{"customers": counts}}
}

func TestWhereRowsMayBe(t *testing.T) {
	for _, test := range []struct {
		name    string
		theirs  protocol.Holding
		verdict Verdict
	}{
		{"importing", protocol.Holding{Partition: 1, State: protocol.StateImporting, Move: "m"}, Clean},
		{"ready", protocol.Holding{Partition: 1, State: protocol.StateReady, Move: "m"}, Clean},
		{"moved, not swept", protocol.Holding{Partition: 1, State: protocol.StateMoved, Move: "m"}, Clean},
		{"moved and swept", protocol.Holding{Partition: 1, State: protocol.StateMoved, Swept: true}, Wrong},
		{"absent", protocol.Holding{Partition: 1, State: protocol.StateAbsent, Move: "m"}, Wrong},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := New(4)
			a := rowsIn("a", []protocol.Holding{owned(0, 1), owned(1, 1)}, 0, 1)
			b := rowsIn("b", []protocol.Holding{owned(2, 1), owned(3, 1), test.theirs}, 1, 2, 3)
			for range 3 {
				v.Take(Look{Map: ordinary(t), Open: map[string]bool{"m": true}, Answers: answers(a, b)})
			}
			if r := v.Report(); r.Verdict != test.verdict {
				t.Errorf("%+v, want %s", r, test.verdict)
			}
		})
	}
}

func TestAFencedPartitionIsOwned(t *testing.T) {
	v := New(4)
	fenced := protocol.Holding{Partition: 1, State: protocol.StateFenced, Epoch: 1, Move: "m"}
	v.Take(Look{Map: ordinary(t), Open: map[string]bool{"m": true}, Answers: answers(
		rowsIn("a", []protocol.Holding{owned(0, 1), fenced}, 0, 1), rowsIn("b", []protocol.Holding{owned(2, 1), owned(3, 1)}))})
	if r := v.Report(); r.Verdict != Clean {
		t.Errorf("%+v", r)
	}
}

func TestAnOwnerAtAnotherEpochThanTheMapsIsWrong(t *testing.T) {
	v := New(4)
	for range 3 {
		v.Take(Look{Map: ordinary(t), Answers: answers(
			rowsIn("a", []protocol.Holding{owned(0, 1), owned(1, 2)}), rowsIn("b", []protocol.Holding{owned(2, 1), owned(3, 1)}))})
	}
	if r := v.Report(); r.Verdict != Wrong {
		t.Errorf("%+v", r)
	}
}

func TestASilentCellThatOwnsNothingLeavesTheVerdictOpen(t *testing.T) {
	v := New(4)
	v.Take(Look{Map: ordinary(t), Silent: map[string]string{"c": "refused"}, Answers: answers(
		rowsIn("a", []protocol.Holding{owned(0, 1), owned(1, 1)}), rowsIn("b", []protocol.Holding{owned(2, 1), owned(3, 1)}))})
	if r := v.Report(); r.Verdict != Unknown || r.Settled != 4 {
		t.Errorf("%+v", r)
	}
}

// A second owner that fell silent is known only from its earlier answer: that proves nothing.
func TestTheEarlierAnswerOfASilentCellConvictsNobody(t *testing.T) {
	v := New(4)
	all := answers(rowsIn("a", []protocol.Holding{owned(0, 1), owned(1, 1)}), rowsIn("b", []protocol.Holding{owned(1, 2), owned(2, 1), owned(3, 1)}))
	v.Take(Look{Map: ordinary(t), Answers: all})
	v.Take(Look{Map: ordinary(t), Answers: all, Silent: map[string]string{"b": "refused"}})
	if r := v.Report(); r.Verdict != Unknown || len(r.Wrong) != 0 {
		t.Errorf("%+v", r)
	}
}
