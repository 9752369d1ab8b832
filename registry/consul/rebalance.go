package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// Rebalance implements registry.Journal.
func (r *Registry) Rebalance(ctx context.Context) (registry.Rebalance, error) {
	var progress registry.Rebalance
	_, err := r.getJSON(ctx, "read the rebalance", r.keys.rebalance(), &progress)
	return progress, err
}

// PutRebalance implements registry.Journal.
func (r *Registry) PutRebalance(ctx context.Context, term registry.Term, progress registry.Rebalance) error {
	const act = "store the rebalance"
	value, err := json.Marshal(progress)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	_, err = r.asLeader(ctx, act, term, set(r.keys.rebalance(), value))
	return err
}

// request is for people who look at the key; what counts is the key's index.
type request struct {
	Who string    `json:"who"`
	At  time.Time `json:"at"`
}

// RequestRebalance implements registry.Journal.
func (r *Registry) RequestRebalance(ctx context.Context, who string) error {
	const act = "request a rebalance"
	value, err := json.Marshal(request{Who: who, At: time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	_, err = r.client.KV().Put(&api.KVPair{Key: r.keys.requests(), Value: value}, write(bounded))
	return failed(ctx, act, err)
}

// Requests implements registry.Journal. It is the index of Consul's state in which the last request was written.
func (r *Registry) Requests(ctx context.Context) (uint64, error) {
	pair, err := r.get(ctx, "read the requests", r.keys.requests())
	if err != nil || pair == nil {
		return 0, err
	}
	return pair.ModifyIndex, nil
}
