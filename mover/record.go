package mover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// The registry's side of a move. A write whose answer was lost leaves the record stale: the next attempt reads it
// again before it does anything.

// flipped is the map as a flip left it.
type flipped struct{ m *placement.Map }

// Step 1.
func (a *attempt) open(ctx context.Context) error {
	a.stale = true
	ctx, cancel := context.WithTimeout(ctx, a.cfg.StepTimeout)
	defer cancel()
	mv, err := a.cfg.Registry.OpenMove(ctx, a.term, a.mv, a.above)
	if err != nil {
		a.stale = !errors.Is(err, registry.ErrConflict) // a conflict is an answer: the journal does not have it
		return fmt.Errorf("journal move of partition %d: %w", a.mv.Partition, err)
	}
	a.mv, a.opened, a.stale = mv, true, false
	return nil
}

// reread finds the move's record after an answer was lost. A move that was being ended and is in the journal no
// more has ended; one that was being opened and is not there never was.
func (a *attempt) reread(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.StepTimeout)
	defer cancel()
	moves, err := a.cfg.Registry.OpenMoves(ctx)
	if err != nil {
		return fmt.Errorf("read the journal again: %w", err)
	}
	for _, mv := range moves {
		if mv.ID == a.mv.ID {
			a.mv.State, a.mv.Epoch, a.mv.Version, a.mv.CreatedAt = mv.State, mv.Epoch, mv.Version, mv.CreatedAt
			a.opened, a.stale = true, false
			return nil
		}
	}
	if a.opened {
		return a.lookBack(ctx)
	}
	a.stale = false
	return fmt.Errorf("journal move of partition %d: %w", a.mv.Partition, registry.ErrConflict)
}

// lookBack finds a move among the last that ended.
func (a *attempt) lookBack(ctx context.Context) error {
	const enough = 1000 // moves that can have ended since this one was journalled
	history, err := a.cfg.Registry.History(ctx, enough)
	if err != nil {
		return fmt.Errorf("read the history: %w", err)
	}
	for _, mv := range history {
		if mv.ID == a.mv.ID {
			a.mv, a.stale = mv, false
			return nil
		}
	}
	return fmt.Errorf("%w: the journal has lost the move", errHalted)
}

// Step 10. The rows have decided; the registry follows. Where the map had gone back in time, it is first corrected
// from what the target's row says.
func (a *attempt) flip(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.StepTimeout)
	defer cancel()
	a.stale = true
	m, mv, err := a.cfg.Registry.Flip(ctx, a.term, a.mv)
	if errors.Is(err, registry.ErrConflict) {
		return errors.Join(fmt.Errorf("flip: %w", err), a.correct(ctx))
	}
	if err != nil {
		return fmt.Errorf("flip: %w", err)
	}
	a.mv, a.stale, a.learned = a.kept(mv), false, &flipped{m}
	a.flippedAt = time.Now()
	return nil
}

// correct writes this move's target, which owns, into a map that knows another owner at a lower epoch.
func (a *attempt) correct(ctx context.Context) error {
	m, err := a.cfg.Registry.Map(ctx)
	if err != nil {
		return fmt.Errorf("read map to correct it: %w", err)
	}
	owner, epoch := m.Owner(a.mv.Partition)
	if owner == a.mv.From || epoch >= a.mv.Epoch {
		return nil
	}
	next, err := m.WithOwner(a.mv.Partition, a.mv.To, a.mv.Epoch)
	if err != nil {
		return fmt.Errorf("correct map: %w", err)
	}
	if err := a.cfg.Registry.CorrectMap(ctx, a.term, m.Epoch(), next); err != nil {
		return fmt.Errorf("correct map: %w", err)
	}
	a.learned = &flipped{next}
	return nil
}

// undo turns the move back.
func (a *attempt) undo(ctx context.Context, why string) error {
	mv := a.mv
	mv.State, mv.Error = registry.MoveUndoing, why
	return a.update(ctx, mv)
}

func (a *attempt) update(ctx context.Context, mv registry.Move) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.StepTimeout)
	defer cancel()
	a.stale = true
	stored, err := a.cfg.Registry.UpdateMove(ctx, a.term, mv)
	if err != nil {
		return fmt.Errorf("journal: move is %s: %w", mv.State, err)
	}
	a.mv, a.stale = stored, false
	return nil
}

// end writes the move into the history.
func (a *attempt) end(ctx context.Context, state registry.MoveState) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.StepTimeout)
	defer cancel()
	mv := a.mv
	mv.State, mv.EndedAt = state, time.Now()
	if state == registry.MoveDone {
		mv.Error = ""
	}
	a.stale = true
	if err := a.cfg.Registry.EndMove(ctx, a.term, mv); err != nil {
		return fmt.Errorf("journal: move is %s: %w", state, err)
	}
	a.mv, a.stale = mv, false
	return nil
}

// kept keeps the numbers that this leader measured, where the stored record lacks them.
func (a *attempt) kept(stored registry.Move) registry.Move {
	if stored.Rows == 0 {
		stored.Rows, stored.Checksum = a.mv.Rows, a.mv.Checksum
	}
	if stored.PauseMS == 0 {
		stored.PauseMS = a.mv.PauseMS
	}
	return stored
}
