package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	// fewChanges are left for the fence.
	fewChanges = 200
	// maxRounds bounds the catch-up: where writes keep up with it, the rest travels under the fence, whose deadline
	// then decides.
	maxRounds = 8
)

// Copy is step 4, at the target, while the source works: all rows in batches, each a transaction; then what changed
// since, in rounds, until little is left or there were maxRounds. The first round is also the comparison of the whole
// partition: the source counts in the snapshot that the round brings the target to. Both sides' counts are returned.
//
// Repeated after it was done, it takes in what changed since. One that broke off before that is not gone on with:
// CodeConflict, until [Ledger.Import] has begun another attempt. The other codes are those of [Ledger.Pull].
func (l *Ledger) Copy(ctx context.Context, p placement.Partition, cmd protocol.Command, from Source) (protocol.Reply, error) {
	if err := l.hasPartition(p); err != nil {
		return protocol.Reply{}, err
	}
	if refused := (needs{move: true, epoch: true, attempt: true}).missing(cmd); refused != nil {
		return protocol.Reply{}, refused
	}
	row, err := l.Row(ctx, p)
	if err != nil {
		return protocol.Reply{}, err
	}
	c := &copying{l: l, p: p, cmd: cmd, from: from, row: row}
	if err := c.run(ctx); err != nil {
		return protocol.Reply{}, broken(record{c.row}, err)
	}
	return protocol.Reply{Row: c.row, Source: c.source, Target: c.target, Rounds: c.rounds}, nil
}

// copying is one run of step 4. Its row is what the last transaction left: the next one names it.
type copying struct {
	l    *Ledger
	p    placement.Partition
	cmd  protocol.Command
	from Source
	row  protocol.Row

	source, target []protocol.Digest // of the whole partition
	rounds         int
}

func (c *copying) run(ctx context.Context) error {
	changed := int64(fewChanges + 1)
	if !c.row.Copied {
		if err := c.all(ctx); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		var err error
		if changed, err = c.whole(ctx); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		c.rounds++
	}
	for changed > fewChanges && c.rounds < maxRounds {
		s, got, err := c.round(ctx, false)
		if err != nil {
			return fmt.Errorf("catch up, round %d: %w", c.rounds+1, err)
		}
		s.close()
		changed = got
		c.rounds++
	}
	return nil
}

// batch is one transaction.
func (c *copying) batch(ctx context.Context, decide rule, fn func(tx pgx.Tx, v *verdict) error) error {
	row, err := c.l.inBatch(ctx, c.p, c.cmd, decide, fn)
	if err == nil {
		c.row = row
	}
	return err
}

// all takes in every row of one snapshot of the source, the attempt's base.
func (c *copying) all(ctx context.Context) error {
	if _, refused := judge(copyBatch(0, ""), record{c.row}, c.cmd); refused != nil {
		return refused
	}
	s, err := c.l.openStream(ctx, c.from, protocol.Wanted{Move: c.cmd.Move}, record{c.row})
	if err != nil {
		return err
	}
	defer s.close()
	b := &batchReader{l: c.l, s: s}
	for before := int64(0); !b.done; before++ {
		err := c.batch(ctx, copyBatch(before, s.m.Snapshot), func(tx pgx.Tx, v *verdict) error {
			if err := b.read(ctx, tx, *v); err != nil {
				return err
			}
			if b.done {
				v.complete(s.m.Snapshot)
				return errors.Join(s.in.end(), c.l.liftSequences(ctx, tx, s.m.Tables, c.p))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// round takes in what changed since the row's mark; whole says that the source then counts everything. The stream is
// the caller's to close.
func (c *copying) round(ctx context.Context, whole bool) (*stream, int64, error) {
	wanted := protocol.Wanted{Move: c.cmd.Move, Base: c.row.Base, Mark: c.row.Mark, Whole: whole}
	if _, refused := judge(catchUp(c.row.Batch, c.row.Mark, ""), record{c.row}, c.cmd); refused != nil {
		return nil, 0, refused
	}
	s, err := c.l.openStream(ctx, c.from, wanted, record{c.row})
	if err != nil {
		return nil, 0, err
	}
	var got taken
	err = c.batch(ctx, catchUp(c.row.Batch, c.row.Mark, s.m.Snapshot), func(tx pgx.Tx, v *verdict) (err error) {
		got, err = c.l.takeChanges(ctx, tx, s, *v)
		return err
	})
	if err != nil {
		s.close()
		return nil, 0, err
	}
	return s, got.changed, nil
}

// whole is the round in which both sides count everything, the source in the snapshot that it sends, the target at
// that very mark: nobody else can take rows in while its row is locked. What is equal is copied.
func (c *copying) whole(ctx context.Context) (int64, error) {
	s, changed, err := c.round(ctx, true)
	if err != nil {
		return 0, err
	}
	defer s.close()
	var end ending
	if err := errors.Join(s.in.json(frameWhole, &end), s.in.end()); err != nil {
		return 0, err
	}
	c.source = end.Digests
	err = c.batch(ctx, copied(c.row.Batch, s.m.Snapshot), func(tx pgx.Tx, v *verdict) (err error) {
		if c.target, err = c.l.digests(ctx, tx, s.m.Tables, c.p); err != nil {
			return err
		}
		if what := difference(s.m.Tables, c.source, c.target); what != "" {
			return problem(protocol.CodeDiffers, v.was, "copied: %s", what)
		}
		return nil
	})
	return changed, err
}

// batchReader reads a stream of all rows from cut to cut.
type batchReader struct {
	l     *Ledger
	s     *stream
	table int // the number of the table being read, from 1
	done  bool
}

// read takes in one batch.
func (b *batchReader) read(ctx context.Context, tx pgx.Tx, v verdict) error {
	if b.table == 0 {
		if _, err := b.l.fitting(ctx, tx, b.s.m, v.was); err != nil {
			return err
		}
	}
	for {
		kind, err := b.s.in.next()
		if err != nil {
			return err
		}
		switch kind {
		case frameTable:
			err = b.begin()
		case frameData:
			err = b.copyIn(ctx, tx)
		case frameCut:
			return b.s.in.json(frameCut, nil)
		default:
			b.done = true
			return b.end()
		}
		if err != nil {
			return err
		}
	}
}

func (b *batchReader) begin() error {
	var name string
	if err := b.s.in.json(frameTable, &name); err != nil {
		return err
	}
	if b.table++; b.table > len(b.s.m.Tables) || b.s.m.Tables[b.table-1].Name != name {
		return b.s.in.fail(fmt.Errorf("table %q is out of place", name))
	}
	return nil
}

func (b *batchReader) copyIn(ctx context.Context, tx pgx.Tx) error {
	if b.table == 0 {
		return b.s.in.fail(errors.New("rows before their table"))
	}
	t := b.s.m.Tables[b.table-1]
	sql := fmt.Sprintf(`COPY %s (%s, cellway_partition) FROM STDIN`, b.l.table(t.Name), t.columnList())
	_, err := tx.Conn().PgConn().CopyFrom(ctx, b.s.in, sql)
	if b.s.in.err != nil {
		return b.s.in.err
	}
	return wrap(err, "copy table %s", t.Name)
}

func (b *batchReader) end() error {
	var end ending
	if err := b.s.in.json(frameEnd, &end); err != nil {
		return err
	}
	if b.table != len(b.s.m.Tables) {
		return b.s.in.fail(fmt.Errorf("%d tables of %d", b.table, len(b.s.m.Tables)))
	}
	return nil
}
