package mover

import (
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
)

// Action is one step of a move, forwards or backwards.
type Action string

// The actions, in the order of the protocol's steps (the number in front).
const (
	ActRecord   Action = "record"   //  2: the source's row names the move
	ActImport   Action = "import"   //  3: the target's row is importing, and empty
	ActCopy     Action = "copy"     //  4: the target takes all rows, then what changed, while the source works
	ActFence    Action = "fence"    //  5, 6: close the source's gates for writes, then fence it; the row shows only the fence
	ActPull     Action = "pull"     //  7: the target takes what changed last, compares it, and is ready
	ActHandover Action = "handover" //  8: the source is moved: the point of no return
	ActOwn      Action = "own"      //  9: the target owns
	ActFlip     Action = "flip"     // 10: map and journal
	ActReceipt  Action = "receipt"  // 11: on the source, then on the target, whose row then names the move no more
	ActCheck    Action = "check"    // 12: the source's frozen rows are what the target had when it was ready; done before 11
	ActSweep    Action = "sweep"    // 12: the source's rows go
	ActDone     Action = "done"     //     the journal's record goes to the history
	ActUndo     Action = "undo"     //     the journal says undoing, and why
	ActRelease  Action = "release"  //     the source owns without the move, and refuses it from now on
	ActClear    Action = "clear"    //     the target is clean, and refuses the move from now on
	ActUndone   Action = "undone"   //     the journal's record goes to the history
	ActHalt     Action = "halt"     //     no move can have come here: touch nothing, tell a person
	ActNone     Action = "none"     //     the move has ended
)

// Step is what to do next about a move, and why, where that is not the move's ordinary course.
type Step struct {
	Do  Action
	Why string
}

// Next is the whole of the mover's judgement about one move: what to do next, given the journal's record and
// the two rows, the target's having been read before the source's. It is pure and total; the package
// documentation has it as a table.
func Next(mv registry.Move, source, target protocol.Row) Step {
	from, to := sourceRoleOf(mv, source), targetRoleOf(mv, source, target)
	if mv.State == registry.MoveDone || mv.State == registry.MoveUndone {
		return Step{Do: ActNone}
	}
	if from == sourceBroken || to == targetBroken {
		return halt(from, to)
	}
	switch mv.State {
	case registry.MoveFlipped:
		return nextFlipped(from, to)
	case registry.MoveUndoing:
		return nextUndoing(from, to)
	default:
		return nextOpen(from, to)
	}
}

func nextOpen(from sourceRole, to targetRole) Step {
	switch {
	case handedOver(from, to):
		return nextForward(from, to)
	case from == sourceFree && to == targetFree:
		return Step{Do: ActRecord}
	case from == sourceRecorded && to == targetFree:
		return Step{Do: ActImport}
	case from == sourceRecorded && to == targetImporting:
		return Step{Do: ActCopy}
	case from == sourceRecorded && to == targetPartial:
		return Step{Do: ActImport, Why: "a copy broke off: to copy again takes a new attempt"}
	case from == sourceRecorded && to == targetCopied:
		return Step{Do: ActFence}
	case from == sourceFenced && to == targetCopied:
		return Step{Do: ActPull}
	case from == sourceFenced && to == targetReady:
		return Step{Do: ActHandover}
	case mayUndo(from, to):
		return Step{Do: ActUndo, Why: whyUndo(from, to)}
	}
	return halt(from, to)
}

// nextForward is the rest of a move that is past the point of no return and not yet in the map.
func nextForward(from sourceRole, to targetRole) Step {
	switch to {
	case targetReady, targetUnpaired:
		return Step{Do: ActOwn}
	case targetOwner, targetReceived:
		return Step{Do: ActFlip}
	case targetPassed:
		// Later moves were made from here on; the journal had gone back in time. The map is corrected from the
		// row that owns now.
		return Step{Do: ActDone, Why: "later moves have gone on from here"}
	}
	return halt(from, to)
}

// nextUndoing takes a move back, the source first: a target is cleared only when its source can no longer hand
// over. A hand-over that came first wins.
func nextUndoing(from sourceRole, to targetRole) Step {
	switch {
	case handedOver(from, to):
		return nextForward(from, to)
	case !mayUndo(from, to):
		return halt(from, to)
	case from != sourceKept && from != sourceTaken && from != sourcePast:
		return Step{Do: ActRelease}
	case to == targetClosed || to == targetPassed:
		return Step{Do: ActUndone}
	}
	return Step{Do: ActClear}
}

// nextFlipped finishes what the map already says. The sweep wants proof that the target has owned, and that both
// sides had the same rows; that is found out while the target still notes what is written.
func nextFlipped(from sourceRole, to targetRole) Step {
	gone := from == sourceSwept || from == sourcePast
	back := from == sourceKept || from == sourceTaken // by a later move, after this one's sweep
	switch {
	case to == targetPassed && (gone || back):
		return Step{Do: ActDone}
	case from != sourceMoved && from != sourceChecked && !gone:
		return halt(from, to)
	case from == sourceMoved && to == targetOwner:
		return Step{Do: ActCheck}
	case to == targetOwner:
		return Step{Do: ActReceipt}
	case to == targetReceived && gone:
		return Step{Do: ActDone}
	case from == sourceChecked && (to == targetReceived || to == targetPassed):
		return Step{Do: ActSweep}
	case (from == sourceMoved || from == sourceChecked) && (to == targetReady || to == targetUnpaired):
		return Step{Do: ActOwn} // the target's database lost its last commit
	}
	return halt(from, to)
}

// handedOver: the source has given the partition to this move's target.
func handedOver(from sourceRole, to targetRole) bool {
	owned := to == targetOwner || to == targetReceived
	return from == sourceMoved || from == sourceChecked || from == sourceSwept || from == sourcePast && owned
}

// mayUndo: nothing is lost when the target is cleared, because the source still has the partition, or because
// the target never was complete.
func mayUndo(from sourceRole, to targetRole) bool {
	switch to {
	case targetOwner, targetReceived:
		return false // and the source says that it never handed over: two owners
	case targetReady:
		return from != sourceTaken && from != sourcePast && from != sourceOther
	case targetUnpaired:
		return from != sourcePast && from != sourceOther
	}
	return true
}

func whyUndo(from sourceRole, to targetRole) string {
	switch {
	case to == targetReady || to == targetUnpaired:
		return "the source opened again before it was handed over"
	case to == targetClosed || to == targetPassed:
		return "the target was cleared, or has seen a later move"
	case to == targetOther:
		return "the target's row is taken by another move, or not swept yet"
	case from == sourceKept || from == sourceTaken:
		return "the source was released, or has seen a later move"
	case from == sourceFree:
		return "the source forgot the move"
	case from == sourceFenced:
		return "the source is fenced and the target is not copied"
	}
	return "the source does not own the partition"
}

func halt(from sourceRole, to targetRole) Step {
	return Step{Do: ActHalt, Why: "the rows contradict each other: source " + string(from) + ", target " + string(to)}
}
