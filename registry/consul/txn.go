package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// maxTxnOps is Consul's limit of operations in one transaction.
const maxTxnOps = 128

// asLeader writes in one transaction, together with the check that the term's session still holds the lock: a
// leader of the past writes nothing. It returns the written pairs by key.
//
// The error is registry.ErrNotLeader, registry.ErrConflict if one of the other conditions does not hold, or
// registry.ErrUnavailable, after which it is not known whether the transaction happened.
func (r *Registry) asLeader(ctx context.Context, act string, term registry.Term, ops ...*api.KVTxnOp) (map[string]*api.KVPair, error) {
	if term.Lock == "" {
		return nil, fmt.Errorf("%s: no term: %w", act, registry.ErrNotLeader)
	}
	check := &api.KVTxnOp{Verb: api.KVCheckSession, Key: r.keys.leader(), Session: term.Lock}
	txn := api.TxnOps{{KV: check}}
	for _, op := range ops {
		txn = append(txn, &api.TxnOp{KV: op})
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	ok, reply, _, err := r.client.Txn().Txn(txn, read(bounded))
	if err != nil {
		return nil, failed(ctx, act, err)
	}
	if !ok {
		return nil, rolledBack(act, reply)
	}
	pairs := make(map[string]*api.KVPair, len(reply.Results))
	for _, result := range reply.Results {
		if result.KV != nil {
			pairs[result.KV.Key] = result.KV
		}
	}
	return pairs, nil
}

// rolledBack turns the reasons why a transaction was not carried out into a sentinel. The check of the session
// comes first in every transaction; if it failed, the rest does not matter.
func rolledBack(act string, reply *api.TxnResponse) error {
	sentinel := registry.ErrConflict
	reasons := make([]string, 0, len(reply.Errors))
	for _, e := range reply.Errors {
		if e.OpIndex == 0 {
			sentinel = registry.ErrNotLeader
		}
		reasons = append(reasons, e.What)
	}
	return fmt.Errorf("%s: %w (%s)", act, sentinel, strings.Join(reasons, "; "))
}

// unlessOver returns err, which a read has shown, except to a leader whose term is over: that comes first.
func (r *Registry) unlessOver(ctx context.Context, act string, term registry.Term, err error) error {
	if _, over := r.asLeader(ctx, act, term); over != nil {
		return over
	}
	return fmt.Errorf("%s: %w", act, err)
}

// cas stores value if the key's index is still that one; index 0: if there is no such key.
func cas(key string, value []byte, index uint64) *api.KVTxnOp {
	return &api.KVTxnOp{Verb: api.KVCAS, Key: key, Value: value, Index: index}
}

func set(key string, value []byte) *api.KVTxnOp {
	return &api.KVTxnOp{Verb: api.KVSet, Key: key, Value: value}
}

// unchanged makes the transaction depend on a key that it does not write.
func unchanged(key string, index uint64) *api.KVTxnOp {
	if index == 0 {
		return &api.KVTxnOp{Verb: api.KVCheckNotExists, Key: key}
	}
	return &api.KVTxnOp{Verb: api.KVCheckIndex, Key: key, Index: index}
}

func remove(key string) *api.KVTxnOp { return &api.KVTxnOp{Verb: api.KVDelete, Key: key} }

// get reads one key; nil if there is none.
func (r *Registry) get(ctx context.Context, act, key string) (*api.KVPair, error) {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	pair, _, err := r.client.KV().Get(key, read(bounded))
	return pair, failed(ctx, act, err)
}

// getJSON reads one key into value. The index is 0, and value untouched, if there is no such key.
func (r *Registry) getJSON(ctx context.Context, act, key string, value any) (index uint64, err error) {
	pair, err := r.get(ctx, act, key)
	if err != nil || pair == nil {
		return 0, err
	}
	if err := json.Unmarshal(pair.Value, value); err != nil {
		return 0, fmt.Errorf("%s: key %s: %w", act, key, err)
	}
	return pair.ModifyIndex, nil
}

// putIf stores value if the key's index is still that one, and says whether it did.
func (r *Registry) putIf(ctx context.Context, act, key string, value any, index uint64) (bool, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return false, fmt.Errorf("%s: %w", act, err)
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	ok, _, err := r.client.KV().CAS(&api.KVPair{Key: key, Value: encoded, ModifyIndex: index}, write(bounded))
	return ok, failed(ctx, act, err)
}

// list reads every key under a folder.
func (r *Registry) list(ctx context.Context, act, folder string) (api.KVPairs, error) {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	pairs, _, err := r.client.KV().List(folder, read(bounded))
	return pairs, failed(ctx, act, err)
}
