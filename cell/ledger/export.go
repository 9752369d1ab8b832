package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// snapshotText is how Postgres writes a pg_snapshot.
var snapshotText = regexp.MustCompile(`^[0-9]{1,20}:[0-9]{1,20}:([0-9]{1,20}(,[0-9]{1,20})*)?$`)

// Export writes rows of a partition whose row names the move, as a stream that [Ledger.Copy] and [Ledger.Pull] read,
// all of one snapshot: every row, or what that snapshot shows and the one that is wanted.Mark did not. Where a fence
// number is wanted, the row must be fenced under it in that very snapshot, so that it sees every write that got in
// before. Where the row is not so, a [*protocol.Problem] is returned and nothing was written. Any other error may come
// in the midst of the stream: the reader sees that its end is missing, if the caller does not add one.
func (l *Ledger) Export(ctx context.Context, p placement.Partition, wanted protocol.Wanted, w io.Writer) error {
	if err := l.hasPartition(p); err != nil {
		return err
	}
	if wanted.Move == "" || wanted.FenceNo < 0 {
		return invalid("move or fence_no is missing")
	}
	if wanted.Base != "" && !(snapshotText.MatchString(wanted.Base) && snapshotText.MatchString(wanted.Mark)) {
		return invalid("base and mark must be snapshots")
	}
	var r record
	m := manifest{
		Version: frameVersion, Cluster: l.identity.ClusterID, Cell: l.identity.Cell, Partitions: l.identity.Partitions,
		Hash: l.identity.Hash, Partition: p, Move: wanted.Move, FenceNo: wanted.FenceNo, Mark: wanted.Mark,
	}
	first := l.settling()
	if wanted.Base != "" {
		first.Queue(byKey())
	}
	l.queueRow(first, p, "", &r)
	first.Queue(`SELECT pg_current_snapshot()::text`).QueryRow(func(row pgx.Row) error { return row.Scan(&m.Snapshot) })
	l.queueCatalog(first, &m.Tables)
	err := transact(ctx, l.pool, first, func(tx *transaction) error {
		if err := Gives(r.Row, wanted); err != nil {
			return err
		}
		return l.export(ctx, tx, m, wanted, w)
	})
	if _, refused := errors.AsType[*protocol.Problem](err); refused {
		return err
	}
	return wrap(err, "export partition %d", p)
}

func (l *Ledger) export(ctx context.Context, tx pgx.Tx, m manifest, wanted protocol.Wanted, w io.Writer) error {
	out := newFrameWriter(w)
	if err := out.json(frameManifest, m); err != nil {
		return err
	}
	if wanted.Base == "" {
		return l.exportAll(ctx, tx, m, out)
	}
	if err := l.exportChanges(ctx, tx, m, wanted.Base, out); err != nil || !wanted.Whole {
		return err
	}
	if err := flushed(w); err != nil { // the reader takes in what came while we count
		return err
	}
	digests, err := l.digests(ctx, tx, m.Tables, m.Partition)
	if err != nil {
		return err
	}
	return out.json(frameWhole, ending{Digests: digests})
}

// exportAll writes every row.
func (l *Ledger) exportAll(ctx context.Context, tx pgx.Tx, m manifest, out *frameWriter) error {
	for i, t := range m.Tables {
		if i > 0 && out.since >= batchSize && !m.Tables[i-1].Until {
			if err := out.cut(); err != nil {
				return err
			}
		}
		if err := out.json(frameTable, t.Name); err != nil {
			return err
		}
		out.cuts = !t.Whole
		sql := fmt.Sprintf(`SELECT %s, t.cellway_partition FROM %s t WHERE t.cellway_partition = %d`, of("t", t.names()), l.table(t.Name), m.Partition)
		if err := copyOut(ctx, tx, out, t, sql); err != nil {
			return err
		}
	}
	return out.json(frameEnd, ending{})
}

func copyOut(ctx context.Context, tx pgx.Tx, out io.Writer, t Table, sql string) error {
	_, err := tx.Conn().PgConn().CopyTo(ctx, out, `COPY (`+sql+`) TO STDOUT`)
	return wrap(err, "copy table %s", t.Name)
}

// flushed sends on what a buffered writer holds back.
func flushed(w io.Writer) error {
	if f, ok := w.(interface{ Flush() error }); ok {
		return wrap(f.Flush(), "flush stream")
	}
	return nil
}
