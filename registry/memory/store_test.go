package memory_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
	"github.com/cellway/cellway/registry/registrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	registrytest.Run(t, func(*testing.T) registrytest.Factory {
		store := memory.NewStore()
		return func(*testing.T) registry.Registry { return store.Client() }
	})
}

func TestExpireLeader(t *testing.T) {
	store := memory.NewStore()
	client := store.Client()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var terms []registry.Term
	err := client.Lead(ctx, "mover-1", func(leadCtx context.Context, term registry.Term) {
		if terms = append(terms, term); len(terms) == 2 {
			cancel()
			return
		}
		store.ExpireLeader()
		<-leadCtx.Done()
		if !errors.Is(context.Cause(leadCtx), registry.ErrNotLeader) {
			t.Errorf("leadership ended because of %v, want %v", context.Cause(leadCtx), registry.ErrNotLeader)
		}
		if err := client.PutRebalance(ctx, term, registry.Rebalance{}); !errors.Is(err, registry.ErrNotLeader) {
			t.Errorf("write in an expired term: %v, want %v", err, registry.ErrNotLeader)
		}
	}, nil)
	if err != nil || len(terms) != 2 || terms[1].Token <= terms[0].Token {
		t.Errorf("terms %v, error %v; want two, the second with a higher token", terms, err)
	}
}

func TestSetDown(t *testing.T) {
	store := memory.NewStore()
	client := store.Client()
	store.SetDown(true)
	if _, err := client.Cells(t.Context()); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, registry.ErrUnavailable)
	}
	store.SetDown(false)
	if _, err := client.Cells(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestForgottenInstanceIsRegisteredAgain(t *testing.T) {
	store := memory.NewStore()
	client := store.Client()
	in := registry.Instance{ID: "cell-a-1", Cell: "cell-a", Address: "127.0.0.1:1", Internal: "127.0.0.1:2", Weight: 1, Partitions: 16}
	ctx, cancel := context.WithCancel(t.Context())
	beats := 0
	err := client.Register(ctx, in, func() registry.Health {
		list, err := client.Instances(t.Context())
		if registered := len(list) == 1; err != nil || registered != (beats > 0) {
			t.Errorf("before beat %d: instances %v, error %v", beats, list, err)
		}
		store.Forget(in.ID)
		if beats++; beats == 4 {
			cancel()
		}
		return registry.Health{OK: true}
	})
	if err != nil {
		t.Error(err)
	}
	if list, err := client.Instances(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("after the end: instances %v, error %v; want none", list, err)
	}
}
