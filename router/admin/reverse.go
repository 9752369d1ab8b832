package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/edge"
)

// wayBack is how a rebalance is reversed.
type wayBack struct {
	rebalance string
	legs      []registry.Leg
	alone     []registry.Alone
}

func (b wayBack) moves() (n int) {
	for _, leg := range b.legs {
		n += len(leg.Partitions)
	}
	return n
}

// wayBack finds the moves of a finished rebalance in the history; the last that moved anything, if none is named.
func (a *api) wayBack(ctx context.Context, w world, rebalance string) (wayBack, error) {
	way := wayBack{rebalance: rebalance, alone: []registry.Alone{}}
	if w.m == nil {
		return way, notNow(codeNoMap, "there is no map yet")
	}
	if w.progress(time.Now()).Running || w.orders.Reverse != nil {
		return way, notNow(codeConflict, "a rebalance is still running: wait for its end, or cancel it")
	}
	history, err := a.cfg.Registry.History(ctx, maxMoves)
	if err != nil {
		return way, fmt.Errorf("read the history: %w", err)
	}
	moves := movesOf(history, &way.rebalance)
	if len(moves) == 0 {
		return way, refusal{edge.Problem{
			Status: http.StatusNotFound, Error: "No such rebalance", Details: "the history has no finished move of it: " + way.rebalance, Code: codeNoRebalance,
		}}
	}
	if way.rebalance == w.rebalance.ID && len(moves) < w.rebalance.Done {
		return way, notNow(codeConflict, "the history has only %d of the %d moves of rebalance %s", len(moves), w.rebalance.Done, way.rebalance)
	}
	var alone []registry.Alone
	way.legs, alone = registry.Backwards(moves, w.m)
	way.alone = append(way.alone, alone...)
	if len(way.legs) == 0 {
		return way, notNow(codeConflict, "none of the %d partitions of rebalance %s is where it was moved to", len(way.alone), way.rebalance)
	}
	return way, w.mayReceive(way.legs)
}

// movesOf are the moves of the rebalance that were done. If it is not named, it is the last that has any.
func movesOf(history []registry.Move, rebalance *string) []registry.Move {
	return slices.DeleteFunc(slices.Clone(history), func(mv registry.Move) bool {
		if mv.State == registry.MoveDone && *rebalance == "" {
			*rebalance = mv.Rebalance
		}
		return mv.State != registry.MoveDone || mv.Rebalance != *rebalance || mv.Rebalance == ""
	})
}

// mayReceive: the cells that partitions would go back to are to stay.
func (w world) mayReceive(legs []registry.Leg) error {
	for _, leg := range legs {
		switch c, known := w.cell(leg.To); {
		case !known || c.Removed:
			return notNow(codeConflict, "%s, which %d partitions would go back to, is removed", leg.To, len(leg.Partitions))
		case c.Draining:
			return notNow(codeConflict, "%s, which %d partitions would go back to, is draining; undrain it first", leg.To, len(leg.Partitions))
		}
	}
	return nil
}
