package consul

import (
	"context"
	"errors"
	"fmt"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// flipTries is how often a flip reads the map again because something else had changed it.
const flipTries = 4

// Flip implements registry.Journal: the check of the session, the map and the record in one transaction.
func (r *Registry) Flip(ctx context.Context, term registry.Term, mv registry.Move) (*placement.Map, registry.Move, error) {
	act := fmt.Sprintf("flip partition %d to %s", mv.Partition, mv.To)
	mv.State = registry.MoveFlipped
	if err := registry.CheckUpdate(mv); err != nil {
		return nil, registry.Move{}, fmt.Errorf("%s: %w", act, err)
	}
	if err := r.ledger.take(ctx, act); err != nil {
		return nil, registry.Move{}, err
	}
	defer r.ledger.give()

	var err error
	for range flipTries {
		var fresh bool
		if fresh, err = r.recall(ctx, act, term); err != nil {
			break
		}
		var flipped registry.Move
		if flipped, err = r.tryFlip(ctx, act, term, mv); err == nil {
			return r.ledger.world, flipped, nil
		}
		r.ledger.forget()
		if !errors.Is(err, registry.ErrConflict) || fresh && !errors.Is(err, errMapMoved) {
			break
		}
		// The conflict may be with what the ledger remembered, or with a newer map: once more, from what is there.
	}
	return nil, registry.Move{}, err
}

// errMapMoved: the map was changed between its reading and the transaction; the record was as expected.
var errMapMoved = fmt.Errorf("the map has changed meanwhile: %w", registry.ErrConflict)

// tryFlip flips on top of the map that the ledger remembers. The caller has the turn.
func (r *Registry) tryFlip(ctx context.Context, act string, term registry.Term, mv registry.Move) (registry.Move, error) {
	l := r.ledger
	if l.world == nil {
		return registry.Move{}, r.unlessOver(ctx, act, term, fmt.Errorf("there is no map: %w", registry.ErrConflict))
	}
	next, already, err := registry.FlipMap(l.world, mv)
	if err != nil {
		return registry.Move{}, r.unlessOver(ctx, act, term, err)
	}
	record, err := r.moveUpdate(mv)
	if err != nil {
		return registry.Move{}, fmt.Errorf("%s: %w", act, err)
	}
	world := unchanged(r.keys.worldMap(), l.mapIndex)
	if !already {
		encoded, err := encodeMap(next)
		if err != nil {
			return registry.Move{}, fmt.Errorf("%s: %w", act, err)
		}
		world = cas(r.keys.worldMap(), encoded, l.mapIndex)
	}
	pairs, err := r.asLeader(ctx, act, term, record, world)
	if err != nil {
		return r.afterLostFlip(ctx, act, mv, already, err)
	}
	if !already {
		l.wrote(r.keys, pairs, next, 0)
	}
	return versioned(mv, pairs[record.Key]), nil
}

// afterLostFlip looks why the transaction was rolled back. A record that is flipped already means that an
// earlier call did it all and its answer was lost.
func (r *Registry) afterLostFlip(ctx context.Context, act string, mv registry.Move, already bool, err error) (registry.Move, error) {
	if !errors.Is(err, registry.ErrConflict) {
		return registry.Move{}, err
	}
	pair, readErr := r.get(ctx, act, r.keys.openMove(mv.Partition))
	if readErr != nil {
		return registry.Move{}, readErr
	}
	if pair == nil {
		return registry.Move{}, err
	}
	stored, readErr := decodeMove(pair)
	if readErr != nil {
		return registry.Move{}, fmt.Errorf("%s: %w", act, readErr)
	}
	if stored.ID == mv.ID && stored.State == registry.MoveFlipped && already {
		return stored, nil
	}
	if stored.Version == mv.Version {
		return registry.Move{}, fmt.Errorf("%s: %w", act, errMapMoved)
	}
	return registry.Move{}, err
}
