package consul

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// A term's token is a base plus the lock's count. The count rises with every acquisition and the base never falls,
// so tokens rise from leader to leader. Only the leader writes the base, together with the check of its session.

// RaiseToken implements registry.Elector.
func (r *Registry) RaiseToken(ctx context.Context, term registry.Term, above uint64) (registry.Term, error) {
	const act = "raise the leader's token"
	base, index, err := r.tokenBase(ctx, act)
	if err != nil {
		return registry.Term{}, err
	}
	ops := []*api.KVTxnOp{unchanged(r.keys.token(), index)}
	raised := term
	if term.Token <= above {
		rise := above - term.Token + 1
		raised.Token = term.Token + rise
		ops = []*api.KVTxnOp{cas(r.keys.token(), strconv.AppendUint(nil, base+rise, 10), index)}
	}
	if _, err := r.asLeader(ctx, act, term, ops...); err != nil {
		return registry.Term{}, err
	}
	return raised, nil
}

// tokenBase reads what is added to the lock's count; 0 where nothing was ever stored.
func (r *Registry) tokenBase(ctx context.Context, act string) (base, index uint64, err error) {
	pair, err := r.get(ctx, act, r.keys.token())
	if err != nil || pair == nil {
		return 0, 0, err
	}
	if base, err = strconv.ParseUint(string(pair.Value), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("%s: key %s holds no number: %w", act, pair.Key, err)
	}
	return base, pair.ModifyIndex, nil
}
