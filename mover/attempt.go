package mover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
)

// adoptPatience is how long one instance of a cell may take to show itself alive, before the next is asked.
const adoptPatience = 4 * time.Second

// attempt carries one move as far as it goes without anything going wrong: to its end, or to the first error. It
// runs in one goroutine and keeps no state of its own between steps but the rows as they were last seen.
type attempt struct {
	job
	cfg      Config
	term     registry.Term
	fromAddr []string // where the source's instances listen, the most likely first
	toAddr   []string // the target's

	source, target protocol.Row
	learned        *flipped // the map after a flip
	caughtUp       bool     // the target has just taken in what changed
}

// run is the whole story: see that the journal knows the move, write this leader's token into both rows and read
// them, then do what is next until nothing is.
func (a *attempt) run(ctx context.Context) error {
	if err := a.enter(ctx); err != nil {
		return err
	}
	if err := a.adopt(ctx); err != nil {
		return err
	}
	for {
		step := Next(a.mv, a.source, a.target)
		a.past = handedOver(sourceRoleOf(a.mv, a.source), targetRoleOf(a.mv, a.source, a.target))
		if a.heed(); a.mustTurnBack() {
			step = Step{Do: ActUndo, Why: a.giveUp}
		}
		switch step.Do {
		case ActNone:
			return nil
		case ActHalt:
			return fmt.Errorf("%w: %s", errHalted, step.Why)
		}
		if err := a.take(ctx, step); err != nil {
			return err
		}
	}
}

// take does one step between two calls of the hook.
func (a *attempt) take(ctx context.Context, step Step) error {
	if err := a.hook(ctx, Before(step.Do)); err != nil {
		return err
	}
	if err := a.do(ctx, step); err != nil {
		return a.judged(err)
	}
	return a.hook(ctx, After(step.Do))
}

// enter sees that the journal has the move (step 1), that the record at hand is the journal's, and that it says
// undoing if the move has failed for too long.
func (a *attempt) enter(ctx context.Context) error {
	if !a.opened && !a.stale {
		if err := a.hook(ctx, BeforeOpen); err != nil {
			return err
		}
		if err := a.open(ctx); err != nil {
			return err
		}
		if err := a.hook(ctx, AfterOpen); err != nil {
			return err
		}
	}
	if a.stale {
		if err := a.reread(ctx); err != nil {
			return err
		}
	}
	if a.heed(); a.mustTurnBack() {
		return a.take(ctx, Step{Do: ActUndo, Why: a.giveUp})
	}
	if a.report {
		a.report = false
		return a.update(ctx, a.mv)
	}
	return nil
}

// adopt writes the term's token into both rows and reads them, the target's before the source's: what the target
// waits for cannot have come true before it began to wait.
func (a *attempt) adopt(ctx context.Context) error {
	target, err := a.reach(ctx, "target", a.mv.To, a.toAddr)
	if err != nil {
		return err
	}
	source, err := a.reach(ctx, "source", a.mv.From, a.fromAddr)
	if err != nil {
		return err
	}
	a.target, a.toAddr = target.row, target.addrs
	a.source, a.fromAddr = source.row, source.addrs
	return nil
}

// found is a cell's answer to adopt: the row, and the addresses with the one that answered in front.
type found struct {
	row   protocol.Row
	addrs []string
}

// reach asks one instance after the other, until one answers.
func (a *attempt) reach(ctx context.Context, side, cell string, addrs []string) (found, error) {
	err := errOutOfReach
	for i, addr := range addrs {
		var reply protocol.Reply
		reply, err = a.send(ctx, addr, protocol.VerbAdopt, protocol.Command{Cell: cell})
		if err == nil {
			front := append([]string{addr}, addrs[:i]...)
			return found{row: reply.Row, addrs: append(front, addrs[i+1:]...)}, nil
		}
		if protocol.CodeOf(err) == protocol.CodeStale {
			return found{}, fmt.Errorf("%s %s: %w: %w", side, cell, errTermOver, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return found{}, fmt.Errorf("%s %s: %w", side, cell, err)
}

// atSource sends a command to the source and takes in the row of its answer.
func (a *attempt) atSource(ctx context.Context, verb protocol.Verb, cmd protocol.Command) error {
	cmd.Cell, cmd.Peer, cmd.PeerAddrs = a.mv.From, a.mv.To, a.toAddr
	reply, err := a.send(ctx, a.fromAddr[0], verb, cmd)
	if err != nil {
		return fmt.Errorf("%s at source %s: %w", verb, a.mv.From, err)
	}
	a.source = reply.Row
	return nil
}

// atTarget sends a command to the target and takes in the row of its answer.
func (a *attempt) atTarget(ctx context.Context, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error) {
	cmd.Cell, cmd.Peer, cmd.PeerAddrs = a.mv.To, a.mv.From, a.fromAddr
	reply, err := a.send(ctx, a.toAddr[0], verb, cmd)
	if err != nil {
		return reply, fmt.Errorf("%s at target %s: %w", verb, a.mv.To, err)
	}
	a.target = reply.Row
	return reply, nil
}

func (a *attempt) send(ctx context.Context, addr string, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error) {
	cmd.Move, cmd.Epoch, cmd.Token = a.mv.ID, a.mv.Epoch, a.term.Token
	patience := a.cfg.StepTimeout
	switch verb {
	case protocol.VerbAdopt:
		patience = min(patience, adoptPatience)
	case protocol.VerbImport, protocol.VerbCopy, protocol.VerbCheck, protocol.VerbCompare, protocol.VerbSweep, protocol.VerbClear:
		patience = max(patience, a.cfg.CopyTimeout)
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return a.cfg.Cells.Do(ctx, addr, a.mv.Partition, verb, cmd)
}

// judged finds out whether a refusal means that the term is over: the row it came with has a higher token.
func (a *attempt) judged(err error) error {
	problem, ok := errors.AsType[*protocol.Problem](err)
	if ok && problem.Code == protocol.CodeStale && problem.Row != nil && problem.Row.Token > a.term.Token {
		return fmt.Errorf("%w: %w", errTermOver, err)
	}
	return err
}

func (a *attempt) hook(ctx context.Context, at Point) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped %s: %w", at, err)
	}
	if err := a.cfg.Hook(ctx, at); err != nil {
		return hookError{fmt.Errorf("hook %s: %w", at, err)}
	}
	return nil
}

func millis(d time.Duration) int64 { return d.Milliseconds() }
