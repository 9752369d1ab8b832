package verify

import (
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Four partitions, two for each of two cells, at epoch 1.
func mapOf(t *testing.T, owners ...placement.Ownership) *placement.Map {
	t.Helper()
	m, err := placement.MapOf(10, owners)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func at(cell string, epoch placement.Epoch) placement.Ownership {
	return placement.Ownership{Cell: cell, Epoch: epoch}
}

func ordinary(t *testing.T) *placement.Map {
	return mapOf(t, at("a", 1), at("a", 1), at("b", 1), at("b", 1))
}

// held is an answer: the holdings, and one customer in each partition that may have rows, besides those of extra.
func held(cell string, list []protocol.Holding, extra ...placement.Partition) protocol.Holdings {
	counts := map[placement.Partition]int64{}
	for _, h := range list {
		if (seat{Holding: h}).mayHold() {
			counts[h.Partition]++
		}
	}
	for _, p := range extra {
		counts[p]++
	}
	return protocol.Holdings{Cell: cell, Partitions: list, Tables: map[string]map[placement.Partition]int64{"customers": counts}}
}

func owned(p placement.Partition, epoch placement.Epoch) protocol.Holding {
	return protocol.Holding{Partition: p, State: protocol.StateOwned, Epoch: epoch}
}

func answers(list ...protocol.Holdings) map[string]protocol.Holdings {
	all := map[string]protocol.Holdings{}
	for _, h := range list {
		all[h.Cell] = h
	}
	return all
}

func TestVerdicts(t *testing.T) {
	moved := protocol.Holding{Partition: 1, State: protocol.StateMoved, Epoch: 2, Peer: "b", Move: "m"}
	swept := protocol.Holding{Partition: 1, State: protocol.StateMoved, Epoch: 2, Peer: "b", Swept: true}
	ready := protocol.Holding{Partition: 1, State: protocol.StateReady, Peer: "a", Move: "m"}
	recorded := protocol.Holding{Partition: 1, State: protocol.StateOwned, Epoch: 1, Peer: "b", Move: "m"}
	importing := protocol.Holding{Partition: 1, State: protocol.StateImporting, Peer: "a", Move: "m"}
	a, b := []protocol.Holding{owned(0, 1), owned(1, 1)}, []protocol.Holding{owned(2, 1), owned(3, 1)}
	for _, test := range []struct {
		name    string
		a, b    protocol.Holdings
		open    bool // move m is in the journal
		verdict Verdict
		text    string
	}{
		{"at rest", held("a", a), held("b", b), false, Clean, ""},
		{"a row where the cell's row says nothing", held("a", a), held("b", b, 1), false, Wrong, "1 rows are left where b knows nothing of it"},
		{"rows that were swept", held("a", []protocol.Holding{owned(0, 1), swept}, 1), held("b", append(b, owned(1, 2))), false, Wrong, "rows are left where a is moved at epoch 2"},
		{"two owners", held("a", a), held("b", append(b, owned(1, 2))), false, Wrong, "2 owners"},
		{"two owners, with a move that is open", held("a", []protocol.Holding{owned(0, 1), recorded}), held("b", append(b, owned(1, 2))), true, Wrong, "2 owners"},
		{"no owner", held("a", a[:1]), held("b", b), false, Wrong, "nobody owns it"},
		{"no owner, between the steps 8 and 9", held("a", []protocol.Holding{owned(0, 1), moved}), held("b", append(b, ready)), true, Unknown, "nobody owns it"},
		{"a move under way", held("a", []protocol.Holding{owned(0, 1), recorded}), held("b", append(b, importing)), true, Clean, ""},
		{"a move that the journal has not", held("a", []protocol.Holding{owned(0, 1), recorded}), held("b", append(b, importing)), false, Wrong, "names move m"},
		{"the map says another owner", held("a", a[:1]), held("b", append(b, owned(1, 2))), false, Wrong, `the map says "a" at epoch 1`},
		{"the map follows at step 10", held("a", []protocol.Holding{owned(0, 1), moved}), held("b", append(b, protocol.Holding{Partition: 1, State: protocol.StateOwned, Epoch: 2, Move: "m"})), true, Unknown, "the map says"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := New(4)
			for range 3 {
				v.Take(Look{Map: ordinary(t), Open: map[string]bool{"m": test.open}, Answers: answers(test.a, test.b)})
			}
			r := v.Report()
			var texts []string
			for _, f := range append(r.Wrong, r.Unsettled...) {
				texts = append(texts, f.Text)
			}
			if r.Verdict != test.verdict || !strings.Contains(strings.Join(texts, "; "), test.text) {
				t.Errorf("%s: %v, want %s: %s", r.Verdict, texts, test.verdict, test.text)
			}
			if again := v.Ask(); (len(again) == 0) != (test.verdict != Unknown) {
				t.Errorf("asks %v again", again)
			}
		})
	}
}

// The cells were asked one after the other, and a partition went from the one to the other in between.
func TestAnswersThatDoNotFitAreAskedAgain(t *testing.T) {
	before := held("a", []protocol.Holding{owned(0, 1), owned(1, 1)})
	b := held("b", []protocol.Holding{owned(1, 2), owned(2, 1), owned(3, 1)})
	v := New(4)
	v.Take(Look{Map: ordinary(t), Answers: answers(before, b)})
	if r := v.Report(); r.Verdict != Unknown || r.Settled != 3 || len(r.Unsettled) != 1 {
		t.Fatalf("after one look: %+v", r)
	}
	if ask := strings.Join(v.Ask(), " "); ask != "a b" {
		t.Errorf("asks %s", ask)
	}
	after := held("a", []protocol.Holding{owned(0, 1), {Partition: 1, State: protocol.StateMoved, Epoch: 2, Swept: true}})
	v.Take(Look{Map: mapOf(t, at("a", 1), at("b", 2), at("b", 1), at("b", 1)), Answers: answers(after, b)})
	if r := v.Report(); r.Verdict != Clean || r.Rows["customers"] != 4 || r.Owned["b"] != 3 {
		t.Errorf("%+v", r)
	}
}

func TestASilentCellLeavesItsPartitionsOpen(t *testing.T) {
	b := held("b", []protocol.Holding{owned(2, 1), owned(3, 1)})
	v := New(4)
	for range 3 {
		v.Take(Look{Map: ordinary(t), Answers: answers(b), Silent: map[string]string{"a": "refused"}})
	}
	r := v.Report()
	if r.Verdict != Unknown || r.Settled != 2 || len(r.Silent) != 1 || len(r.Wrong) != 0 {
		t.Errorf("%+v", r)
	}
	v.Take(Look{Map: ordinary(t), Answers: answers(b, held("a", []protocol.Holding{owned(0, 1), owned(1, 1)}))})
	if r := v.Report(); r.Verdict != Clean {
		t.Errorf("once it answers: %+v", r)
	}
}

func TestMisfiledRowsAreWrong(t *testing.T) {
	a := held("a", []protocol.Holding{owned(0, 1), owned(1, 1)})
	a.Misfiled = map[string]int64{"notes": 2}
	v := New(4)
	for range 2 {
		v.Take(Look{Map: ordinary(t), Answers: answers(a, held("b", []protocol.Holding{owned(2, 1), owned(3, 1)}))})
	}
	if r := v.Report(); r.Verdict != Wrong || r.Misfiled["notes"] != 2 {
		t.Errorf("%+v", r)
	}
}

// What was settled without a cell is judged again when that cell answers: it may hold what it must not.
func TestACellThatAnswersLateIsHeard(t *testing.T) {
	b := held("b", []protocol.Holding{owned(2, 1), owned(3, 1)})
	mine := func(more ...protocol.Holding) []protocol.Holding {
		return append([]protocol.Holding{owned(0, 1), owned(1, 1)}, more...)
	}
	for name, test := range map[string]struct {
		a       protocol.Holdings
		verdict Verdict
	}{
		"nothing wrong":    {held("a", mine()), Clean},
		"an orphan":        {held("a", mine(), 2), Wrong},
		"a second owner":   {held("a", mine(owned(2, 2))), Wrong},
		"a left-over move": {held("a", mine(protocol.Holding{Partition: 2, State: protocol.StateImporting, Move: "gone"})), Wrong},
	} {
		t.Run(name, func(t *testing.T) {
			v := New(4)
			v.Take(Look{Map: ordinary(t), Answers: answers(b), Silent: map[string]string{"a": "it counts for somebody else"}})
			for range 3 {
				v.Take(Look{Map: ordinary(t), Answers: answers(b, test.a)})
			}
			r := v.Report()
			if r.Verdict != test.verdict {
				t.Errorf("%+v, want %s", r, test.verdict)
			}
			if test.verdict == Clean && (r.Settled != 4 || r.Owned["b"] != 2 || r.Rows["customers"] != 4) {
				t.Errorf("counted twice, or not at all: %+v", r)
			}
		})
	}
}

func TestAnOrphanIsWrongAlsoWhereThePartitionsOwnerIsSilent(t *testing.T) {
	v := New(4)
	a := held("a", []protocol.Holding{owned(0, 1), owned(1, 1)}, 2)
	v.Take(Look{Map: ordinary(t), Answers: answers(a), Silent: map[string]string{"b": "refused"}})
	if r := v.Report(); r.Verdict != Wrong {
		t.Errorf("%+v", r)
	}
}
