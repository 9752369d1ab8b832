package mover

import (
	"context"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
)

// do carries out one step. Every function below is one step of the story; none of them decides what comes next.
func (a *attempt) do(ctx context.Context, step Step) error {
	switch step.Do {
	case ActRecord:
		return a.record(ctx)
	case ActImport:
		return a.importRows(ctx)
	case ActCopy:
		return a.copyRows(ctx)
	case ActFence:
		return a.fence(ctx)
	case ActPull:
		return a.pull(ctx)
	case ActHandover:
		return a.handover(ctx)
	case ActOwn:
		return a.own(ctx)
	case ActFlip:
		return a.flip(ctx)
	case ActReceipt:
		return a.receipts(ctx)
	case ActCheck:
		return a.check(ctx)
	case ActSweep:
		return a.sweep(ctx)
	case ActDone:
		return a.end(ctx, registry.MoveDone)
	case ActUndo:
		return a.undo(ctx, step.Why)
	case ActRelease:
		return a.release(ctx)
	case ActClear:
		return a.clear(ctx)
	case ActUndone:
		return a.end(ctx, registry.MoveUndone)
	}
	return fmt.Errorf("%w: no such step: %q", errHalted, step.Do)
}

// Step 2. From here on the source's own row says that a move is under way, whatever becomes of the journal.
func (a *attempt) record(ctx context.Context) error {
	return a.atSource(ctx, protocol.VerbRecord, protocol.Command{})
}

// Step 3.
func (a *attempt) importRows(ctx context.Context) error {
	_, err := a.atTarget(ctx, protocol.VerbImport, protocol.Command{})
	return err
}

// Step 4. The longest of all, and nobody waits for it but this move; an operator's wish breaks it off. Whole partitions were compared in it.
func (a *attempt) copyRows(ctx context.Context) error {
	ctx, done := a.wish.until(ctx)
	defer done()
	reply, err := a.atTarget(ctx, protocol.VerbCopy, protocol.Command{Attempt: a.target.Attempt})
	if err != nil {
		return err
	}
	a.caughtUp = true
	if reply.Target == nil {
		return nil
	}
	if err := compare(reply.Source, reply.Target); err != nil {
		return fmt.Errorf("copy at target %s: %w", a.mv.To, err)
	}
	a.mv.Checksum, a.mv.Rows = checksum(reply.Target)
	return nil
}

// Steps 5 and 6. The gates first, so that no admitted request meets the fence. Both open again by themselves. What has
// changed since an earlier attempt copied is taken in before.
func (a *attempt) fence(ctx context.Context) error {
	if !a.caughtUp {
		if err := a.copyRows(ctx); err != nil {
			return err
		}
	}
	a.caughtUp = false
	a.closedAt = time.Now()
	limits := protocol.Command{DrainMS: millis(a.cfg.Drain), FenceMS: millis(a.cfg.FenceDeadline)}
	if err := a.atSource(ctx, protocol.VerbClose, limits); err != nil {
		return err
	}
	if err := a.hook(ctx, AfterClose); err != nil {
		return err
	}
	a.fencings++
	return a.atSource(ctx, protocol.VerbFence, limits)
}

// Step 7. The cells have compared what was sent already; what they counted is compared once more here, where it costs nothing.
func (a *attempt) pull(ctx context.Context) error {
	reply, err := a.atTarget(ctx, protocol.VerbPull, protocol.Command{FenceNo: a.source.FenceNo, Attempt: a.target.Attempt})
	if err != nil {
		return err
	}
	if err := compare(reply.Source, reply.Target); err != nil {
		return fmt.Errorf("pull at target %s: %w", a.mv.To, err)
	}
	return nil
}

// Step 8, the point of no return: it names the fencing under which the rows were taken and compared.
func (a *attempt) handover(ctx context.Context) error {
	return a.atSource(ctx, protocol.VerbHandover, protocol.Command{FenceNo: a.target.FenceNo})
}

// Step 9. The pause that customers felt ends here.
func (a *attempt) own(ctx context.Context) error {
	if _, err := a.atTarget(ctx, protocol.VerbOwn, protocol.Command{FenceNo: a.source.FenceNo}); err != nil {
		return err
	}
	if !a.closedAt.IsZero() {
		a.mv.PauseMS = float64(time.Since(a.closedAt).Microseconds()) / 1000
	}
	return nil
}

// Step 11. The target's comes last: from it on, its row names the move no more.
func (a *attempt) receipts(ctx context.Context) error {
	receipt := protocol.Receipt{
		Move: a.mv.ID, Partition: a.mv.Partition, From: a.mv.From, To: a.mv.To, Epoch: a.mv.Epoch,
		Source: a.sourceSum, Target: a.targetSum, PauseMS: a.mv.PauseMS, AskedBy: a.mv.AskedBy,
		StartedAt: a.mv.CreatedAt, FlippedAt: a.flippedAt,
	}
	if from := sourceRoleOf(a.mv, a.source); from == sourceMoved || from == sourceChecked {
		if err := a.atSource(ctx, protocol.VerbReceipt, protocol.Command{Receipt: &receipt}); err != nil {
			return err
		}
		if err := a.hook(ctx, AfterSourceReceipt); err != nil {
			return err
		}
	}
	_, err := a.atTarget(ctx, protocol.VerbReceipt, protocol.Command{Receipt: &receipt})
	return err
}

// Step 12, its first half: what the target had when it was ready against the source's frozen rows. A difference is an
// alarm: nothing is swept.
func (a *attempt) check(ctx context.Context) error {
	reply, err := a.atTarget(ctx, protocol.VerbCheck, protocol.Command{FenceNo: a.source.FenceNo})
	if err != nil {
		return err
	}
	if reply.Check == nil {
		return fmt.Errorf("check at target %s: nothing was counted", a.mv.To)
	}
	if err := a.atSource(ctx, protocol.VerbCompare, protocol.Command{Check: reply.Check}); err != nil {
		return err
	}
	a.sourceSum, a.targetSum = reply.Check.Digests, reply.Check.Digests
	a.mv.Checksum, a.mv.Rows = checksum(reply.Check.Digests)
	return nil
}

// Step 12. The source waits for the reads that it admitted before the hand-over.
func (a *attempt) sweep(ctx context.Context) error {
	return a.atSource(ctx, protocol.VerbSweep, protocol.Command{})
}

// Undo, at the source: when this has been done, no late command can hand over any more.
func (a *attempt) release(ctx context.Context) error {
	return a.atSource(ctx, protocol.VerbRelease, protocol.Command{})
}

// Undo, at the target.
func (a *attempt) clear(ctx context.Context) error {
	cmd := protocol.Command{}
	if a.target.Busy(a.mv.ID) {
		cmd.Attempt = a.target.Attempt
	}
	_, err := a.atTarget(ctx, protocol.VerbClear, cmd)
	return err
}
