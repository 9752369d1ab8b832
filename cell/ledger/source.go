package ledger

import (
	"slices"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

// recordMove is step 2: the owner's row names the move.
func recordMove(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	again := r.Busy(cmd.Move) && r.MoveEpoch == cmd.Epoch
	switch {
	case again && (r.leaving(cmd) || r.State == protocol.StateMoved):
		return stay(r)
	case r.State == protocol.StateOwned && r.Move == "" && cmd.Epoch > r.HighEpoch:
		r.Move, r.MoveEpoch, r.HighEpoch = cmd.Move, cmd.Epoch, cmd.Epoch
		r.Peer, r.PeerAddrs = cmd.Peer, slices.Clone(cmd.PeerAddrs)
		return verdict{next: r, forget: true}, nil
	case cmd.Epoch <= r.HighEpoch && !again:
		return verdict{}, lowEpoch(r, cmd)
	}
	return verdict{}, conflict(r, cmd, "owned and naming no other move")
}

// fence is step 6: every fencing draws the next number. A target is sealed under its source's number and goes on
// from there, so no two fencings of a partition have the same, in whichever cells.
func fence(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if !r.leaving(cmd) {
		return verdict{}, conflict(r, cmd, "owned and naming this move")
	}
	if r.State == protocol.StateFenced {
		return stay(r)
	}
	r.State, r.FenceNo, r.ReadFence = protocol.StateFenced, r.FenceNo+1, 0
	return verdict{next: r, unmark: true, fenceFor: time.Duration(cmd.FenceMS) * time.Millisecond}, nil
}

// markReads closes reads for one fencing: only the update that ends this fenced state opens them.
func markReads(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if !r.leaving(cmd) || r.State != protocol.StateFenced || r.FenceNo != cmd.FenceNo {
		return verdict{}, conflict(r, cmd, "fenced under this number")
	}
	r.ReadFence = cmd.FenceNo
	return verdict{next: r}, nil
}

// handover is step 8, the point of no return. The deadline is not asked: whoever changes the row first, this step
// or the self-release, has decided.
func handover(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if r.gone(cmd) {
		return stay(r)
	}
	closed := r.FenceNo == cmd.FenceNo && r.ReadFence == cmd.FenceNo
	if !r.leaving(cmd) || r.State != protocol.StateFenced || !closed || r.MoveEpoch != cmd.Epoch {
		return verdict{}, conflict(r, cmd, "fenced under this number, with reads closed")
	}
	r.State, r.Epoch, r.Swept = protocol.StateMoved, cmd.Epoch, false
	r.Checked = false
	r.ReadFence, r.Deadline = 0, time.Time{}
	return verdict{next: r}, nil
}

// compared is the first half of step 12: the frozen rows have been found to be what the target had when it was ready.
func compared(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if !r.gone(cmd) {
		return verdict{}, conflict(r, cmd, "moved by this move")
	}
	if r.Swept {
		return stay(r)
	}
	r.Checked = true
	return verdict{next: r}, nil
}

// sweep is step 12: the rows that were handed over, and compared once more, go; the mark of who owns them stays.
func sweep(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if !r.gone(cmd) {
		return verdict{}, conflict(r, cmd, "moved by this move")
	}
	if r.Swept {
		return stay(r)
	}
	if !r.Checked {
		return verdict{}, conflict(r, cmd, "compared with the target once more")
	}
	r.Swept, r.Checked = true, false
	r.free()
	return verdict{next: r, wipe: true, forget: true}, nil
}

// receiptAt is step 11 at the named cell: the source's row stays as it is, until the sweep; the target's names the
// move no more.
func receiptAt(cell string) rule {
	return func(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
		if cmd.Receipt.To != cell {
			if !r.gone(cmd) {
				return verdict{}, conflict(r, cmd, "moved by this move")
			}
			return verdict{next: r, receipt: true}, nil
		}
		if !r.arrived(cmd) {
			return verdict{}, conflict(r, cmd, "owned by this move")
		}
		v := verdict{next: r, receipt: true}
		if r.Move == cmd.Move {
			v.next.free()
			v.next.Peer = ""
			v.forget = true
		}
		return v, nil
	}
}

func lowEpoch(r record, cmd protocol.Command) *protocol.Problem {
	return problem(protocol.CodeStale, r, "epoch %d of move %s is not above %d, the highest that partition %d has seen",
		cmd.Epoch, cmd.Move, r.HighEpoch, r.Partition)
}
