package consul

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// Pace implements registry.Tuning.
func (r *Registry) Pace(ctx context.Context) (registry.Pace, error) {
	const act = "read the pace"
	var pace registry.Pace
	if _, err := r.getJSON(ctx, act, r.keys.pace(), &pace); err != nil {
		return registry.Pace{}, err
	}
	if err := pace.Validate(); err != nil { // written by hand
		return registry.Pace{}, fmt.Errorf("%s: key %s: %w", act, r.keys.pace(), err)
	}
	return pace, nil
}

// SetPace implements registry.Tuning.
func (r *Registry) SetPace(ctx context.Context, pace registry.Pace) error {
	const act = "set the pace"
	if err := pace.Validate(); err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	value, err := json.Marshal(pace)
	if err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	_, err = r.client.KV().Put(&api.KVPair{Key: r.keys.pace(), Value: value}, write(bounded))
	return failed(ctx, act, err)
}
