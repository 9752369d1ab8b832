package ledger

import (
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// maxFence is the longest that a command may fence a partition for.
const maxFence = time.Minute

// needs says what a command must carry, and how long its step waits for the row.
type needs struct {
	move, epoch, peer, fenceNo, attempt, fenceMS bool

	wait time.Duration // 0: the ledger's default
}

// missing names the first thing that a command lacks.
func (n needs) missing(cmd protocol.Command) *protocol.Problem {
	switch {
	case !fitsSQL(cmd.Token) || !fitsSQL(uint64(cmd.Epoch)):
		return invalid("token and epoch must be below 2^63")
	case n.move && cmd.Move == "":
		return invalid("move is missing")
	case n.epoch && cmd.Epoch == 0:
		return invalid("epoch is missing")
	case n.peer && placement.ValidateCellName(cmd.Peer) != nil:
		return invalid("peer: %v", placement.ValidateCellName(cmd.Peer))
	case n.fenceNo && cmd.FenceNo <= 0:
		return invalid("fence_no is missing")
	case n.attempt && cmd.Attempt <= 0:
		return invalid("attempt is missing")
	case n.fenceMS && (cmd.FenceMS <= 0 || cmd.FenceMS > maxFence.Milliseconds()):
		return invalid("fence_ms must be from 1 to %d", maxFence.Milliseconds())
	}
	return nil
}
