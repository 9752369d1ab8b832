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

// Pull is step 7, at the target: reads the stream of the source's rows (nil is not allowed; it stays the caller's to
// close), and makes the partition ready under cmd.FenceNo, in one transaction that holds the partition's row from
// its beginning. What a former try left is deleted first. Whatever goes wrong, nothing has changed:
//
//   - CodeConflict, CodeStale: the row is not importing in this attempt of this move; the stream was not read
//   - CodePeer: the stream broke off, or is of another move, fence number, partition, cell or cluster
//   - CodeCatalog: the source's tables do not fit the target's; the message names what
//   - CodeDiffers: what arrived is not what the source counted; the message names the table
//
// A pull that is done already (ready for this move, attempt and fence number) does not read the stream; both
// digests are then what is here, since they were equal when it was sealed.
func (l *Ledger) Pull(ctx context.Context, p placement.Partition, cmd protocol.Command, r io.Reader) (protocol.Reply, error) {
	if err := l.hasPartition(p); err != nil {
		return protocol.Reply{}, err
	}
	if refused := (needs{move: true, fenceNo: true, attempt: true}).missing(cmd); refused != nil {
		return protocol.Reply{}, refused
	}
	var reply protocol.Reply
	err := l.inStep(ctx, l.lockWait, func(tx pgx.Tx) error {
		v, changed, err := l.lockAndJudge(ctx, tx, p, cmd, pull)
		if err != nil {
			return err
		}
		if err := l.settle(ctx, tx); err != nil {
			return err
		}
		reply.Row = v.next.Row
		if !v.wipe {
			err = l.pulledBefore(ctx, tx, p, &reply)
		} else {
			err = l.takeIn(ctx, tx, v, cmd, newFrameReader(r), &reply)
		}
		if err != nil || !changed {
			return err
		}
		done, err := l.writeRecord(ctx, tx, v)
		reply.Row = done.Row
		return err
	})
	if err != nil {
		return protocol.Reply{}, l.explain(ctx, p, err)
	}
	return reply, nil
}

func (l *Ledger) pulledBefore(ctx context.Context, tx pgx.Tx, p placement.Partition, reply *protocol.Reply) error {
	tables, err := l.catalog(ctx, tx)
	if err != nil {
		return err
	}
	reply.Target, err = l.digests(ctx, tx, tables, p)
	reply.Source = reply.Target
	return err
}

// takeIn replaces the partition's rows by those of the stream, and compares.
func (l *Ledger) takeIn(ctx context.Context, tx pgx.Tx, v verdict, cmd protocol.Command, in *frameReader, reply *protocol.Reply) error {
	p := v.next.Partition
	var m manifest
	if err := in.json(frameManifest, &m); err != nil {
		return broken(v.was, err)
	}
	if what := l.notOf(m, v.was, cmd); what != "" {
		return problem(protocol.CodePeer, v.was, "the stream is of another %s: %s", what, describe(m))
	}
	own, err := l.catalog(ctx, tx)
	if err != nil {
		return err
	}
	if err := Fits(m.Tables, own); err != nil {
		return problem(protocol.CodeCatalog, v.was, "%v", err)
	}
	if err := l.wipe(ctx, tx, p, own); err != nil {
		return err
	}
	copied := make([]int64, len(m.Tables))
	for i, t := range m.Tables {
		if copied[i], err = l.copyIn(ctx, tx, t, in); err != nil {
			return broken(v.was, err)
		}
	}
	var end ending
	if err := errors.Join(in.json(frameEnd, &end), in.end()); err != nil {
		return broken(v.was, err)
	}
	reply.Source = end.Digests
	if reply.Target, err = l.digests(ctx, tx, m.Tables, p); err != nil {
		return err
	}
	if what := difference(m.Tables, copied, reply.Source, reply.Target); what != "" {
		return problem(protocol.CodeDiffers, v.was, "%s", what)
	}
	return l.liftSequences(ctx, tx, m.Tables, p)
}

// copyIn takes in the rows of one table and counts them.
func (l *Ledger) copyIn(ctx context.Context, tx pgx.Tx, t Table, in *frameReader) (int64, error) {
	var name string
	if err := in.json(frameTable, &name); err != nil {
		return 0, err
	}
	if name != t.Name {
		return 0, in.fail(fmt.Errorf("table %q where %q belongs", name, t.Name))
	}
	sql := fmt.Sprintf(`COPY %s (%s, cellway_partition) FROM STDIN`, l.table(t.Name), t.columnList())
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, in, sql)
	if in.err != nil {
		return 0, in.err
	}
	return tag.RowsAffected(), wrap(err, "copy table %s", t.Name)
}

func (l *Ledger) liftSequences(ctx context.Context, tx pgx.Tx, tables []Table, p placement.Partition) error {
	for _, t := range tables {
		sql := `SELECT ` + l.table("cellway_lift_sequences") + `($1, $2)`
		if _, err := tx.Exec(ctx, sql, t.Name, p); err != nil {
			return fmt.Errorf("lift sequences of %s: %w", t.Name, err)
		}
	}
	return nil
}

// notOf names the first thing in which the stream is not the one that the command is about, "" if it is.
func (l *Ledger) notOf(m manifest, r record, cmd protocol.Command) string {
	switch {
	case m.Version != frameVersion:
		return "version"
	case m.Cluster != l.identity.ClusterID:
		return "cluster"
	case m.Cell != r.Peer:
		return "cell"
	case m.Partitions != l.identity.Partitions || m.Hash != l.identity.Hash:
		return "partition count or hash"
	case m.Partition != r.Partition:
		return "partition"
	case m.Move != cmd.Move || m.FenceNo != cmd.FenceNo:
		return "move or fence number"
	}
	return ""
}

func describe(m manifest) string {
	return fmt.Sprintf("version %d, cluster %s, cell %s, partition %d of %d, move %s, fence number %d",
		m.Version, m.Cluster, m.Cell, m.Partition, m.Partitions, m.Move, m.FenceNo)
}

// difference names the first table whose content is not the same on both sides, "" if all are. Rows that were copied
// and are not in the partition show here, too.
func difference(tables []Table, copied []int64, source, target []protocol.Digest) string {
	if len(source) != len(tables) {
		return fmt.Sprintf("the source counted %d tables and sent %d", len(source), len(tables))
	}
	for i, t := range tables {
		s, d := source[i], target[i]
		switch {
		case s.Table != t.Name:
			return fmt.Sprintf("the source counted table %s where %s belongs", s.Table, t.Name)
		case s.Rows != d.Rows || copied[i] != d.Rows:
			return fmt.Sprintf("table %s: the source has %d rows, %d were copied, the target has %d", t.Name, s.Rows, copied[i], d.Rows)
		case s.Sum != d.Sum:
			return fmt.Sprintf("table %s: the same %d rows in number, but not in content", t.Name, s.Rows)
		}
	}
	return ""
}

// broken makes a failure of the stream a Problem; others stay what they are.
func broken(r record, err error) error {
	if errors.Is(err, errStream) {
		return problem(protocol.CodePeer, r, "%v", err)
	}
	return err
}
