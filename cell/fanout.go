package cell

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// gateAnswer is what one instance's gate said to an order.
type gateAnswer struct {
	lease ledger.Lease
	reply protocol.GateReply
	err   error
}

type gateAnswers []gateAnswer

// askGates gives the order to this instance's gate and to those of all others that hold a lease now, at once, and
// returns what each said. The error is about the list of leases: then nobody was asked.
func (in *instance) askGates(ctx context.Context, p placement.Partition, order protocol.GateOrder) (gateAnswers, error) {
	leases, err := in.ledger.Leases(ctx)
	if err != nil {
		return nil, err
	}
	own := in.askOwn(ctx, p, order)
	answers := in.askOthers(ctx, leases, p, order)
	return append(answers, own()), nil
}

// askOwn gives the order to this instance's gate; the function returned waits for what it says.
func (in *instance) askOwn(ctx context.Context, p placement.Partition, order protocol.GateOrder) (answer func() gateAnswer) {
	own := gateAnswer{lease: ledger.Lease{Instance: in.cfg.Instance}}
	var obeyed sync.WaitGroup
	obeyed.Go(func() { own.reply, own.err = in.obey(ctx, p, order) })
	return func() gateAnswer { obeyed.Wait(); return own }
}

// askOthers gives the order to all other instances that hold these leases.
func (in *instance) askOthers(ctx context.Context, leases []ledger.Lease, p placement.Partition, order protocol.GateOrder) gateAnswers {
	var answers gateAnswers
	for _, l := range leases {
		if l.Instance != in.cfg.Instance {
			answers = append(answers, gateAnswer{lease: l})
		}
	}
	var asked sync.WaitGroup
	for i := range answers {
		a := &answers[i]
		asked.Go(func() { a.reply, a.err = in.askOther(ctx, a.lease, p, order) })
	}
	asked.Wait()
	return answers
}

func (in *instance) askOther(ctx context.Context, l ledger.Lease, p placement.Partition, order protocol.GateOrder) (protocol.GateReply, error) {
	ctx, cancel := context.WithTimeout(ctx, millis(order.WaitMS)+in.cfg.OrderTimeout)
	defer cancel()
	order.Instance = l.Instance
	return in.peers.Gate(ctx, l.Addr, p, order)
}

// obey carries out an order at this instance's gate.
func (in *instance) obey(ctx context.Context, p placement.Partition, order protocol.GateOrder) (protocol.GateReply, error) {
	if order.Instance != "" && order.Instance != in.cfg.Instance {
		return protocol.GateReply{}, &protocol.Problem{
			Code: protocol.CodeConflict, Message: fmt.Sprintf("this is instance %s, not %s", in.cfg.Instance, order.Instance),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, max(millis(order.WaitMS), in.cfg.OrderTimeout))
	defer cancel()
	waiting, stop := context.WithTimeout(ctx, millis(order.WaitMS))
	defer stop()
	switch order.Action {
	case protocol.GateCloseWrites:
		in.gate.CloseWrites(p, time.Now().Add(millis(order.OpenMS)))
		inFlight, ok := in.gate.WaitWrites(waiting, p)
		return protocol.GateReply{Done: ok, InFlight: inFlight}, nil
	case protocol.GateOpen:
		in.gate.Open(p)
		return protocol.GateReply{Done: true}, nil
	case protocol.GateCloseReads:
		in.gate.CloseReads(p, order.FenceNo)
		in.hint(p) // an order that came late closed a door for nothing
		return protocol.GateReply{Done: true}, nil
	case protocol.GateRefresh:
		_, err := in.refresh(ctx, p)
		return protocol.GateReply{Done: err == nil}, err
	case protocol.GateReadsEnded:
		inFlight, ok := in.gate.WaitReads(waiting, p)
		return protocol.GateReply{Done: ok, InFlight: inFlight}, nil
	}
	return protocol.GateReply{}, invalid("no such order: %q", order.Action)
}

// refreshGates makes every gate read the row, as far as they answer: one that does not mends itself. It outlives the
// request that it is part of.
func (in *instance) refreshGates(ctx context.Context, p placement.Partition) {
	in.tellGates(ctx, p, protocol.GateOrder{Action: protocol.GateRefresh})
}

// tellGates gives an order that no step depends on. This instance's own gate does not wait for the list of the others.
func (in *instance) tellGates(ctx context.Context, p placement.Partition, order protocol.GateOrder) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*in.cfg.OrderTimeout)
	defer cancel()
	own := in.askOwn(ctx, p, order)
	leases, err := in.ledger.Leases(ctx)
	if err != nil {
		own()
		in.log.WarnContext(ctx, "gates not told", "partition", p, "order", order.Action, "error", err)
		return
	}
	for _, a := range append(in.askOthers(ctx, leases, p, order), own()) {
		if a.err != nil {
			in.log.WarnContext(ctx, "gate not told", "partition", p, "order", order.Action, "gate", a.lease.Instance, "error", a.err)
		}
	}
}

// silent is the refusal for gates that did not answer, nil if all did.
func (as gateAnswers) silent() error {
	var names []string
	for _, a := range as {
		if a.err != nil {
			names = append(names, fmt.Sprintf("%s (its lease ends in %.1fs): %v", a.lease.Instance, a.lease.Remaining.Seconds(), a.err))
		}
	}
	if names == nil {
		return nil
	}
	return &protocol.Problem{Code: protocol.CodeSilent, Message: "no answer from instance " + strings.Join(names, "; ")}
}

// busy is the refusal for requests that did not end in time, nil if all did.
func (as gateAnswers) busy(what string) error {
	var inFlight []string
	done := true
	for _, a := range as {
		done = done && a.reply.Done
		inFlight = append(inFlight, a.reply.InFlight...)
	}
	if done {
		return nil
	}
	return &protocol.Problem{Code: protocol.CodeBusy, Message: what + " still in flight: " + strings.Join(inFlight, "; ")}
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func invalid(format string, args ...any) *protocol.Problem {
	return &protocol.Problem{Code: protocol.CodeInvalid, Message: fmt.Sprintf(format, args...)}
}
