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

// Source opens the source's stream of what is wanted; whoever reads it closes it.
type Source func(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error)

// Pull is step 7, at the target: takes in what changed at the source since the last round of [Ledger.Copy], compares
// it key by key, and makes the partition ready under cmd.FenceNo, in one transaction that holds the partition's row.
// Its cost is that of the changes; rows that did not change are not looked at. Whatever goes wrong, nothing has changed:
//
//   - CodeConflict, CodeStale: the row is not importing and copied in this attempt of this move
//   - CodePeer: the stream did not open, broke off, or is of another move, fence number, partition, cell or cluster
//   - CodeCatalog: the source's tables do not fit the target's; the message names what
//   - CodeDiffers: what is here is not what was sent; the message names the table
//
// A pull that is done already (ready for this move, attempt and fence number) opens no stream.
//
// The tables are the source's, as they were compared; none of a pull that was done already.
func (l *Ledger) Pull(ctx context.Context, p placement.Partition, cmd protocol.Command, from Source) (protocol.Reply, []Table, error) {
	if err := l.hasPartition(p); err != nil {
		return protocol.Reply{}, nil, err
	}
	if refused := (needs{move: true, epoch: true, fenceNo: true, attempt: true}).missing(cmd); refused != nil {
		return protocol.Reply{}, nil, refused
	}
	row, err := l.Row(ctx, p)
	if err != nil {
		return protocol.Reply{}, nil, err
	}
	v, refused := judge(pull(row.Mark, row.Mark), record{row}, cmd)
	if refused != nil {
		return protocol.Reply{}, nil, refused
	}
	if v.was.State == protocol.StateReady {
		row, err := l.step(ctx, p, cmd, needs{}, Deed{Verb: protocol.VerbPull, Mark: row.Mark, Next: row.Mark})
		return protocol.Reply{Row: row}, nil, err
	}
	return l.pull(ctx, cmd, from, row)
}

func (l *Ledger) pull(ctx context.Context, cmd protocol.Command, from Source, row protocol.Row) (protocol.Reply, []Table, error) {
	wanted := protocol.Wanted{Move: cmd.Move, FenceNo: cmd.FenceNo, Base: row.Base, Mark: row.Mark}
	s, err := l.openStream(ctx, from, wanted, record{row})
	if err != nil {
		return protocol.Reply{}, nil, err
	}
	defer s.close()
	var got taken
	row, err = l.inBatch(ctx, row.Partition, cmd, pull(row.Mark, s.m.Snapshot), func(tx pgx.Tx, v *verdict) (err error) {
		if got, err = l.takeChanges(ctx, tx, s, *v); err != nil {
			return err
		}
		return s.in.end()
	})
	if err != nil {
		return protocol.Reply{}, nil, broken(record{row}, err)
	}
	return protocol.Reply{Row: row, Source: got.digests, Target: got.digests}, s.m.Tables, nil
}

// stream is a source's stream of which the manifest was read, and found to be of this move.
type stream struct {
	m    manifest
	in   *frameReader
	body io.Closer
}

func (s *stream) close() { _ = s.body.Close() } // it was only read from

// openStream opens the source's stream and reads its beginning. Nothing of the target is held meanwhile.
func (l *Ledger) openStream(ctx context.Context, from Source, wanted protocol.Wanted, r record) (*stream, error) {
	body, err := from(ctx, wanted)
	if err != nil {
		return nil, err
	}
	s := &stream{in: newFrameReader(body), body: body}
	if err := s.in.json(frameManifest, &s.m); err != nil {
		s.close()
		return nil, broken(r, err)
	}
	if what := l.notOf(s.m, r, wanted); what != "" {
		s.close()
		return nil, problem(protocol.CodePeer, r, "the stream is of another %s: %s", what, describe(s.m))
	}
	return s, nil
}

// inBatch is one import transaction: it locks the partition's row, may pass the fence, and has the rule look at the row.
// fn may still change the verdict's next row. On failure, the row returned is what was found.
func (l *Ledger) inBatch(ctx context.Context, p placement.Partition, cmd protocol.Command, decide rule, fn func(tx pgx.Tx, v *verdict) error) (protocol.Row, error) {
	var r, next record
	first := durable(l.lockWait)
	l.queueRow(first, p, `FOR UPDATE`, &r)
	for _, form := range []string{l.settled(), passingFence(), byKey()} {
		first.Queue(form)
	}
	err := transact(ctx, l.pool, first, func(tx *transaction) error {
		v, refused := judge(decide, r, cmd)
		if refused != nil {
			return refused
		}
		if err := fn(tx, &v); err != nil {
			return err
		}
		last := &pgx.Batch{}
		l.queueRecord(last, v, &next)
		return wrap(tx.end(ctx, last), "end batch of partition %d", p)
	})
	if err != nil {
		return r.Row, l.explain(ctx, p, err)
	}
	return next.Row, nil
}

// takeChanges takes in what a stream of changes brings.
func (l *Ledger) takeChanges(ctx context.Context, tx pgx.Tx, s *stream, v verdict) (taken, error) {
	own, err := l.fitting(ctx, tx, s.m, v.was)
	if err != nil {
		return taken{}, err
	}
	return applier{l: l, tx: tx, p: s.m.Partition, own: own, in: s.in}.changes(ctx, s.m, v)
}

// fitting is the target's catalog, if the source's fits it.
func (l *Ledger) fitting(ctx context.Context, tx pgx.Tx, m manifest, r record) ([]Table, error) {
	own, err := l.catalog(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := Fits(m.Tables, own); err != nil {
		return nil, problem(protocol.CodeCatalog, r, "%v", err)
	}
	return own, nil
}

// notOf names the first thing in which the stream is not the one that was wanted, "" if it is.
func (l *Ledger) notOf(m manifest, r record, wanted protocol.Wanted) string {
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
	case m.Move != wanted.Move || m.FenceNo != wanted.FenceNo:
		return "move or fence number"
	case m.Mark != wanted.Mark || !snapshotText.MatchString(m.Snapshot):
		return "snapshot"
	}
	return ""
}

func describe(m manifest) string {
	return fmt.Sprintf("version %d, cluster %s, cell %s, partition %d of %d, move %s, fence number %d, since %q",
		m.Version, m.Cluster, m.Cell, m.Partition, m.Partitions, m.Move, m.FenceNo, m.Mark)
}

// difference names the first table whose content is not the same on both sides, "" if all are.
func difference(tables []Table, source, target []protocol.Digest) string {
	if len(source) != len(tables) {
		return fmt.Sprintf("the source counted %d tables and sent %d", len(source), len(tables))
	}
	for i, t := range tables {
		s, d := source[i], target[i]
		switch {
		case s.Table != t.Name:
			return fmt.Sprintf("the source counted table %s where %s belongs", s.Table, t.Name)
		case s.Rows != d.Rows:
			return fmt.Sprintf("table %s: the source has %d rows, the target %d", t.Name, s.Rows, d.Rows)
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
