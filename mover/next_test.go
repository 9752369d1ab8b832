package mover

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

const (
	lowEpoch, mvEpoch, highEpoch = placement.Epoch(4), placement.Epoch(7), placement.Epoch(9)
	mvID, otherID                = "this-move", "another-move"
)

var (
	allJournalStates = []registry.MoveState{
		registry.MoveOpen, registry.MoveUndoing, registry.MoveFlipped, registry.MoveDone, registry.MoveUndone,
	}
	allSourceRoles = []sourceRole{
		sourceFree, sourceRecorded, sourceFenced, sourceMoved, sourceChecked, sourceSwept, sourceKept, sourceTaken, sourcePast,
		sourceOther, sourceBroken,
	}
	allTargetRoles = []targetRole{
		targetFree, targetImporting, targetPartial, targetCopied, targetReady, targetUnpaired, targetOwner, targetReceived, targetPassed,
		targetClosed, targetOther, targetBroken,
	}
)

// everyRow is every combination of what a row can hold, as far as a move can see it.
func everyRow() []protocol.Row {
	var rows []protocol.Row
	states := []protocol.State{
		protocol.StateAbsent, protocol.StateImporting, protocol.StateReady,
		protocol.StateOwned, protocol.StateFenced, protocol.StateMoved,
	}
	epochs := []placement.Epoch{lowEpoch, mvEpoch, highEpoch}
	for _, state := range states {
		for _, move := range []string{"", mvID, otherID} {
			for _, epoch := range epochs {
				for _, high := range epochs {
					for fenceNo := range int64(3) {
						rows = append(rows, protocol.Row{State: state, Move: move, Epoch: epoch, HighEpoch: high, FenceNo: fenceNo})
						rows = append(rows, progressed(rows[len(rows)-1])...)
					}
				}
			}
		}
	}
	return rows
}

// progressed is what else a row in its state can say of how far it has come.
func progressed(row protocol.Row) []protocol.Row {
	with := func(change func(*protocol.Row)) protocol.Row {
		r := row
		change(&r)
		return r
	}
	switch row.State {
	case protocol.StateMoved:
		return []protocol.Row{with(func(r *protocol.Row) { r.Swept = true }), with(func(r *protocol.Row) { r.Checked = true })}
	case protocol.StateImporting:
		return []protocol.Row{
			with(func(r *protocol.Row) { r.Batch = 1 }),
			with(func(r *protocol.Row) { r.Batch, r.Copied = 1, true }),
		}
	}
	return nil
}

// eachCase calls fn for every journal state, source row and target row.
func eachCase(fn func(mv registry.Move, source, target protocol.Row, step Step)) {
	rows := everyRow()
	for _, state := range allJournalStates {
		mv := registry.Move{ID: mvID, Epoch: mvEpoch, State: state, From: "cell-a", To: "cell-b"}
		for _, source := range rows {
			for _, target := range rows {
				fn(mv, source, target, Next(mv, source, target))
			}
		}
	}
}

// invariant is a rule of the protocol that no answer of Next may break, whatever the rows hold.
type invariant struct {
	name   string
	broken func(mv registry.Move, source, target protocol.Row, step Step) bool
}

func invariants() []invariant {
	return []invariant{
		{"own needs a source that this move has moved", func(mv registry.Move, source, _ protocol.Row, step Step) bool {
			return step.Do == ActOwn && !movedBy(mv, source)
		}},
		{"own needs a complete target", func(_ registry.Move, _, target protocol.Row, step Step) bool {
			return step.Do == ActOwn && target.State != protocol.StateReady
		}},
		{"hand-over needs a target that is ready under the source's fence", func(mv registry.Move, source, target protocol.Row, step Step) bool {
			return step.Do == ActHandover && (source.State != protocol.StateFenced || target.State != protocol.StateReady ||
				source.FenceNo != target.FenceNo || source.Move != mv.ID || target.Move != mv.ID)
		}},
		{"a ready is not cleared while its source may have given the rows away", func(mv registry.Move, source, target protocol.Row, step Step) bool {
			return step.Do == ActClear && target.State == protocol.StateReady && target.Move == mv.ID && (source.State == protocol.StateMoved ||
				source.State == protocol.StateFenced && source.FenceNo == target.FenceNo)
		}},
		{"what owns by this move is not cleared", func(mv registry.Move, _, target protocol.Row, step Step) bool {
			owns := target.State == protocol.StateOwned || target.State == protocol.StateFenced
			return step.Do == ActClear && owns && (target.Epoch == mv.Epoch || target.Move == mv.ID)
		}},
		{"from moved on only forward", func(mv registry.Move, source, _ protocol.Row, step Step) bool {
			back := step.Do == ActUndo || step.Do == ActRelease || step.Do == ActClear || step.Do == ActUndone
			return back && movedBy(mv, source)
		}},
		{"the source is released before the target is cleared", func(mv registry.Move, source, _ protocol.Row, step Step) bool {
			return step.Do == ActClear && (source.Move == mv.ID || source.HighEpoch < mv.Epoch)
		}},
		{"undone only when neither row names the move and both refuse it", func(mv registry.Move, source, target protocol.Row, step Step) bool {
			return step.Do == ActUndone && (source.Move == mv.ID || target.Move == mv.ID ||
				source.HighEpoch < mv.Epoch || target.HighEpoch < mv.Epoch && target.Epoch < mv.Epoch)
		}},
		{"a flip needs a target that owns by this move", func(mv registry.Move, _, target protocol.Row, step Step) bool {
			owns := target.State == protocol.StateOwned || target.State == protocol.StateFenced
			return step.Do == ActFlip && (!owns || target.Epoch != mv.Epoch)
		}},
		{"a sweep needs a flip, a source moved by this move and a target that has owned", func(mv registry.Move, source, target protocol.Row, step Step) bool {
			return step.Do == ActSweep && (mv.State != registry.MoveFlipped || !movedBy(mv, source) || target.Epoch < mv.Epoch)
		}},
		{"done leaves no row that names the move", func(mv registry.Move, source, target protocol.Row, step Step) bool {
			unswept := source.State == protocol.StateMoved && source.Move == mv.ID && !source.Swept && mv.State == registry.MoveFlipped
			return step.Do == ActDone && (unswept || target.Move == mv.ID)
		}},
		{"a move that has ended asks for nothing", func(mv registry.Move, _, _ protocol.Row, step Step) bool {
			ended := mv.State == registry.MoveDone || mv.State == registry.MoveUndone
			return ended != (step.Do == ActNone)
		}},
		{"a fence needs a target that is copied", func(mv registry.Move, _, target protocol.Row, step Step) bool {
			return (step.Do == ActFence || step.Do == ActPull) && (!target.Copied || target.Move != mv.ID)
		}},
		{"a copy begins with nothing", func(_ registry.Move, _, target protocol.Row, step Step) bool {
			return step.Do == ActCopy && (target.Batch > 0 || target.Copied)
		}},
		{"a sweep and a receipt need rows that were compared", func(mv registry.Move, source, _ protocol.Row, step Step) bool {
			return step.Do == ActSweep && !source.Checked || step.Do == ActReceipt && movedBy(mv, source) && !source.Checked && !source.Swept
		}},
		{"what is not ordinary says why", func(_ registry.Move, _, _ protocol.Row, step Step) bool {
			return (step.Do == ActUndo || step.Do == ActHalt) && step.Why == ""
		}},
		{"undo is asked for once", func(mv registry.Move, _, _ protocol.Row, step Step) bool {
			return step.Do == ActUndo && mv.State != registry.MoveOpen
		}},
	}
}

func movedBy(mv registry.Move, source protocol.Row) bool {
	return source.State == protocol.StateMoved && source.Epoch == mv.Epoch && (source.Move == mv.ID || source.Move == "")
}

func TestNext_keeps_every_rule_for_every_combination_of_rows(t *testing.T) {
	rules := invariants()
	cases := 0
	eachCase(func(mv registry.Move, source, target protocol.Row, step Step) {
		cases++
		for _, rule := range rules {
			if rule.broken(mv, source, target, step) {
				t.Fatalf("%s: broken by %s\njournal %s\nsource %+v\ntarget %+v", rule.name, step.Do, mv.State, source, target)
			}
		}
	})
	if want := len(allJournalStates) * 810 * 810; cases != want {
		t.Fatalf("%d cases, want %d: the enumeration has holes", cases, want)
	}
}

func TestNext_asks_for_every_action_somewhere(t *testing.T) {
	seen := map[Action]bool{}
	eachCase(func(_ registry.Move, _, _ protocol.Row, step Step) { seen[step.Do] = true })
	for _, action := range []Action{
		ActRecord, ActImport, ActCopy, ActFence, ActPull, ActHandover, ActOwn, ActFlip, ActCheck, ActReceipt, ActSweep, ActDone,
		ActUndo, ActRelease, ActClear, ActUndone, ActHalt, ActNone,
	} {
		if !seen[action] {
			t.Errorf("%s is never asked for", action)
		}
	}
}

// TestNext_is_the_table_of_the_package_documentation draws the table from Next and wants it in doc.go, word for
// word.
func TestNext_is_the_table_of_the_package_documentation(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []registry.MoveState{registry.MoveOpen, registry.MoveUndoing, registry.MoveFlipped} {
		if table := drawTable(t, state); !strings.Contains(string(doc), table) {
			t.Errorf("doc.go lacks, or has another, table for a journal that says %s:\n%s", state, table)
		}
	}
}

func drawTable(t *testing.T, state registry.MoveState) string {
	t.Helper()
	cells := map[sourceRole]map[targetRole]Action{}
	for _, from := range allSourceRoles {
		cells[from] = map[targetRole]Action{}
	}
	eachCase(func(mv registry.Move, source, target protocol.Row, step Step) {
		if mv.State != state {
			return
		}
		from, to := sourceRoleOf(mv, source), targetRoleOf(mv, source, target)
		if was, ok := cells[from][to]; ok && was != step.Do {
			t.Fatalf("journal %s, source %s, target %s: both %s and %s", state, from, to, was, step.Do)
		}
		cells[from][to] = step.Do
	})
	var b strings.Builder
	fmt.Fprintf(&b, "//\t%-9s", state)
	for _, to := range allTargetRoles {
		fmt.Fprintf(&b, " %-9s", to)
	}
	for _, from := range allSourceRoles {
		fmt.Fprintf(&b, "\n//\t%-9s", from)
		for _, to := range allTargetRoles {
			word := string(cells[from][to])
			if word == string(ActHalt) {
				word = "-"
			}
			fmt.Fprintf(&b, " %-9s", word)
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}
