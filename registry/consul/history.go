package consul

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

const (
	// historyKeep ended moves are kept at least.
	historyKeep = 2000
	// trimEvery so many ended moves the oldest are removed, so the history holds at most that many more.
	trimEvery = 100
	// trimMost bounds one trim, in transactions of maxTxnOps; an overlong history gets short over several.
	trimMost = 4
)

// trimmer counts ended moves, to know when to look at the history.
type trimmer struct {
	ended atomic.Int64
	every int64
	keep  int
}

// due says whether it is time: at this process's first ended move, and then every so many.
func (t *trimmer) due() bool { return t.ended.Add(1)%t.every == 1 }

// History implements registry.Journal. Newest means: of the highest epoch.
func (r *Registry) History(ctx context.Context, limit int) ([]registry.Move, error) {
	const act = "read the history of moves"
	keys, err := r.endedKeys(ctx, act)
	if err != nil {
		return nil, err
	}
	slices.Reverse(keys)
	keys = keys[:min(len(keys), max(limit, 0))]
	moves := make([]registry.Move, 0, len(keys))
	for chunk := range slices.Chunk(keys, maxTxnOps) {
		some, err := r.readMoves(ctx, act, chunk)
		if err != nil {
			return nil, err
		}
		moves = append(moves, some...)
	}
	return moves, nil
}

// readMoves reads up to maxTxnOps records in one round trip. One that was trimmed meanwhile is left out.
func (r *Registry) readMoves(ctx context.Context, act string, keys []string) ([]registry.Move, error) {
	ops := make(api.TxnOps, 0, len(keys))
	for _, key := range keys {
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVGetOrEmpty, Key: key}})
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	ok, reply, _, err := r.client.Txn().Txn(ops, read(bounded))
	if err != nil {
		return nil, failed(ctx, act, err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: consul refused to read %d keys at once", act, len(keys))
	}
	moves := make([]registry.Move, 0, len(keys))
	for _, result := range reply.Results {
		if result.KV == nil || len(result.KV.Value) == 0 {
			continue
		}
		mv, err := decodeMove(result.KV)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", act, err)
		}
		moves = append(moves, mv)
	}
	return moves, nil
}

// endedKeys lists the keys of the history, the oldest first.
func (r *Registry) endedKeys(ctx context.Context, act string) ([]string, error) {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	keys, _, err := r.client.KV().Keys(r.keys.endedMoves(), "", read(bounded))
	if err != nil {
		return nil, failed(ctx, act, err)
	}
	slices.Sort(keys)
	return keys, nil
}

// trimHistory removes the oldest ended moves when that is due. A failure costs nothing but space, and the next
// trim makes up for it; so it is not the caller's.
func (r *Registry) trimHistory(ctx context.Context, term registry.Term) {
	if !r.trim.due() {
		return
	}
	const act = "trim the history of moves"
	keys, err := r.endedKeys(ctx, act)
	if err != nil {
		r.log.Warn("history of moves not trimmed", "error", err)
		return
	}
	old := keys[:max(0, len(keys)-r.trim.keep)]
	old = old[:min(len(old), trimMost*(maxTxnOps-1))]
	for chunk := range slices.Chunk(old, maxTxnOps-1) {
		ops := make([]*api.KVTxnOp, 0, len(chunk))
		for _, key := range chunk {
			ops = append(ops, remove(key))
		}
		if _, err := r.asLeader(ctx, act, term, ops...); err != nil {
			r.log.Warn("history of moves not trimmed", "error", err)
			return
		}
	}
}
