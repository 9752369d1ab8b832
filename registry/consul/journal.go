package consul

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// OpenMove implements registry.Journal.
func (r *Registry) OpenMove(ctx context.Context, term registry.Term, mv registry.Move, above placement.Epoch) (registry.Move, error) {
	act := fmt.Sprintf("open the move of partition %d", mv.Partition)
	mv, err := registry.NewMove(mv, time.Now())
	if err != nil {
		return registry.Move{}, fmt.Errorf("%s: %w", act, err)
	}
	if err := r.ledger.take(ctx, act); err != nil {
		return registry.Move{}, err
	}
	defer r.ledger.give()
	for {
		fresh, err := r.recall(ctx, act, term)
		if err != nil {
			return registry.Move{}, err
		}
		opened, err := r.tryOpen(ctx, act, term, mv, above)
		if err == nil {
			return opened, nil
		}
		r.ledger.forget()
		if fresh || !errors.Is(err, registry.ErrConflict) {
			return registry.Move{}, err
		}
		// The conflict may be with what the ledger remembered: once more, from what is there.
	}
}

// tryOpen draws the epoch from the ledger and stores record and epoch together. The caller has the turn.
func (r *Registry) tryOpen(ctx context.Context, act string, term registry.Term, mv registry.Move, above placement.Epoch) (registry.Move, error) {
	l := r.ledger
	mv.Epoch = registry.NextEpoch(mv, l.epoch, l.world, above)
	value, err := json.Marshal(mv)
	if err != nil {
		return registry.Move{}, fmt.Errorf("%s: %w", act, err)
	}
	highest := max(l.epoch, mv.Epoch)
	key := r.keys.openMove(mv.Partition)
	pairs, err := r.asLeader(ctx, act, term, cas(r.keys.epoch(), encodeEpoch(highest), l.epochIndex), cas(key, value, 0))
	if err != nil {
		return registry.Move{}, err
	}
	l.wrote(r.keys, pairs, nil, highest)
	return versioned(mv, pairs[key]), nil
}

// OpenMoves implements registry.Journal.
func (r *Registry) OpenMoves(ctx context.Context) ([]registry.Move, error) {
	const act = "list the open moves"
	pairs, err := r.list(ctx, act, r.keys.openMoves())
	if err != nil {
		return nil, err
	}
	moves := make([]registry.Move, 0, len(pairs))
	for _, pair := range pairs {
		mv, err := decodeMove(pair)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", act, err)
		}
		moves = append(moves, mv)
	}
	slices.SortFunc(moves, func(a, b registry.Move) int { return cmp.Compare(a.Partition, b.Partition) })
	return moves, nil
}

// UpdateMove implements registry.Journal.
func (r *Registry) UpdateMove(ctx context.Context, term registry.Term, mv registry.Move) (registry.Move, error) {
	act := fmt.Sprintf("update the move of partition %d", mv.Partition)
	op, err := r.moveUpdate(mv)
	if err != nil {
		return registry.Move{}, fmt.Errorf("%s: %w", act, err)
	}
	pairs, err := r.asLeader(ctx, act, term, op)
	if err != nil {
		return registry.Move{}, err
	}
	return versioned(mv, pairs[op.Key]), nil
}

// moveUpdate replaces the record of an open move that still has mv.Version.
func (r *Registry) moveUpdate(mv registry.Move) (*api.KVTxnOp, error) {
	if err := registry.CheckUpdate(mv); err != nil {
		return nil, err
	}
	value, err := json.Marshal(mv)
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	return cas(r.keys.openMove(mv.Partition), value, mv.Version), nil
}

// EndMove implements registry.Journal.
func (r *Registry) EndMove(ctx context.Context, term registry.Term, mv registry.Move) error {
	act := fmt.Sprintf("end the move of partition %d", mv.Partition)
	mv, err := registry.EndedMove(mv, time.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	value, err := json.Marshal(mv)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	open, ended := r.keys.openMove(mv.Partition), r.keys.endedMove(mv.Epoch, mv.Partition)
	_, err = r.asLeader(ctx, act, term, unchanged(open, mv.Version), remove(open), set(ended, value))
	if err == nil {
		r.trimHistory(ctx, term)
		return nil
	}
	if errors.Is(err, registry.ErrConflict) && r.endedBefore(ctx, act, ended, mv) {
		return nil
	}
	return err
}

// endedBefore says whether this very move has ended in this very way: the answer to an earlier call was lost.
func (r *Registry) endedBefore(ctx context.Context, act, key string, mv registry.Move) bool {
	var ended registry.Move
	index, err := r.getJSON(ctx, act, key, &ended)
	return err == nil && index > 0 && ended.ID == mv.ID && ended.State == mv.State
}

func decodeMove(pair *api.KVPair) (registry.Move, error) {
	var mv registry.Move
	if err := json.Unmarshal(pair.Value, &mv); err != nil {
		return registry.Move{}, fmt.Errorf("key %s: %w", pair.Key, err)
	}
	return versioned(mv, pair), nil
}

func versioned(mv registry.Move, pair *api.KVPair) registry.Move {
	mv.Version = 0
	if pair != nil {
		mv.Version = pair.ModifyIndex
	}
	return mv
}
