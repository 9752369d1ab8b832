package mover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// reverseAsker is in asked_by of the moves of a reversed rebalance.
const reverseAsker = "reverse"

// readOrders reads what operators ask of the leader. It comes before the cells are read: a hold is over when they
// differ from what they were.
func (t *term) readOrders(ctx context.Context) error {
	orders, err := t.cfg.Registry.Orders(ctx)
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	t.take(orders)
	return nil
}

func (t *term) take(orders registry.OrderBook) {
	t.replan = t.replan || orders.Version != t.orders.Version
	t.orders = orders
}

// obey carries the orders to the moves that they concern, and takes out of the book what is over.
func (t *term) obey(ctx context.Context) error {
	left := t.orders
	if h := left.Hold; h != nil && h.Over(t.cells) {
		left = left.Released()
	}
	left.Cancels, left.Hold = t.cancelMoves(left.Cancels, left.Hold)
	if h := left.Hold; h != nil && h.Undo {
		for _, e := range t.queue.jobs {
			t.turnBack(e, h.Word)
		}
	}
	if r := left.Reverse; r != nil && len(r.Left(t.m)) == 0 && len(t.queue.jobs) == 0 {
		left.Reverse = nil
	}
	t.tellOrders(left)
	if sameOrders(left, t.orders) {
		return nil
	}
	return t.storeOrders(ctx, left)
}

func sameOrders(a, b registry.OrderBook) bool {
	return len(a.Cancels) == len(b.Cancels) && a.Hold == b.Hold && a.Reverse == b.Reverse
}

func (t *term) storeOrders(ctx context.Context, left registry.OrderBook) error {
	ctx, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	stored, err := t.cfg.Registry.PutOrders(ctx, t.leader, left)
	if errors.Is(err, registry.ErrConflict) {
		t.polled = time.Time{} // an operator was faster: read again, and obey that
		return nil
	}
	if err != nil {
		return fmt.Errorf("take out orders: %w", err)
	}
	t.take(stored)
	return nil
}

// cancelMoves utters what is wished of single moves, and returns the wishes that are not over, and the hold. A move
// that was past the point of no return, or has ended, goes or went forward; then its partition is not held any more.
func (t *term) cancelMoves(cancels []registry.Cancel, hold *registry.Hold) ([]registry.Cancel, *registry.Hold) {
	var left []registry.Cancel
	for _, c := range cancels {
		if e := t.queue.jobs[c.Partition]; e != nil && e.mv.ID == c.Move && !e.past {
			t.turnBack(e, c.Word)
			left = append(left, c)
			continue
		}
		if owner, _ := t.m.Owner(c.Partition); owner != c.From || t.moving(c.Partition) {
			hold = without(hold, c.Partition)
		}
	}
	return left, hold
}

// without is the hold that keeps the partition no more; nil if that was all.
func without(h *registry.Hold, p placement.Partition) *registry.Hold {
	if h == nil || !slices.Contains(h.Partitions, p) {
		return h
	}
	less := *h
	less.Partitions = slices.DeleteFunc(slices.Clone(h.Partitions), func(q placement.Partition) bool { return p == q })
	if len(less.Partitions) == 0 && !less.Everything {
		return nil
	}
	return &less
}

// turnBack wishes that a move be undone, if that may still be possible, and wakes it if it waits.
func (t *term) turnBack(e *entry, word registry.Word) {
	if !e.past && e.wish.utter("cancelled by "+said(word)) && !e.running {
		e.due = time.Time{}
	}
}

// said is who asked, and when, for people.
func said(w registry.Word) string {
	return w.Who + " at " + w.Since.UTC().Format(time.RFC3339)
}

// tellOrders says what stands in the way because somebody wants it so.
func (t *term) tellOrders(orders registry.OrderBook) {
	if p := orders.Pause; p != nil {
		t.problems.add(fmt.Sprintf("paused by %s since %s: no move begins", p.Who, p.Since.UTC().Format(time.RFC3339)))
	}
	if t.held > 0 && orders.Hold != nil && orders.Reverse == nil {
		t.problems.add(fmt.Sprintf("%d moves are held back, as %s wanted it: until the cells change, or a rebalance is asked for", t.held, said(orders.Hold.Word)))
	}
}

// proposal is what is to be planned from the map as it will be: a reversal, as long as one is asked for; else the
// planner's, without what is held.
func (t *term) proposal(base *placement.Map) (placement.Plan, error) {
	t.held = 0
	if r := t.orders.Reverse; r != nil {
		return placement.Plan{Moves: r.Left(base)}, nil
	}
	plan, err := placement.MakePlan(base, t.voters.members)
	if err != nil {
		return plan, err
	}
	before := len(plan.Moves)
	plan.Moves = slices.DeleteFunc(plan.Moves, func(mv placement.Move) bool { return t.orders.Hold.Keeps(mv.Partition) })
	t.held = before - len(plan.Moves)
	return plan, nil
}
