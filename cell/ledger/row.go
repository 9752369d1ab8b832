package ledger

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// selectRows is the one list of a row's columns, in the order of scanRecord.
func (l *Ledger) selectRows() string {
	return `SELECT ` + rowColumns + ` FROM ` + l.table("cellway_partitions")
}

const rowColumns = `partition, state, epoch, high_epoch, token, fence_no, read_fence, move, move_epoch,
	peer, peer_addrs, attempt, batch, deadline, swept, base, mark, copied, checked`

// queryRecord reads one row; pgx.ErrNoRows if there is none.
func queryRecord(ctx context.Context, q querier, sql string, args ...any) (record, error) {
	return scanRecord(q.QueryRow(ctx, sql, args...))
}

func scanRecord(row pgx.Row) (record, error) {
	var r record
	var epoch, highEpoch, moveEpoch, token int64
	var deadline *time.Time
	err := row.Scan(&r.Partition, &r.State, &epoch, &highEpoch, &token, &r.FenceNo, &r.ReadFence,
		&r.Move, &moveEpoch, &r.Peer, &r.PeerAddrs, &r.Attempt, &r.Batch, &deadline, &r.Swept,
		&r.Base, &r.Mark, &r.Copied, &r.Checked)
	if err != nil {
		return record{}, err
	}
	r.Epoch, r.HighEpoch, r.MoveEpoch = placement.Epoch(epoch), placement.Epoch(highEpoch), placement.Epoch(moveEpoch)
	r.Token = uint64(token)
	if deadline != nil {
		r.Deadline = *deadline
	}
	return r, nil
}

// queueRow reads a partition's row into r; lock is nothing, or FOR UPDATE.
func (l *Ledger) queueRow(b *pgx.Batch, p placement.Partition, lock string, r *record) {
	b.Queue(l.selectRows()+` WHERE partition = $1 `+lock, p).QueryRow(scanInto(r, "read", p))
}

func scanInto(r *record, what string, p placement.Partition) func(row pgx.Row) error {
	return func(row pgx.Row) error {
		found, err := scanRecord(row)
		if err == nil {
			*r = found
		}
		return wrap(err, "%s partition %d", what, p)
	}
}

// queueRecord writes a locked row; into is what it then is.
func (l *Ledger) queueRecord(b *pgx.Batch, v verdict, into *record) {
	r := v.next
	var deadline *time.Time
	if !r.Deadline.IsZero() {
		deadline = &r.Deadline
	}
	addrs := r.PeerAddrs
	if addrs == nil {
		addrs = []string{}
	}
	b.Queue(`UPDATE `+l.table("cellway_partitions")+` SET state = $2, epoch = $3, high_epoch = $4, token = $5,
		fence_no = $6, read_fence = $7, move = $8, move_epoch = $9, peer = $10, peer_addrs = $11,
		attempt = $12, batch = $13, swept = $14, base = $17, mark = $18, copied = $19, checked = $20,
		deadline = CASE WHEN $16::bigint > 0 THEN clock_timestamp() + $16::bigint * interval '1 microsecond' ELSE $15 END
		WHERE partition = $1 RETURNING `+rowColumns,
		r.Partition, r.State, int64(r.Epoch), int64(r.HighEpoch), int64(r.Token),
		r.FenceNo, r.ReadFence, r.Move, int64(r.MoveEpoch), r.Peer, addrs,
		r.Attempt, r.Batch, r.Swept, deadline, v.fenceFor.Microseconds(),
		r.Base, r.Mark, r.Copied, r.Checked).QueryRow(scanInto(into, "write", r.Partition))
}

// fitsSQL: tokens and epochs are unsigned here and bigint there.
func fitsSQL(n uint64) bool { return n <= math.MaxInt64 }

func invalid(format string, args ...any) *protocol.Problem {
	return &protocol.Problem{Code: protocol.CodeInvalid, Message: fmt.Sprintf(format, args...)}
}
