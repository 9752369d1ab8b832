package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// Orders implements registry.Orders.
func (r *Registry) Orders(ctx context.Context) (registry.OrderBook, error) {
	return r.readOrders(ctx, "read the orders")
}

func (r *Registry) readOrders(ctx context.Context, act string) (registry.OrderBook, error) {
	var b registry.OrderBook
	index, err := r.getJSON(ctx, act, r.keys.orders(), &b)
	b.Version = index
	return b, err
}

// ChangeOrders implements registry.Orders.
func (r *Registry) ChangeOrders(ctx context.Context, change func(registry.OrderBook) (registry.OrderBook, error)) (registry.OrderBook, error) {
	const act = "keep an order"
	for range casTries {
		b, err := r.readOrders(ctx, act)
		if err != nil {
			return b, err
		}
		changed, err := change(b)
		if err != nil {
			return b, err
		}
		ok, err := r.swapOrders(ctx, act, changed, b.Version)
		if err != nil {
			return changed, err
		}
		if ok {
			return r.readOrders(ctx, act)
		}
		sleep(ctx, rand.N(casPause))
	}
	return registry.OrderBook{}, fmt.Errorf("%s: other writers won %d times: %w", act, casTries, registry.ErrConflict)
}

// swapOrders stores the book in the place of that of the index; an empty one leaves no key.
func (r *Registry) swapOrders(ctx context.Context, act string, b registry.OrderBook, index uint64) (bool, error) {
	switch {
	case !b.Empty():
		return r.putIf(ctx, act, r.keys.orders(), b, index)
	case index == 0:
		return true, nil
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	ok, _, err := r.client.KV().DeleteCAS(&api.KVPair{Key: r.keys.orders(), ModifyIndex: index}, write(bounded))
	return ok, failed(ctx, act, err)
}

// PutOrders implements registry.Orders.
func (r *Registry) PutOrders(ctx context.Context, term registry.Term, b registry.OrderBook) (registry.OrderBook, error) {
	const act = "take out an order"
	value, err := json.Marshal(b)
	if err != nil {
		return b, fmt.Errorf("%s: %w", act, err)
	}
	key := r.keys.orders()
	op := cas(key, value, b.Version)
	if b.Empty() {
		op = unchanged(key, b.Version)
		if b.Version > 0 {
			op = &api.KVTxnOp{Verb: api.KVDeleteCAS, Key: key, Index: b.Version}
		}
	}
	pairs, err := r.asLeader(ctx, act, term, op)
	if err != nil {
		return b, err
	}
	b.Version = 0
	if pair := pairs[key]; pair != nil && !b.Empty() {
		b.Version = pair.ModifyIndex
	}
	return b, nil
}
