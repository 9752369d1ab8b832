package view

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a registry that says what the test wants, also what a real one says only when something is wrong.
type fake struct {
	mu      sync.Mutex
	cluster registry.Cluster
	m       *placement.Map
	err     error
	reads   int
	maps    chan *placement.Map
	lists   chan []registry.Instance
}

func newFake(cluster string, m *placement.Map) *fake {
	return &fake{
		cluster: registry.Cluster{ID: cluster, Partitions: 4, Hash: placement.HashName}, m: m,
		maps: make(chan *placement.Map), lists: make(chan []registry.Instance),
	}
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) Cluster(context.Context) (registry.Cluster, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cluster, f.err
}

func (f *fake) Map(context.Context) (*placement.Map, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.m == nil && f.err == nil {
		return nil, registry.ErrNotFound
	}
	return f.m, f.err
}

func (f *fake) WatchMap(ctx context.Context, fn func(*placement.Map), onError func(error)) error {
	for {
		select {
		case m := <-f.maps:
			fn(m)
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *fake) WatchInstances(ctx context.Context, fn func([]registry.Instance), onError func(error)) error {
	for {
		select {
		case l := <-f.lists:
			fn(l)
		case <-ctx.Done():
			return nil
		}
	}
}

func mapOf(t *testing.T, owner string, epoch placement.Epoch) *placement.Map {
	t.Helper()
	m, err := placement.NewMap(4)
	if err != nil {
		t.Fatal(err)
	}
	for p := range placement.Partition(4) {
		if m, err = m.WithOwner(p, owner, epoch); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func instance(cell, address, cluster string) registry.Instance {
	return registry.Instance{ID: cell + "-1", Cell: cell, Address: address, Healthy: true, ClusterID: cluster}
}

// run runs the keeper until the returned function is called, which waits for its end.
func run(t *testing.T, k *Keeper) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the keeper ended with %v", err)
		}
	}
}

// elapse lets the bubble's time go by.
func elapse(d time.Duration) { <-time.After(d) }
