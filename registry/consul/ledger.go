package consul

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// ledger is what a leader remembers of the two keys that only leaders write, the map and the highest epoch, so
// that a flip needs no read. It is a guess that the transaction checks: valid for one term, dropped after
// every failure. The turn orders this process's writers, which would otherwise only spoil each other's guess.
type ledger struct {
	turn chan struct{} // holds one token; whoever has it may use the fields

	term       uint64 // the term that the rest was read in; 0: nothing is remembered
	world      *placement.Map
	mapIndex   uint64 // 0: there is no map
	epoch      placement.Epoch
	epochIndex uint64 // 0: no epoch was ever journalled
}

func newLedger() *ledger { return &ledger{turn: make(chan struct{}, 1)} }

// take waits for the turn; give returns it.
func (l *ledger) take(ctx context.Context, act string) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return failed(ctx, act, ctx.Err())
	}
}

func (l *ledger) give() { <-l.turn }

func (l *ledger) forget() { l.term = 0 }

// wrote remembers what a transaction wrote. world and epoch are zero where it did not write them.
func (l *ledger) wrote(k keys, pairs map[string]*api.KVPair, world *placement.Map, epoch placement.Epoch) {
	if pair := pairs[k.worldMap()]; pair != nil && world != nil {
		l.world, l.mapIndex = world, pair.ModifyIndex
	}
	if pair := pairs[k.epoch()]; pair != nil && epoch != 0 {
		l.epoch, l.epochIndex = epoch, pair.ModifyIndex
	}
}

// recall fills the ledger for the term, unless it is filled already. The caller has the turn.
func (r *Registry) recall(ctx context.Context, act string, term registry.Term) (fresh bool, err error) {
	l := r.ledger
	if l.term != 0 && l.term == term.Token {
		return false, nil
	}
	l.forget()
	if l.world, l.mapIndex, err = r.readMap(ctx, act); err != nil {
		return false, err
	}
	pair, err := r.get(ctx, act, r.keys.epoch())
	if err != nil {
		return false, err
	}
	if l.epoch, l.epochIndex, err = decodeEpoch(pair); err != nil {
		return false, fmt.Errorf("%s: %w", act, err)
	}
	l.term = term.Token
	return true, nil
}

// encodeEpoch is for a person who looks at the key in Consul's UI as well: decimal digits.
func encodeEpoch(e placement.Epoch) []byte { return fmt.Append(nil, uint64(e)) }

func decodeEpoch(pair *api.KVPair) (e placement.Epoch, index uint64, err error) {
	if pair == nil {
		return 0, 0, nil
	}
	if _, err := fmt.Sscanf(string(pair.Value), "%d", &e); err != nil {
		return 0, 0, fmt.Errorf("key %s holds no number: %w", pair.Key, err)
	}
	return e, pair.ModifyIndex, nil
}
