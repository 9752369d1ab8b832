package cell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// maxWait bounds every wait that a command or an order may ask for.
const maxWait = time.Minute

// step is a command that ends with the partition's row as it is now.
type step func(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error)

// command carries out one command. A refusal is a *protocol.Problem; any other error leaves open whether it was done.
func (in *instance) command(ctx context.Context, p placement.Partition, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error) {
	if why := in.restored.Load(); why != nil {
		return protocol.Reply{}, &protocol.Problem{Code: protocol.CodeInternal, Message: *why}
	}
	switch verb {
	case protocol.VerbCopy:
		return in.copyRows(ctx, p, cmd)
	case protocol.VerbPull:
		return in.pull(ctx, p, cmd)
	case protocol.VerbCheck:
		return in.check(ctx, p, cmd)
	}
	do, ok := in.steps()[verb]
	if !ok {
		return protocol.Reply{}, invalid("no such command: %q", verb)
	}
	row, err := do(ctx, p, cmd)
	return protocol.Reply{Row: row}, err
}

func (in *instance) steps() map[protocol.Verb]step {
	l := in.ledger
	return map[protocol.Verb]step{
		protocol.VerbAdopt:    l.Adopt,
		protocol.VerbRecord:   l.Record,
		protocol.VerbImport:   in.shown(in.importRows),
		protocol.VerbClose:    in.closeWrites,
		protocol.VerbFence:    in.shown(in.fence),
		protocol.VerbHandover: in.shownSoon(in.handover),
		protocol.VerbOwn:      in.shown(l.Own),
		protocol.VerbReceipt:  l.Receipt,
		protocol.VerbCompare:  l.Compare,
		protocol.VerbSweep:    in.sweep,
		protocol.VerbRelease:  in.shown(l.Release),
		protocol.VerbClear:    in.shown(l.Clear),
	}
}

// shown has all gates read the row after the step.
func (in *instance) shown(do step) step { return followed(do, in.refreshGates) }

// shownSoon is shown for the hand-over, whose gates were closed before: the mover does not wait until they know why, since
// customers do.
func (in *instance) shownSoon(do step) step {
	return followed(do, func(ctx context.Context, p placement.Partition) {
		if in.stopping.Load() {
			in.refreshGates(ctx, p)
			return
		}
		in.behind.Go(func() { in.refreshGates(ctx, p) })
	})
}

// followed has the step followed by what it calls for, unless it was refused: an error may mean that it was done.
func followed(do step, then func(ctx context.Context, p placement.Partition)) step {
	return func(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
		row, err := do(ctx, p, cmd)
		if protocol.CodeOf(err) == "" {
			then(ctx, p)
		}
		return row, err
	}
}

// closeWrites is step 5: every gate closes for writes, and every gate is empty of them; else all open again. They open
// by themselves when the drain and the fence's time are over.
func (in *instance) closeWrites(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	drain, fence := millis(cmd.DrainMS), millis(cmd.FenceMS)
	if drain < 0 || drain > maxWait || fence <= 0 || fence > maxWait {
		return protocol.Row{}, invalid("drain_ms must be from 0, and fence_ms from 1, to %d", maxWait.Milliseconds())
	}
	row, err := in.ledger.Row(ctx, p)
	if err != nil {
		return row, err
	}
	switch {
	case cmd.Token < row.Token:
		return row, refuse(protocol.CodeStale, row, "token %d is below the row's %d: a newer leader has been here", cmd.Token, row.Token)
	case !row.Busy(cmd.Move) || row.State != protocol.StateOwned && row.State != protocol.StateFenced:
		return row, refuse(protocol.CodeConflict, row, "partition %d is %s and names move %q, not %q", p, row.State, row.Move, cmd.Move)
	}
	// Before anybody waits for it: a transaction that the fence could not outwait.
	if err := in.ledger.Quiet(ctx, p); err != nil {
		return row, err
	}
	return row, in.emptyGates(ctx, p, drain, fence)
}

// emptyGates closes every gate for writes and waits until none has a write in flight; else all open again. They open by
// themselves a little before drain and fence are over: what is held when a mover dies is through in that time.
func (in *instance) emptyGates(ctx context.Context, p placement.Partition, drain, fence time.Duration) error {
	answers, err := in.askGates(ctx, p, protocol.GateOrder{
		Action: protocol.GateCloseWrites, WaitMS: drain.Milliseconds(), OpenMS: (drain + fence*9/10).Milliseconds(),
	})
	if err != nil {
		return err
	}
	refused := answers.silent()
	if refused == nil {
		refused = answers.busy("writes")
	}
	if refused != nil {
		in.tellGates(ctx, p, protocol.GateOrder{Action: protocol.GateOpen})
	}
	return refused
}

// fence is step 6: the marker keeps new writers out while the fence waits for the old ones. The gates are closed once
// more: they may have opened by themselves since step 5, and what they admit must not meet the fence.
func (in *instance) fence(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	drain, fence := millis(cmd.DrainMS), millis(cmd.FenceMS)
	if drain < 0 || drain > maxWait || fence <= 0 || fence > maxWait {
		return protocol.Row{}, invalid("drain_ms must be from 0, and fence_ms from 1, to %d", maxWait.Milliseconds())
	}
	if err := in.emptyGates(ctx, p, drain, fence); err != nil {
		return protocol.Row{}, err
	}
	err := in.ledger.SetClosing(ctx, p, cmd, millis(cmd.FenceMS))
	if err != nil && protocol.CodeOf(err) != protocol.CodeConflict {
		return protocol.Row{}, err
	}
	// A conflict may mean that it is fenced already: the step itself knows.
	row, err := in.ledger.Fence(ctx, p, cmd)
	if err == nil {
		return row, nil // the marker went with the fencing
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.cfg.OrderTimeout)
	defer cancel()
	if clearing := in.ledger.ClearClosing(after, p, cmd); clearing != nil {
		in.log.DebugContext(ctx, "marker not removed; it ends by itself", "partition", p, "error", clearing)
	}
	if protocol.CodeOf(err) != "" {
		in.tellGates(ctx, p, protocol.GateOrder{Action: protocol.GateOpen})
	}
	return row, err
}

// handover is step 8. Whoever takes a lease after the marker was committed sees it; all others are asked.
func (in *instance) handover(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	if _, err := in.ledger.MarkReads(ctx, p, cmd); err != nil {
		if !wasHandedOver(err, cmd) {
			return protocol.Row{}, err
		}
		return in.ledger.Handover(ctx, p, cmd)
	}
	answers, err := in.askGates(ctx, p, protocol.GateOrder{Action: protocol.GateCloseReads, FenceNo: cmd.FenceNo})
	if err != nil {
		return protocol.Row{}, err
	}
	if refused := answers.silent(); refused != nil {
		return protocol.Row{}, refused
	}
	return in.ledger.Handover(ctx, p, cmd)
}

// wasHandedOver: the refusal's row says that this very hand-over was done before.
func wasHandedOver(err error, cmd protocol.Command) bool {
	refused, ok := errors.AsType[*protocol.Problem](err)
	return ok && refused.Code == protocol.CodeConflict && refused.Row != nil &&
		refused.Row.State == protocol.StateMoved && refused.Row.Epoch == cmd.Epoch
}

// sweep is step 12: reads that were admitted before the hand-over must not meet what is missing.
func (in *instance) sweep(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	row, err := in.ledger.Row(ctx, p)
	if err != nil {
		return row, err
	}
	if row.State == protocol.StateMoved && !row.Swept {
		answers, err := in.askGates(ctx, p, protocol.GateOrder{Action: protocol.GateReadsEnded, WaitMS: in.cfg.ReadsTimeout.Milliseconds()})
		if err != nil {
			return row, err
		}
		if err := errors.Join(answers.silent(), answers.busy("reads")); err != nil {
			return row, err
		}
	}
	return in.ledger.Sweep(ctx, p, cmd)
}

// assign gives the cell its share of the first map. The other instances learn of it by what they have to refuse.
func (in *instance) assign(ctx context.Context, a protocol.Assignment) error {
	if why := in.restored.Load(); why != nil {
		return &protocol.Problem{Code: protocol.CodeInternal, Message: *why}
	}
	if err := in.ledger.Assign(ctx, a); err != nil {
		return err
	}
	in.log.InfoContext(ctx, "partitions assigned", "partitions", len(a.Partitions), "epoch", a.Epoch)
	return in.reload(ctx)
}

func refuse(code string, row protocol.Row, format string, args ...any) *protocol.Problem {
	return &protocol.Problem{Code: code, Message: fmt.Sprintf(format, args...), Row: &row}
}
