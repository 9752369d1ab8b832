package ledger

import (
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

// release undoes a move at its source, before the hand-over.
func release(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	switch {
	case r.gone(cmd), r.arrived(cmd):
		return verdict{}, conflict(r, cmd, "not handed over")
	case !r.Busy(cmd.Move):
		return raise(r, cmd)
	case !r.leaving(cmd):
		return verdict{}, conflict(r, cmd, "owned or fenced by this move")
	}
	r.State, r.ReadFence, r.Deadline = protocol.StateOwned, 0, time.Time{}
	r.Peer = ""
	r.free()
	r.HighEpoch = max(r.HighEpoch, cmd.Epoch)
	return verdict{next: r, forget: true}, nil
}

// clearImport undoes a move at its target, before it owns.
func clearImport(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	switch {
	case r.gone(cmd), r.arrived(cmd):
		return verdict{}, conflict(r, cmd, "not owned yet")
	case !r.Busy(cmd.Move):
		return raise(r, cmd)
	case r.State != protocol.StateImporting && r.State != protocol.StateReady:
		return verdict{}, conflict(r, cmd, "importing or ready")
	case cmd.Attempt != 0 && cmd.Attempt != r.Attempt:
		return verdict{}, conflict(r, cmd, "in the attempt that it names")
	}
	r.State, r.FenceNo = protocol.StateAbsent, 0
	r.fresh()
	r.Peer = ""
	r.free()
	r.HighEpoch = max(r.HighEpoch, cmd.Epoch)
	return verdict{next: r, wipe: true, forget: true}, nil
}

// raise leaves a row that is not of the move as it is, but the undone move's epoch is in it: a late step 2 or 3 of
// that move finds it not above.
func raise(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	r.HighEpoch = max(r.HighEpoch, cmd.Epoch)
	return verdict{next: r}, nil
}
