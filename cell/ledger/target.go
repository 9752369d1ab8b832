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
	r.Attempt, r.FenceNo = r.Attempt+1, 0
	r.fresh()
	return verdict{next: r, empty: clean, wipe: again, forget: true}, nil
}

// taking: the row takes rows in for the command's move, epoch and attempt.
func (r record) taking(cmd protocol.Command) bool {
	return r.State == protocol.StateImporting && r.Busy(cmd.Move) && r.MoveEpoch == cmd.Epoch && r.Attempt == cmd.Attempt
}

// copyBatch is a part of step 4. The first batch of an attempt sets its base, once; each names how many came before
// it, so two copies of one attempt cannot mix, and one that broke off is not gone on with.
func copyBatch(before int64, base string) rule {
	return func(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
		begun := before > 0 && r.Base == base || before == 0 && r.Base == ""
		if !r.taking(cmd) || r.Mark != "" || r.Batch != before || !begun {
			return verdict{}, conflict(r, cmd, "importing, in the attempt and at the batch that it names")
		}
		r.Base, r.Batch = base, r.Batch+1
		return verdict{next: r}, nil
	}
}

// catchUp is a round of step 4: what the source's snapshot next shows and mark did not.
func catchUp(before int64, mark, next string) rule {
	return func(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
		if !r.taking(cmd) || r.Base == "" || r.Batch != before || r.Mark != mark {
			return verdict{}, conflict(r, cmd, "importing, in the attempt and at the mark that it names")
		}
		r.Mark, r.Batch = next, r.Batch+1
		return verdict{next: r}, nil
	}
}

// copied is the row whose rows, at this mark, were found to be the source's.
func copied(before int64, mark string) rule {
	return func(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
		if !r.taking(cmd) || r.Base == "" || r.Mark != mark || r.Batch != before {
			return verdict{}, conflict(r, cmd, "importing, in the attempt and at the mark that it names")
		}
		r.Copied = true
		return verdict{next: r}, nil
	}
}

// pull is step 7: what arrives in its transaction brings the rows to the source's last snapshot, next, and they are
// sealed under the source's fence number.
func pull(mark, next string) rule {
	return func(r record, cmd protocol.Command) (verdict, *protocol.Problem) {
		ours := r.Busy(cmd.Move) && r.Attempt == cmd.Attempt
		switch {
		case ours && r.State == protocol.StateReady && r.FenceNo == cmd.FenceNo:
			return stay(r)
		case r.taking(cmd) && r.Copied && r.Mark == mark:
			r.State, r.FenceNo, r.Mark, r.Batch = protocol.StateReady, cmd.FenceNo, next, r.Batch+1
			return verdict{next: r}, nil
		}
		return verdict{}, conflict(r, cmd, "importing and copied, in the attempt and at the mark that it names")
	}
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
	r.Base, r.Mark, r.Copied = "", "", false
	return verdict{next: r}, nil
}
