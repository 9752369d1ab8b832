package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Adopt writes the leader's token into the row, whatever its state. CodeStale if the row has seen a higher one.
func (l *Ledger) Adopt(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{}, Deed{Verb: protocol.VerbAdopt})
}

// Record is step 2, at the source: the owned row names the move. CodeConflict if it names another; CodeStale if the
// epoch is not above the row's highest.
func (l *Ledger) Record(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{epoch: true, move: true, peer: true}, Deed{Verb: protocol.VerbRecord})
}

// Import is step 3, at the target: a new attempt, with nothing in it. CodeConflict unless the row is absent, moved
// and swept, or importing for this very move; CodeStale if the epoch is not above the row's highest.
func (l *Ledger) Import(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{epoch: true, move: true, peer: true}, Deed{Verb: protocol.VerbImport})
}

// Fence is step 6, at the source: the row becomes fenced, under a new number, until now + cmd.FenceMS by the
// database's clock. The caller has set the closing marker before ([Ledger.SetClosing]), in a transaction of its own;
// the marker goes with the transaction that fences, and where that fails the caller removes it. CodeLocked if the writers that hold the row did not end within the configured FenceWait.
func (l *Ledger) Fence(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{move: true, fenceMS: true, wait: l.fenceWait}, Deed{Verb: protocol.VerbFence})
}

// MarkReads commits, at the source, that reads are closed for the fencing that cmd.FenceNo names.
func (l *Ledger) MarkReads(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{move: true, fenceNo: true}, Deed{Verb: protocol.VerbHandover, Part: PartReads})
}

// Handover is step 8, at the source, the point of no return: what is fenced under cmd.FenceNo, with its reads closed
// for that number, becomes moved to the row's peer at cmd.Epoch.
func (l *Ledger) Handover(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{epoch: true, move: true, fenceNo: true}, Deed{Verb: protocol.VerbHandover})
}

// Own is step 9, at the target: what is ready becomes owned at cmd.Epoch. The caller knows from the source that it
// has handed over.
func (l *Ledger) Own(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{epoch: true, move: true}, Deed{Verb: protocol.VerbOwn})
}

// Receipt is step 11, on both sides: stores cmd.Receipt, once; the target's row names the move no more.
func (l *Ledger) Receipt(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	rc := cmd.Receipt
	if rc == nil || rc.Move != cmd.Move || rc.Partition != p || (rc.From != l.identity.Cell && rc.To != l.identity.Cell) {
		return protocol.Row{}, invalid("the receipt is missing, or not of this move, partition and cell")
	}
	row, err := l.step(ctx, p, cmd, needs{epoch: true, move: true}, Deed{Verb: protocol.VerbReceipt})
	if protocol.CodeOf(err) != protocol.CodeConflict {
		return row, err
	}
	// The partition may have gone on to its next move since; then the receipt is there.
	var there bool
	sql := `SELECT EXISTS (SELECT FROM ` + l.table("cellway_receipts") + ` WHERE move = $1 AND partition = $2)`
	if l.pool.QueryRow(ctx, sql, cmd.Move, p).Scan(&there) != nil || !there {
		return row, err
	}
	return l.Row(ctx, p)
}

// Compare is the first half of step 12, at the source: its frozen rows against what the target had when it was ready
// (cmd.Check). CodeDiffers names the table; then nothing is swept.
func (l *Ledger) Compare(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	if cmd.Check == nil {
		return protocol.Row{}, invalid("check is missing")
	}
	if err := l.compareFrozen(ctx, p, cmd); err != nil {
		return protocol.Row{}, err
	}
	return l.step(ctx, p, cmd, needs{epoch: true, move: true}, Deed{Verb: protocol.VerbCompare})
}

// Sweep is step 12, at the source, once it was compared: deletes the partition's rows, which another cell owns now; the row stays moved
// and names the move no more.
func (l *Ledger) Sweep(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{epoch: true, move: true}, Deed{Verb: protocol.VerbSweep})
}

// Release undoes the move at its source: owned again, naming no move. A row that is not of the move only learns
// epoch and token. CodeConflict, with the row, once it was handed over.
func (l *Ledger) Release(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{epoch: true, move: true}, Deed{Verb: protocol.VerbRelease})
}

// Clear undoes the move at its target: absent again, and no rows; where cmd.Attempt is set, only that attempt. A
// row that is not of the move only learns epoch and token. CodeConflict, with the row, once it is owned.
func (l *Ledger) Clear(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	return l.step(ctx, p, cmd, needs{epoch: true, move: true}, Deed{Verb: protocol.VerbClear})
}

// step runs one compare-and-set. A refusal is a *protocol.Problem; any other error leaves open whether it was done.
func (l *Ledger) step(ctx context.Context, p placement.Partition, cmd protocol.Command, n needs, d Deed) (protocol.Row, error) {
	if err := l.hasPartition(p); err != nil {
		return protocol.Row{}, err
	}
	decide, ok := ruleOf(l.identity.Cell, d)
	if !ok {
		return protocol.Row{}, invalid("no such deed: %s %s", d.Verb, d.Part)
	}
	if refused := n.missing(cmd); refused != nil {
		return protocol.Row{}, refused
	}
	var r record
	first := durable(cmp.Or(n.wait, l.lockWait))
	l.queueRow(first, p, `FOR UPDATE`, &r) // waits for the row's writers
	err := transact(ctx, l.pool, first, func(tx *transaction) error {
		v, refused := judge(decide, r, cmd)
		if refused != nil {
			return refused
		}
		if !v.receipt && reflect.DeepEqual(r, v.next) {
			return nil
		}
		last := &pgx.Batch{}
		if err := l.carryOut(ctx, tx, v, cmd, last); err != nil {
			return err
		}
		l.queueRecord(last, v, &r)
		return wrap(tx.end(ctx, last), "end step at partition %d", p)
	})
	if err != nil {
		return protocol.Row{}, l.explain(ctx, p, err)
	}
	return r.Row, nil
}

// inStep runs fn in a transaction whose commit is durable and whose waits for locks are bounded.
func (l *Ledger) inStep(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return transact(ctx, l.pool, durable(l.lockWait), func(tx *transaction) error { return fn(tx) })
}

// durable begins a step: customers are told of what it did.
func durable(wait time.Duration) *pgx.Batch {
	return stepping(wait, "on")
}

// stepping begins a transaction that waits for locks for so long, and commits as the setting synchronous_commit says.
func stepping(wait time.Duration, commit string) *pgx.Batch {
	first := opening(`BEGIN`)
	first.Queue(setLocal("synchronous_commit", commit, "jit", "off", "lock_timeout", strconv.FormatInt(wait.Milliseconds(), 10)))
	return first
}

// carryOut does what belongs to the row's change; what nobody waits for is queued.
func (l *Ledger) carryOut(ctx context.Context, tx pgx.Tx, v verdict, cmd protocol.Command, last *pgx.Batch) error {
	p := v.next.Partition
	if v.empty || v.wipe { // the catalog is read
		if err := l.settle(ctx, tx); err != nil {
			return err
		}
	}
	if v.empty {
		if err := l.mustBeEmpty(ctx, tx, v.was); err != nil {
			return err
		}
	}
	if v.wipe {
		tables, err := l.catalog(ctx, tx)
		if err != nil {
			return err
		}
		if err := l.wipe(ctx, tx, p, tables); err != nil {
			return err
		}
	}
	if v.unmark || v.forget {
		last.Queue(`DELETE FROM `+l.table("cellway_closing")+` WHERE partition = $1`, p)
	}
	if v.forget {
		l.forget(last, p)
	}
	if !v.receipt {
		return nil
	}
	raw, err := json.Marshal(cmd.Receipt)
	if err != nil {
		return fmt.Errorf("encode receipt of move %s: %w", cmd.Move, err)
	}
	last.Queue(`INSERT INTO `+l.table("cellway_receipts")+` (move, partition, receipt) VALUES ($1, $2, $3)
		ON CONFLICT (move) DO NOTHING`, cmd.Move, p, raw)
	return nil
}

// forget clears what was noted of the partition's rows while its row named a move: whatever became of the move,
// nothing of it stays.
func (l *Ledger) forget(last *pgx.Batch, p placement.Partition) {
	for _, table := range []string{"cellway_tombstones", "cellway_touched"} {
		last.Queue(`DELETE FROM `+l.table(table)+` WHERE partition = $1`, p)
	}
}

// explain turns a lock that could not be had into a Problem that names its holders, with the row as it is, where these
// can be read.
func (l *Ledger) explain(ctx context.Context, p placement.Partition, err error) error {
	if _, ok := errors.AsType[*protocol.Problem](err); ok {
		return err
	}
	if s := sqlState(err); s != sqlLockNotAvailable && s != sqlDeadlock {
		return err
	}
	refused := &protocol.Problem{Code: protocol.CodeLocked, Message: fmt.Sprintf("the row of partition %d is held by writers", p)}
	if held, holders := l.holders(ctx, p, nameWait, true); held && len(holders) > 0 {
		refused.Message += ": " + describeHolders(holders)
	}
	if row, err := l.Row(ctx, p); err == nil {
		refused.Row = &row
	}
	return refused
}
