package consul

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// asLeaderOf runs fn in a term.
func asLeaderOf(t *testing.T, r *Registry, fn func(context.Context, registry.Term)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	led := false
	err := r.Lead(ctx, "mover-1", func(ctx context.Context, term registry.Term) {
		defer cancel()
		led = true
		fn(ctx, term)
	}, func(err error) { t.Log(err) })
	if err != nil || !led {
		t.Fatalf("led %v, error %v", led, err)
	}
}

// fillHistory writes ended moves of the epochs up to the last.
func fillHistory(ctx context.Context, t *testing.T, r *Registry, term registry.Term, last placement.Epoch) {
	t.Helper()
	var ops []*api.KVTxnOp
	for e := placement.Epoch(1); e <= last; e++ {
		mv := registry.Move{ID: "old", Partition: 1, From: "cell-a", To: "cell-b", Epoch: e, State: registry.MoveDone}
		value, err := json.Marshal(mv)
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, set(r.keys.endedMove(e, 1), value))
	}
	for chunk := range slices.Chunk(ops, maxTxnOps-1) {
		if _, err := r.asLeader(ctx, "fill", term, chunk...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHistoryIsTrimmed(t *testing.T) {
	t.Parallel()
	r, err := New(Config{Address: testenv.Consul(t), SessionTTL: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.trim.keep, r.trim.every = 200, 3
	const there = 900 // more than one trim may remove
	asLeaderOf(t, r, func(ctx context.Context, term registry.Term) {
		fillHistory(ctx, t, r, term, there)
		for range 4 { // the first and the fourth end trim
			mv, err := r.OpenMove(ctx, term, registry.Move{Partition: 1, From: "cell-a", To: "cell-b"}, there)
			if err != nil {
				t.Fatal(err)
			}
			mv.State = registry.MoveDone
			if err := r.EndMove(ctx, term, mv); err != nil {
				t.Fatal(err)
			}
		}
		history, err := r.History(ctx, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		if len(history) != r.trim.keep || history[0].Epoch != there+4 || history[199].Epoch != there+4-199 {
			t.Errorf("%d moves, epochs %d to %d; want the newest %d", len(history), history[0].Epoch, history[len(history)-1].Epoch, r.trim.keep)
		}
	})
}
