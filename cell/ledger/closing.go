package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// SetClosing commits the marker that makes new writers to the partition refuse (CW503), so that a fence has to wait
// only for those that hold the row already. It ends by itself after until, by the database's clock. The row's lock
// is not taken: the marker serves liveness only. Conditional on the row: unless that is owned and names this move
// as its source, or if it has seen a higher token, nothing changes (CodeConflict, CodeStale).
func (l *Ledger) SetClosing(ctx context.Context, p placement.Partition, cmd protocol.Command, until time.Duration) error {
	if until <= 0 || until > maxFence {
		return invalid("a marker lasts up to %v, not %v", maxFence, until)
	}
	return l.marker(ctx, p, cmd, func(last *pgx.Batch, r record) *protocol.Problem {
		if !r.leaving(cmd) || r.State != protocol.StateOwned {
			return conflict(r, cmd, "owned and naming this move")
		}
		last.Queue(`INSERT INTO `+l.table("cellway_closing")+` AS c (partition, move, token, until)
			VALUES ($1, $2, $3, clock_timestamp() + $4::bigint * interval '1 microsecond')
			ON CONFLICT (partition) DO UPDATE SET move = EXCLUDED.move, token = EXCLUDED.token, until = EXCLUDED.until
			WHERE c.token <= EXCLUDED.token`,
			p, cmd.Move, int64(cmd.Token), until.Microseconds())
		return nil
	})
}

// ClearClosing removes the marker if it is this move's, and no newer leader's. A row that has seen a higher token
// refuses (CodeStale); no marker is success.
func (l *Ledger) ClearClosing(ctx context.Context, p placement.Partition, cmd protocol.Command) error {
	return l.marker(ctx, p, cmd, func(last *pgx.Batch, _ record) *protocol.Problem {
		last.Queue(`DELETE FROM `+l.table("cellway_closing")+` WHERE partition = $1 AND move = $2 AND token <= $3`,
			p, cmd.Move, int64(cmd.Token))
		return nil
	})
}

// marker does what fn queues in a transaction of its own, beside the row as it is committed. Customers wait for it, and not for the
// disk: the marker decides nothing (rules 5 and 6), so a server that crashes may lose it, with all writers that it kept out.
func (l *Ledger) marker(ctx context.Context, p placement.Partition, cmd protocol.Command, fn func(last *pgx.Batch, r record) *protocol.Problem) error {
	if err := l.hasPartition(p); err != nil {
		return err
	}
	if refused := (needs{move: true}).missing(cmd); refused != nil {
		return refused
	}
	var r record
	first := stepping(l.fenceWait, "off")
	l.queueRow(first, p, "", &r)
	err := transact(ctx, l.pool, first, func(tx *transaction) error {
		if _, refused := judge(adopt, r, cmd); refused != nil {
			return refused
		}
		last := &pgx.Batch{}
		if refused := fn(last, r); refused != nil {
			return refused
		}
		return wrap(tx.end(ctx, last), "change marker of partition %d", p)
	})
	if err != nil {
		return l.explain(ctx, p, err)
	}
	return nil
}

// SelfRelease ends every fence whose deadline has passed, by an UPDATE that competes with Handover for the row, and
// returns the rows that are owned again. They still name their move.
func (l *Ledger) SelfRelease(ctx context.Context) ([]protocol.Row, error) {
	var released []protocol.Row
	err := l.inStep(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE `+l.table("cellway_partitions")+` SET state = 'owned', read_fence = 0, deadline = NULL
			WHERE state = 'fenced' AND deadline <= statement_timestamp() RETURNING partition`)
		if err != nil {
			return fmt.Errorf("release fences: %w", err)
		}
		opened, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil || len(opened) == 0 {
			return wrap(err, "release fences")
		}
		rows, err = tx.Query(ctx, l.selectRows()+` WHERE partition = ANY ($1) ORDER BY partition`, opened)
		if err != nil {
			return fmt.Errorf("read released partitions: %w", err)
		}
		released, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (protocol.Row, error) {
			r, err := scanRecord(row)
			return r.Row, err
		})
		return wrap(err, "read released partitions")
	})
	return released, err
}
