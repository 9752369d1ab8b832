package restored

import (
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

func owned(epoch placement.Epoch) protocol.Row {
	return protocol.Row{State: protocol.StateOwned, Epoch: epoch, HighEpoch: epoch, Token: 3, FenceNo: 2}
}

func moved(to string, epoch placement.Epoch) protocol.Row {
	return protocol.Row{State: protocol.StateMoved, Epoch: epoch, HighEpoch: epoch, Peer: to, Swept: true}
}

func target(state protocol.State, from string, epoch placement.Epoch) protocol.Row {
	return protocol.Row{State: state, HighEpoch: epoch, Move: "m", MoveEpoch: epoch, Peer: from, Attempt: 1}
}

func TestDecide(t *testing.T) {
	type peers = map[string]protocol.Row
	absent := protocol.Row{State: protocol.StateAbsent}
	unswept := moved("cell-b", 5)
	unswept.Swept, unswept.Move = false, "m"
	fenced := owned(4)
	fenced.State, fenced.Move, fenced.MoveEpoch, fenced.Peer = protocol.StateFenced, "m", 9, "cell-b"
	byMove := owned(4)
	byMove.Move, byMove.MoveEpoch, byMove.Peer = "m", 9, "cell-b"
	for name, tc := range map[string]struct {
		row   protocol.Row
		peers peers
		owner string // in the map
		epoch placement.Epoch
		open  bool
		want  Action
		why   string
	}{
		"nothing has happened since":                 {owned(4), peers{"cell-b": absent}, "cell-a", 4, false, Keep, ""},
		"the map is behind":                          {owned(4), peers{"cell-b": moved("cell-a", 4)}, "cell-b", 2, false, Keep, ""},
		"the map has no owner":                       {owned(4), peers{"cell-b": absent}, "", 0, false, Keep, ""},
		"a fenced row opens again":                   {fenced, peers{"cell-b": target(protocol.StateImporting, "cell-a", 9)}, "cell-a", 4, true, Keep, ""},
		"recorded, the copy goes on or is undone":    {byMove, peers{"cell-b": target(protocol.StateImporting, "cell-a", 9)}, "cell-a", 4, true, Keep, ""},
		"a third cell imports from another":          {owned(4), peers{"cell-b": target(protocol.StateReady, "cell-c", 3)}, "cell-a", 4, false, Keep, ""},
		"it has moved away":                          {owned(4), peers{"cell-b": owned(9)}, "cell-b", 9, false, Moved, "cell-b owns it since epoch 9"},
		"it has moved away, not flipped yet":         {byMove, peers{"cell-b": owned(9)}, "cell-a", 4, true, Moved, "cell-b"},
		"it has moved away and on":                   {fenced, peers{"cell-b": moved("cell-c", 12), "cell-c": owned(12)}, "cell-c", 12, false, Moved, "cell-c"},
		"it has moved away, and is fenced there":     {owned(4), peers{"cell-b": {State: protocol.StateFenced, Epoch: 9}}, "cell-b", 9, false, Moved, "cell-b"},
		"the other is not above":                     {owned(9), peers{"cell-b": owned(4)}, "cell-a", 9, false, Refuse, "cell-b owns it since epoch 4"},
		"the other is equal":                         {owned(9), peers{"cell-b": owned(9)}, "cell-b", 9, false, Refuse, ""},
		"two others":                                 {owned(4), peers{"cell-b": owned(7), "cell-c": owned(9)}, "cell-c", 9, false, Refuse, "two other cells"},
		"another is about to own it":                 {owned(4), peers{"cell-b": target(protocol.StateReady, "cell-a", 9)}, "cell-a", 4, true, Refuse, "complete copy"},
		"the map says another, who does not":         {owned(4), peers{"cell-b": absent}, "cell-b", 9, false, Refuse, "said to have gone to cell-b"},
		"handed on to another, who does not":         {owned(4), peers{"cell-b": moved("cell-c", 9), "cell-c": absent}, "cell-a", 4, false, Refuse, "cell-c"},
		"the map says another at the same epoch":     {owned(4), peers{"cell-b": absent}, "cell-b", 4, false, Refuse, "same epoch"},
		"away and back since: the map says so":       {owned(4), peers{"cell-b": absent}, "cell-a", 12, false, Refuse, "lost"},
		"away and back since: the other cell says":   {owned(4), peers{"cell-b": moved("cell-a", 12)}, "cell-b", 9, false, Refuse, "lost"},
		"away, back, and here again by another":      {owned(4), peers{"cell-b": owned(9)}, "cell-a", 12, false, Refuse, "said to have it since 12"},
		"it came after the backup":                   {absent, peers{"cell-b": moved("cell-a", 9)}, "cell-a", 9, false, Refuse, "older than that"},
		"it came back after the backup":              {moved("cell-b", 5), peers{"cell-b": moved("cell-a", 9)}, "cell-a", 9, false, Refuse, "older than that"},
		"never here":                                 {absent, peers{"cell-b": owned(4)}, "cell-b", 4, false, Keep, ""},
		"long gone":                                  {moved("cell-b", 5), peers{"cell-b": owned(5)}, "cell-b", 5, false, Keep, ""},
		"gone, swept since":                          {unswept, peers{"cell-b": owned(5)}, "cell-b", 5, false, Moved, "old rows"},
		"gone, still to be compared":                 {unswept, peers{"cell-b": owned(5)}, "cell-b", 5, true, Keep, ""},
		"a half import":                              {target(protocol.StateImporting, "cell-b", 9), peers{"cell-b": owned(4)}, "cell-b", 4, true, Absent, "half import"},
		"ready, and the source owns":                 {target(protocol.StateReady, "cell-b", 9), peers{"cell-b": owned(4)}, "cell-b", 4, true, Absent, ""},
		"ready, and the source has handed over":      {target(protocol.StateReady, "cell-b", 9), peers{"cell-b": moved("cell-a", 9)}, "cell-b", 4, true, Keep, "goes on"},
		"ready, had it, and gave it on":              {target(protocol.StateReady, "cell-b", 9), peers{"cell-b": moved("cell-a", 9), "cell-c": owned(12)}, "cell-c", 12, false, Absent, ""},
		"ready, had it, gave it on and got it again": {target(protocol.StateReady, "cell-b", 9), peers{"cell-b": moved("cell-a", 9)}, "cell-a", 15, false, Refuse, ""},
		"importing what was handed over":             {target(protocol.StateImporting, "cell-b", 9), peers{"cell-b": moved("cell-a", 9)}, "cell-b", 4, true, Refuse, "importing"},
	} {
		t.Run(name, func(t *testing.T) {
			f := Facts{Cell: "cell-a", Own: []protocol.Row{tc.row}, Peers: map[string][]protocol.Row{}, Open: map[string]bool{"m": tc.open}}
			f.Own[0].Partition = 1
			for cell, row := range tc.peers {
				row.Partition, row.Token = 1, 70
				f.Peers[cell] = []protocol.Row{{Partition: 0, State: protocol.StateOwned, Epoch: 99}, row}
			}
			m, err := placement.MapOf(100, []placement.Ownership{{}, {Cell: tc.owner, Epoch: tc.epoch}})
			if err != nil {
				t.Fatal(err)
			}
			f.Map = m
			d := Decide(f)[0]
			if d.Do != tc.want || !strings.Contains(d.Why, tc.why) || (tc.want == Refuse) && d.Why == "" {
				t.Fatalf("%s: %q, want %s: %q", d.Do, d.Why, tc.want, tc.why)
			}
			mustBeSafe(t, f, d)
		})
	}
}

// mustBeSafe: what is true of every decision.
func mustBeSafe(t *testing.T, f Facts, d Decision) {
	t.Helper()
	owns := func(r protocol.Row) bool { return r.State == protocol.StateOwned || r.State == protocol.StateFenced }
	if owns(d.Row) && !owns(d.Was) {
		t.Errorf("made an owner: %+v", d.Row)
	}
	if d.Do == Refuse {
		return
	}
	for cell, rows := range f.Peers {
		row := rows[1]
		if owns(row) && owns(d.Row) {
			t.Errorf("two owners: %s and this cell", cell)
		}
		if d.Row.HighEpoch < max(row.Epoch, row.HighEpoch, row.MoveEpoch) || d.Row.Token < row.Token {
			t.Errorf("%+v does not know what %s has seen: %+v", d.Row, cell, row)
		}
	}
	if d.Row.State == protocol.StateOwned && d.Row.FenceNo <= d.Was.FenceNo {
		t.Error("a number of the lost past's fencings may come again")
	}
	if d.Wipes() && (d.Row.Move != "" || owns(d.Row) || d.Do == Moved && (!d.Row.Swept || d.Row.Peer == "" || d.Row.Epoch == 0)) {
		t.Errorf("wiped, and %+v", d.Row)
	}
}
