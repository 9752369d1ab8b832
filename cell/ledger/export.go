package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Export writes the rows of a partition that is fenced for the move under the fence number, as a stream that
// [Ledger.Pull] reads: all of one snapshot, which sees the row fenced and so every write that got in before. Where
// the row is not so fenced, a [*protocol.Problem] is returned and nothing was written. Any other error may come in the
// midst of the stream: the reader sees that its end is missing, if the caller does not add one.
func (l *Ledger) Export(ctx context.Context, p placement.Partition, move string, fenceNo int64, w io.Writer) error {
	if err := l.hasPartition(p); err != nil {
		return err
	}
	cmd := protocol.Command{Move: move, FenceNo: fenceNo}
	if refused := (needs{move: true, fenceNo: true}).missing(cmd); refused != nil {
		return refused
	}
	err := pgx.BeginTxFunc(ctx, l.pool, snapshot, func(tx pgx.Tx) error {
		r, err := queryRecord(ctx, tx, l.selectRows()+` WHERE partition = $1`, p)
		if err != nil {
			return fmt.Errorf("read its row: %w", err)
		}
		if r.State != protocol.StateFenced || !r.leaving(cmd) || r.FenceNo != fenceNo {
			return conflict(r, cmd, fmt.Sprintf("fenced under number %d", fenceNo))
		}
		return l.export(ctx, tx, r, w)
	})
	if _, refused := errors.AsType[*protocol.Problem](err); refused {
		return err
	}
	return wrap(err, "export partition %d", p)
}

func (l *Ledger) export(ctx context.Context, tx pgx.Tx, r record, w io.Writer) error {
	if err := l.settle(ctx, tx); err != nil {
		return err
	}
	tables, err := l.catalog(ctx, tx)
	if err != nil {
		return err
	}
	out := newFrameWriter(w)
	err = out.json(frameManifest, manifest{
		Version: frameVersion, Cluster: l.identity.ClusterID, Cell: l.identity.Cell, Partitions: l.identity.Partitions,
		Hash: l.identity.Hash, Partition: r.Partition, Move: r.Move, FenceNo: r.FenceNo, Tables: tables,
	})
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := out.json(frameTable, t.Name); err != nil {
			return err
		}
		sql := fmt.Sprintf(`COPY (SELECT %s, cellway_partition FROM %s WHERE cellway_partition = %d) TO STDOUT`, t.columnList(), l.table(t.Name), r.Partition)
		if _, err := tx.Conn().PgConn().CopyTo(ctx, out, sql); err != nil {
			return fmt.Errorf("copy table %s: %w", t.Name, err)
		}
	}
	digests, err := l.digests(ctx, tx, tables, r.Partition)
	if err != nil {
		return err
	}
	return out.json(frameEnd, ending{Digests: digests})
}
