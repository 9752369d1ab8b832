package consul

import (
	"bytes"
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// maxMapBytes is what fits into a transaction of 512 KiB in base64, beside a journal record.
const maxMapBytes = 370 << 10

// Cluster implements registry.Maps.
func (r *Registry) Cluster(ctx context.Context) (registry.Cluster, error) {
	const act = "read the cluster's identity"
	var c registry.Cluster
	index, err := r.getJSON(ctx, act, r.keys.cluster(), &c)
	if err == nil && index == 0 {
		err = fmt.Errorf("%s: %w", act, registry.ErrNotFound)
	}
	return c, err
}

// CreateCluster implements registry.Maps.
func (r *Registry) CreateCluster(ctx context.Context, c registry.Cluster) (registry.Cluster, error) {
	const act = "create the cluster"
	if err := c.Validate(); err != nil {
		return registry.Cluster{}, fmt.Errorf("%s: %w", act, err)
	}
	stored, err := r.putIf(ctx, act, r.keys.cluster(), c, 0)
	if err != nil {
		return registry.Cluster{}, err
	}
	if stored {
		return c, nil
	}
	return r.Cluster(ctx)
}

// Map implements registry.Maps.
func (r *Registry) Map(ctx context.Context) (*placement.Map, error) {
	const act = "read the map"
	m, index, err := r.readMap(ctx, act)
	if err == nil && index == 0 {
		err = fmt.Errorf("%s: %w", act, registry.ErrNotFound)
	}
	return m, err
}

// readMap returns nil and index 0 where there is no map.
func (r *Registry) readMap(ctx context.Context, act string) (*placement.Map, uint64, error) {
	pair, err := r.get(ctx, act, r.keys.worldMap())
	if err != nil || pair == nil {
		return nil, 0, err
	}
	m, err := placement.UnmarshalMap(pair.Value)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: key %s: %w", act, pair.Key, err)
	}
	return m, pair.ModifyIndex, nil
}

// CreateMap implements registry.Maps.
func (r *Registry) CreateMap(ctx context.Context, term registry.Term, m *placement.Map) error {
	const act = "create the map"
	return r.replaceMap(ctx, act, term, m, func(stored *placement.Map) error {
		if stored != nil {
			return fmt.Errorf("there is one of epoch %d: %w", stored.Epoch(), registry.ErrConflict)
		}
		return nil
	})
}

// CorrectMap implements registry.Maps.
func (r *Registry) CorrectMap(ctx context.Context, term registry.Term, from placement.Epoch, m *placement.Map) error {
	act := fmt.Sprintf("correct the map of epoch %d", from)
	return r.replaceMap(ctx, act, term, m, func(stored *placement.Map) error {
		return registry.CheckCorrection(stored, from, m)
	})
}

// replaceMap stores m if the stored map (nil: none) passes the check, and raises the journalled epoch above all
// that m holds.
func (r *Registry) replaceMap(ctx context.Context, act string, term registry.Term, m *placement.Map, check func(*placement.Map) error) error {
	encoded, err := encodeMap(m)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	l := r.ledger
	if err := l.take(ctx, act); err != nil {
		return err
	}
	defer l.give()
	l.forget() // rare, and it must see what is there, not what it remembers
	if _, err := r.recall(ctx, act, term); err != nil {
		return err
	}
	if err := check(l.world); err != nil {
		return r.unlessOver(ctx, act, term, err)
	}
	epoch := max(l.epoch, m.Epoch(), m.HighestEpoch())
	pairs, err := r.asLeader(ctx, act, term,
		cas(r.keys.worldMap(), encoded, l.mapIndex), cas(r.keys.epoch(), encodeEpoch(epoch), l.epochIndex))
	if err != nil {
		l.forget()
		return err
	}
	l.wrote(r.keys, pairs, m, epoch)
	return nil
}

func encodeMap(m *placement.Map) ([]byte, error) {
	encoded, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode the map: %w", err)
	}
	if len(encoded) > maxMapBytes {
		return nil, fmt.Errorf("the map has %d bytes, consul takes %d in a transaction", len(encoded), maxMapBytes)
	}
	return encoded, nil
}

// WatchMap implements registry.Maps.
func (r *Registry) WatchMap(ctx context.Context, fn func(*placement.Map), onError func(error)) error {
	const act = "watch the map"
	var shown []byte
	r.watch(ctx, act, func(q *api.QueryOptions) (answer, error) {
		pair, meta, err := r.client.KV().Get(r.keys.worldMap(), q)
		if err != nil {
			return answer{}, err
		}
		show := func() error {
			if pair == nil || bytes.Equal(pair.Value, shown) {
				return nil
			}
			m, err := placement.UnmarshalMap(pair.Value)
			if err != nil {
				return fmt.Errorf("%s: key %s: %w", act, pair.Key, err)
			}
			shown = pair.Value
			fn(m)
			return nil
		}
		return answer{meta: meta, empty: pair == nil, show: show}, nil
	}, onError)
	return nil
}
