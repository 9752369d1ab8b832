package ledger

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// errand is a command to one of the two cells of a move.
type errand struct {
	name     string
	toTarget bool
	rule     rule
}

// story is a move from step 2 to step 12; what disturbs it is below.
var (
	story = []errand{
		{"record", false, recordMove},
		{"import", true, importing},
		{"copy", true, copyAll},
		{"fence", false, fence},
		{"pull", true, pull("base", "next")},
		{"reads", false, markReads},
		{"handover", false, handover},
		{"own", true, own},
		{"compare", false, compared},
		{"receipt", true, receiptAt("target")},
		{"sweep", false, sweep},
	}
	disturbances = append([]errand{
		{"adopt", false, adopt},
		{"adopt", true, adopt},
		{"release", false, release},
		{"clear", true, clearImport},
		{"self-release", false, selfRelease},
	}, story...)
)

// TestTwoRowsNeverBothOwn sends a partition there and back between two cells, again and again, while commands of any
// of the moves arrive late, twice or out of order, and fences open by themselves. The mover's obligations are kept:
// own only on the source's word that it has handed over, clear only if it has not, pull only what is fenced.
// Everything else must hold by the rules alone.
func TestTwoRowsNeverBothOwn(t *testing.T) {
	arrivals := 0
	rapid.Check(t, func(rt *rapid.T) {
		rows := []record{
			{protocol.Row{State: protocol.StateOwned, Epoch: 1, HighEpoch: 1}},
			{protocol.Row{State: protocol.StateAbsent}},
		}
		sources := map[int]int{}
		for n := range rapid.IntRange(40, 120).Draw(rt, "length") {
			e, move := story[n%len(story)], 1+n/len(story)
			if rapid.IntRange(0, 9).Draw(rt, "calm") == 7 {
				e = rapid.SampledFrom(disturbances).Draw(rt, "disturbance")
				move = rapid.IntRange(max(1, move-2), move+1).Draw(rt, "of move")
			}
			// The source of a move is who owned when it was planned.
			from, planned := sources[move]
			if !planned {
				from = 0
				if rows[1].State == protocol.StateOwned {
					from = 1
				}
				sources[move] = from
			}
			source, target := &rows[from], &rows[1-from]
			cmd := protocol.Command{
				Move: fmt.Sprint("m", move), Epoch: placement.Epoch(move + 1), Token: uint64(move),
				FenceNo: source.FenceNo, Attempt: target.Attempt, FenceMS: 1, Receipt: &protocol.Receipt{To: "target"},
			}
			at := source
			if e.toTarget {
				at = target
				frozen := source.leaving(cmd) && source.State == protocol.StateFenced
				if e.name == "own" && !source.gone(cmd) || e.name == "clear" && source.gone(cmd) || e.name == "pull" && !frozen || e.name == "copy" && !source.leaving(cmd) {
					continue
				}
			}
			if apply(rt, at, e, cmd) && e.name == "own" {
				arrivals++
			}
			if rows[0].State == protocol.StateOwned && rows[1].State == protocol.StateOwned {
				rt.Fatalf("both own after %s: %+v and %+v", e.name, rows[0], rows[1])
			}
		}
	})
	if arrivals < 30 {
		t.Errorf("only %d moves arrived: this was no test", arrivals)
	}
}

// copyAll is step 4 in one: a batch with everything, and no change since.
func copyAll(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if r.Copied {
		return stay(r)
	}
	v, problem := copyBatch(0, "base")(r, cmd)
	if problem == nil {
		v.next.Mark = "base"
		v, problem = copied(1, "base")(v.next, cmd)
	}
	return v, problem
}

// apply runs the rule, checks what never falls, and reports whether it was allowed.
func apply(rt *rapid.T, at *record, e errand, cmd protocol.Command) bool {
	v, problem := judge(e.rule, *at, cmd)
	if problem != nil {
		return false
	}
	if v.next.Token < at.Token || v.next.HighEpoch < at.HighEpoch || v.next.Epoch < at.Epoch || v.next.Attempt < at.Attempt {
		rt.Fatalf("something fell at %s: %+v, then %+v", e.name, *at, v.next)
	}
	if v.wipe && (at.State == protocol.StateOwned || at.State == protocol.StateFenced) {
		rt.Fatalf("%s wiped rows that this cell owns: %+v, then %+v", e.name, *at, v.next)
	}
	*at = v.next
	return true
}

// selfRelease is what SelfRelease does to a fenced row, at any moment.
func selfRelease(r record, _ protocol.Command) (verdict, *protocol.Problem) {
	if r.State == protocol.StateFenced {
		r.State, r.ReadFence = protocol.StateOwned, 0
	}
	return stay(r)
}
