package mover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// maxAsking is how many cells are asked for their rows at once.
const maxAsking = 4

// cellView is how far the leader has come to know one cell during its term:
//
//	unread --Rows--> read --Assign what the first map gave it, if it does not know--> ready
//
// Moves begin only between cells that are ready; open moves of the journal need no view.
type cellView struct {
	asking   bool
	due      time.Time
	failures int
	problem  string
	rows     []protocol.Row // while read, and not yet ready
	read     bool
	ready    bool
}

// cellResult is the answer of a cell, to Rows or to Assign.
type cellResult struct {
	cell     string
	assigned bool
	rows     []protocol.Row
	err      error
}

// askCells goes on with every known cell that is not ready.
func (t *term) askCells(ctx context.Context) {
	names := map[string]bool{}
	for _, c := range t.cells {
		names[c.Name] = true
	}
	if t.m != nil {
		for _, owner := range t.m.Cells() {
			names[owner] = true
		}
	}
	asking := 0
	for _, v := range t.views {
		if v.asking {
			asking++
		}
	}
	now := time.Now()
	for _, cell := range slices.Sorted(maps.Keys(names)) {
		v := t.views[cell]
		if v == nil {
			v = &cellView{}
			t.views[cell] = v
		}
		if v.problem != "" {
			t.problems.add(v.problem)
		}
		if v.ready || v.asking || v.due.After(now) || asking == maxAsking || !t.book.healthy(cell) && len(t.book.addresses(cell)) == 0 {
			continue
		}
		if t.ask(ctx, cell, v) {
			asking++
		}
	}
}

// ask starts the cell's next question, if there is one.
func (t *term) ask(ctx context.Context, cell string, v *cellView) bool {
	var order protocol.Assignment
	if v.read {
		if t.m == nil {
			return false
		}
		order = protocol.Assignment{
			Cell:    cell,
			Cluster: t.cluster.ID, Partitions: unassigned(t.m, cell, v.rows), Epoch: firstEpoch, Token: t.leader.Token,
		}
		if len(order.Partitions) == 0 {
			v.ready, v.rows = true, nil
			return false
		}
	}
	v.asking = true
	addrs, assign, cells, timeout := t.book.addresses(cell), v.read, t.cfg.Cells, t.cfg.StepTimeout
	t.workers.Go(func() {
		r := cellResult{cell: cell, assigned: assign, err: errOutOfReach}
		for _, addr := range addrs {
			r.rows, r.err = question(ctx, cells, timeout, addr, assign, order)
			if r.err == nil || ctx.Err() != nil {
				break
			}
		}
		t.heard <- r // has room for all who may ask at once
	})
	return true
}

func question(ctx context.Context, cells Cells, timeout time.Duration, addr string, assign bool, order protocol.Assignment) ([]protocol.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if assign {
		return nil, cells.Assign(ctx, addr, order)
	}
	return cells.Rows(ctx, addr)
}

// learn takes in a cell's answer.
func (t *term) learn(ctx context.Context, r cellResult) error {
	v := t.views[r.cell]
	v.asking = false
	if r.err != nil {
		v.failures++
		v.due = time.Now().Add(growing(t.cfg.RetryPause, t.cfg.RetryPauseMax, v.failures))
		if protocol.CodeOf(r.err) == protocol.CodeStale {
			return fmt.Errorf("give %s its share: %w: %w", r.cell, errTermOver, r.err)
		}
		if v.failures > 1 {
			v.problem = fmt.Sprintf("%s cannot be asked for its partitions: %s", r.cell, r.err)
		}
		return nil
	}
	v.failures, v.problem = 0, ""
	if r.assigned {
		v.ready, v.rows = true, nil
		t.log.Info("cell has its share of the first map", slog.String("cell", r.cell))
		return t.hook(ctx, AfterAssign)
	}
	v.read, v.rows = true, r.rows
	for _, row := range r.rows {
		t.seenToken = max(t.seenToken, row.Token)
	}
	t.gather(examine(r.cell, r.rows, t.known))
	return nil
}

// gather adds what one cell's rows say to what is known.
func (t *term) gather(f findings) {
	for p, high := range f.highest {
		t.facts.highest[p] = max(t.facts.highest[p], high)
	}
	for p, c := range f.claims {
		if c.epoch > t.facts.claims[p].epoch {
			t.facts.claims[p] = c
		}
	}
	for _, mv := range f.orphans {
		t.known[mv.ID] = true
		t.facts.orphans = append(t.facts.orphans, mv)
		t.log.Warn("a row names a move that the journal does not have", slog.String("move", mv.ID),
			slog.Int("partition", int(mv.Partition)), slog.String("from", mv.From), slog.String("to", mv.To))
	}
	t.facts.strange = append(t.facts.strange, f.strange...)
}

// repair brings journal and map up to what the cells' rows say (protocol, rule 12).
func (t *term) repair(ctx context.Context) error {
	for _, why := range t.facts.strange {
		t.problems.add(why)
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.StepTimeout)
	defer cancel()
	var later []registry.Move
	for i, mv := range t.facts.orphans {
		if _, busy := t.queue.jobs[mv.Partition]; busy {
			later = append(later, mv)
			continue
		}
		mv.Rebalance = t.progress.rec.ID
		stored, err := t.cfg.Registry.OpenMove(ctx, t.leader, mv, t.facts.highest[mv.Partition])
		if err != nil {
			t.facts.orphans = append(later, t.facts.orphans[i:]...)
			return fmt.Errorf("journal move %s that a row names: %w", mv.ID, err)
		}
		t.queue.adopt(stored)
	}
	t.facts.orphans = later
	return t.correctMap(ctx)
}

// correctMap raises the map to what cells own. Claims that the map has caught up with are forgotten.
func (t *term) correctMap(ctx context.Context) error {
	next, err := corrected(t.m, t.facts.claims, t.moving)
	if err != nil {
		return err
	}
	if next != nil {
		err := t.cfg.Registry.CorrectMap(ctx, t.leader, t.m.Epoch(), next)
		if errors.Is(err, registry.ErrConflict) {
			return errors.Join(fmt.Errorf("correct map: %w", err), t.reloadMap(ctx))
		}
		if err != nil {
			return fmt.Errorf("correct map: %w", err)
		}
		t.log.Warn("map corrected from the cells' rows", slog.Uint64("from_epoch", uint64(t.m.Epoch())), slog.Uint64("to_epoch", uint64(next.Epoch())))
		t.m, t.replan = next, true
	}
	for p, c := range t.facts.claims {
		if _, epoch := t.m.Owner(p); epoch >= c.epoch {
			delete(t.facts.claims, p)
		}
	}
	return nil
}

func (t *term) reloadMap(ctx context.Context) error {
	m, err := t.cfg.Registry.Map(ctx)
	if err != nil {
		return fmt.Errorf("read map: %w", err)
	}
	t.m, t.replan = m, true
	return nil
}

// moving: the partition has a move in progress, in the journal or in a row.
func (t *term) moving(p placement.Partition) bool {
	_, busy := t.queue.jobs[p]
	return busy || slices.ContainsFunc(t.facts.orphans, func(mv registry.Move) bool { return mv.Partition == p })
}
