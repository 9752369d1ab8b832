package cell

import (
	"context"
	"errors"
	"fmt"

	"github.com/cellway/cellway/internal/protocol"
)

// claim does step 9 for a partition that is ready, on the source's word that it has handed it over by this very
// move. While the source says anything else, nothing happens: the mover's leader goes on with the move.
func (in *instance) claim(ctx context.Context, row protocol.Row) error {
	if in.restored.Load() != nil {
		return nil
	}
	var errs []error
	for _, addr := range row.PeerAddrs {
		source, err := in.askSource(ctx, addr, row)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !handedOver(source, row, in.cfg.Cell) {
			return nil
		}
		cmd := protocol.Command{Move: row.Move, Epoch: row.MoveEpoch, Token: row.Token, FenceNo: row.FenceNo}
		if _, err := in.ledger.Own(ctx, row.Partition, cmd); err != nil {
			return fmt.Errorf("own partition %d on the source's word: %w", row.Partition, err)
		}
		in.log.DebugContext(ctx, "partition owned on the source's word", "partition", row.Partition, "move", row.Move, "source", row.Peer)
		in.refreshGates(ctx, row.Partition)
		return nil
	}
	return errors.Join(errs...)
}

func (in *instance) askSource(ctx context.Context, addr string, row protocol.Row) (protocol.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, in.cfg.OrderTimeout)
	defer cancel()
	source, err := in.peers.Row(ctx, addr, row.Partition)
	if err != nil {
		return protocol.Row{}, fmt.Errorf("ask source %s: %w", row.Peer, err)
	}
	return source, nil
}

// handedOver: the source's row is moved, to this cell, by the move that the target's row is ready for, in the
// fencing that it was verified under.
func handedOver(source, target protocol.Row, cell string) bool {
	return source.State == protocol.StateMoved && source.Partition == target.Partition &&
		source.Busy(target.Move) && source.Epoch == target.MoveEpoch &&
		source.FenceNo == target.FenceNo && source.Peer == cell
}
