package mover

import (
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
)

// sourceRole is what the source's row says about one move. What the rows can hold is large; what matters to a
// move is one of these.
type sourceRole string

const (
	sourceFree     sourceRole = "free"     // owns the partition and has seen nothing of this move or a later one
	sourceRecorded sourceRole = "recorded" // owns it and names the move; also after it opened again by itself
	sourceFenced   sourceRole = "fenced"   // frozen for the move
	sourceMoved    sourceRole = "moved"    // handed over by the move; its rows are still there
	sourceChecked  sourceRole = "checked"  // the same, and they were compared once more
	sourceSwept    sourceRole = "swept"    // handed over by the move; its rows are gone
	sourceKept     sourceRole = "kept"     // owns it without this move, which it refuses from now on
	sourceTaken    sourceRole = "taken"    // frozen for a later move
	sourcePast     sourceRole = "past"     // does not own it, and has seen this move or a later one
	sourceOther    sourceRole = "other"    // knows nothing of the move and cannot be its source now
	sourceBroken   sourceRole = "broken"   // names the move in a state that no source has
)

// targetRole is what the target's row says about one move.
type targetRole string

const (
	targetFree      targetRole = "free"      // clean, and has seen nothing of this move or a later one
	targetImporting targetRole = "importing" // for the move, and has taken nothing yet
	targetPartial   targetRole = "partial"   // has taken some; nobody can go on with that attempt but who began it
	targetCopied    targetRole = "copied"    // has taken all; what changes goes on being taken
	targetReady     targetRole = "ready"     // complete, under the fence_no that the source's row has
	targetUnpaired  targetRole = "unpaired"  // complete, but under another fence_no than the source's
	targetOwner     targetRole = "owner"     // owns it by the move and still names it
	targetReceived  targetRole = "received"  // owns it by the move, with the receipt written
	targetPassed    targetRole = "passed"    // owned it by a later move, or gave it on by one
	targetClosed    targetRole = "closed"    // was cleared, or refuses this move for a later one
	targetOther     targetRole = "other"     // knows nothing of the move and cannot be its target now
	targetBroken    targetRole = "broken"    // names the move in a state that no target has
)

func sourceRoleOf(mv registry.Move, row protocol.Row) sourceRole {
	switch {
	case row.State == protocol.StateMoved && row.Epoch == mv.Epoch && (row.Move == mv.ID || row.Move == ""):
		if row.Swept {
			return sourceSwept
		}
		if row.Checked {
			return sourceChecked
		}
		return sourceMoved
	case row.Busy(mv.ID) && row.State == protocol.StateOwned:
		return sourceRecorded
	case row.Busy(mv.ID) && row.State == protocol.StateFenced:
		return sourceFenced
	case row.Busy(mv.ID):
		return sourceBroken
	case row.HighEpoch >= mv.Epoch && row.State == protocol.StateOwned:
		return sourceKept
	case row.HighEpoch >= mv.Epoch && row.State == protocol.StateFenced:
		return sourceTaken
	case row.HighEpoch >= mv.Epoch:
		return sourcePast
	case row.State == protocol.StateOwned && row.Move == "":
		return sourceFree
	}
	return sourceOther
}

func targetRoleOf(mv registry.Move, source, row protocol.Row) targetRole {
	owns := row.State == protocol.StateOwned || row.State == protocol.StateFenced
	switch {
	case row.Busy(mv.ID):
		return busyTargetRole(mv, source, row)
	case owns && row.Epoch == mv.Epoch:
		return targetReceived
	case row.Epoch > mv.Epoch:
		return targetPassed
	case row.HighEpoch >= mv.Epoch:
		return targetClosed
	case row.Move == "" && (row.State == protocol.StateAbsent || row.State == protocol.StateMoved && row.Swept):
		return targetFree
	}
	return targetOther
}

func busyTargetRole(mv registry.Move, source, row protocol.Row) targetRole {
	switch row.State {
	case protocol.StateImporting:
		switch {
		case row.Copied:
			return targetCopied
		case row.Batch > 0:
			return targetPartial
		}
		return targetImporting
	case protocol.StateReady:
		if row.FenceNo == source.FenceNo {
			return targetReady
		}
		return targetUnpaired
	case protocol.StateOwned:
		if row.Epoch == mv.Epoch {
			return targetOwner
		}
	case protocol.StateAbsent, protocol.StateFenced, protocol.StateMoved:
	}
	return targetBroken
}
