package ledger

import (
	"slices"

	"github.com/cellway/cellway/internal/protocol"
)

// importing is step 3: a new attempt, beginning with nothing. Only a row that holds no owned rows lets it in: a map
// that went back in time can never wipe the only copy.
func importing(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	again := r.State == protocol.StateImporting && r.Move == cmd.Move && r.MoveEpoch == cmd.Epoch
	clean := r.State == protocol.StateAbsent || r.State == protocol.StateMoved && r.Swept
	if !again && cmd.Epoch <= r.HighEpoch {
		return verdict{}, lowEpoch(r, cmd)
	}
	if !again && !clean {
		return verdict{}, conflict(r, cmd, "absent, or moved and swept")
	}
	r.State, r.Swept = protocol.StateImporting, false
	r.Move, r.MoveEpoch, r.HighEpoch = cmd.Move, cmd.Epoch, max(r.HighEpoch, cmd.Epoch)
	r.Peer, r.PeerAddrs = cmd.Peer, slices.Clone(cmd.PeerAddrs)
	r.Attempt, r.Batch, r.FenceNo = r.Attempt+1, 0, 0
	return verdict{next: r, empty: clean, wipe: again, forget: true}, nil
}

// pull is step 7: what arrives in its transaction is sealed under the source's fence number.
func pull(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	ours := r.Busy(cmd.Move) && r.Attempt == cmd.Attempt
	switch {
	case ours && r.State == protocol.StateReady && r.FenceNo == cmd.FenceNo:
		return stay(r)
	case ours && r.State == protocol.StateImporting:
		r.State, r.FenceNo, r.Batch = protocol.StateReady, cmd.FenceNo, r.Batch+1
		return verdict{next: r, wipe: true}, nil
	}
	return verdict{}, conflict(r, cmd, "importing, in the attempt that it names")
}

// own is step 9: only what is complete and verified becomes owned.
func own(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if r.arrived(cmd) {
		return stay(r)
	}
	sealed := cmd.FenceNo == 0 || cmd.FenceNo == r.FenceNo
	if r.State != protocol.StateReady || !r.Busy(cmd.Move) || r.MoveEpoch != cmd.Epoch || !sealed {
		return verdict{}, conflict(r, cmd, "ready")
	}
	r.State, r.Epoch = protocol.StateOwned, cmd.Epoch
	return verdict{next: r}, nil
}
