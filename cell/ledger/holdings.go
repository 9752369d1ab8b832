package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Holdings says what this schema holds, as of one moment: the partitions' rows, and how many rows of each tracked
// table there are. It reads every row of every tracked table once; ctx bounds it.
func (l *Ledger) Holdings(ctx context.Context) (protocol.Holdings, error) {
	h := protocol.Holdings{
		Cell: l.identity.Cell, Partitions: []protocol.Holding{}, Misfiled: map[string]int64{},
		Tables: map[string]map[placement.Partition]int64{},
	}
	err := transact(ctx, l.pool, l.settling(), func(tx *transaction) error {
		if err := l.holdPartitions(ctx, tx, &h); err != nil {
			return err
		}
		tables, err := l.catalog(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if err := l.holdRows(ctx, tx, t, h); err != nil {
				return err
			}
		}
		return nil
	})
	return h, err
}

func (l *Ledger) holdPartitions(ctx context.Context, tx pgx.Tx, h *protocol.Holdings) error {
	rows, err := tx.Query(ctx, l.selectRows()+` WHERE state <> 'absent' OR move <> '' ORDER BY partition`)
	if err != nil {
		return fmt.Errorf("read partitions: %w", err)
	}
	h.Partitions, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (protocol.Holding, error) {
		r, err := scanRecord(row)
		return protocol.Holding{Partition: r.Partition, State: r.State, Epoch: r.Epoch, Move: r.Move, Peer: r.Peer, Swept: r.Swept}, err
	})
	return wrap(err, "read partitions")
}

// holdRows counts one table. The partition of each key is calculated once more, by other means than the trigger's: the
// first 32 bits of its SHA-256, modulo the partition count, which is a power of two.
func (l *Ledger) holdRows(ctx context.Context, tx pgx.Tx, t Table, h protocol.Holdings) error {
	key := pgx.Identifier{t.Key}.Sanitize() + `::text`
	rows, err := tx.Query(ctx, `SELECT cellway_partition, count(*), count(*) FILTER (WHERE cellway_partition <>
		('x' || left(encode(sha256(convert_to(`+key+`, 'UTF8')), 'hex'), 8))::bit(32)::bigint & $1) FROM `+l.table(t.Name)+` GROUP BY 1`,
		int64(l.identity.Partitions-1))
	if err != nil {
		return fmt.Errorf("count rows of %s: %w", t.Name, err)
	}
	counts := map[placement.Partition]int64{}
	var p placement.Partition
	var count, misfiled int64
	_, err = pgx.ForEachRow(rows, []any{&p, &count, &misfiled}, func() error {
		counts[p] = count
		if misfiled > 0 {
			h.Misfiled[t.Name] += misfiled
		}
		return nil
	})
	h.Tables[t.Name] = counts
	return wrap(err, "count rows of %s", t.Name)
}
