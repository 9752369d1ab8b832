package consul_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/consul"
)

// createMap stores a first map of 16 partitions, all of cell-a, and returns after its term.
func createMap(t *testing.T, r *consul.Registry) *placement.Map {
	t.Helper()
	m, err := placement.FirstMap(16, []placement.Member{{Name: "cell-a", Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	inTerm(t, r, func(ctx context.Context, term registry.Term) {
		if err := r.CreateMap(ctx, term, m); err != nil {
			t.Error(err)
		}
	})
	return m
}

// inTerm leads, runs fn and steps down.
func inTerm(t *testing.T, r *consul.Registry, fn func(context.Context, registry.Term)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := false
	err := r.Lead(ctx, "mover", func(ctx context.Context, term registry.Term) {
		defer cancel()
		done = true
		fn(ctx, term)
	}, func(err error) { t.Log(err) })
	if err != nil || !done {
		t.Fatalf("led %v, error %v", done, err)
	}
}

func correct(t *testing.T, r *consul.Registry, m *placement.Map) *placement.Map {
	t.Helper()
	next, err := m.WithOwner(0, "cell-a", m.Epoch()+1)
	if err != nil {
		t.Fatal(err)
	}
	inTerm(t, r, func(ctx context.Context, term registry.Term) {
		if err := r.CorrectMap(ctx, term, m.Epoch(), next); err != nil {
			t.Error(err)
		}
	})
	return next
}

// TestWatchesOutliveOutages: frozen and resumed, killed and started, the watch is current again and has not shown
// anything that is not so.
func TestWatchesOutliveOutages(t *testing.T) {
	t.Parallel()
	server := testenv.ConsulServer(t)
	cfg := testConfig(t, server.Addr)
	cfg.WatchWait = time.Second // so that blocking queries end while Consul is frozen
	r := newClient(t, cfg)
	m := createMap(t, r)
	seen, failures := make(chan *placement.Map, 100), make(chan error, 10_000)
	background(t, func(ctx context.Context) error {
		return r.WatchMap(ctx, func(m *placement.Map) { seen <- m }, func(err error) { failures <- err })
	})
	want := func(what string) {
		t.Helper()
		if got := receive(t, what, seen); got.Epoch() != m.Epoch() {
			t.Errorf("%s: epoch %d, want %d", what, got.Epoch(), m.Epoch())
		}
	}
	want("the first map is seen")

	for what, outage := range map[string]struct{ begin, end func() }{
		"frozen": {server.Pause, server.Resume},
		"killed": {server.Kill, server.Start},
	} {
		outage.begin()
		for len(failures) > 0 { // those of the last outage
			t.Log(<-failures)
		}
		if err := receive(t, "a watch of a Consul that is "+what+" says so", failures); !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("%s: error %v, want %v", what, err, registry.ErrUnavailable)
		}
		if _, err := r.Map(t.Context()); !errors.Is(err, registry.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v, want %v alone", what, err, registry.ErrUnavailable)
		}
		outage.end()
		m = correct(t, r, m)
		want("the map is seen that was written after Consul was " + what)
	}
}

func TestCallerWaitsNoLongerThanItsOwnDeadline(t *testing.T) {
	t.Parallel()
	server := testenv.ConsulServer(t)
	r := newClient(t, testConfig(t, server.Addr))
	server.Pause()
	defer server.Resume()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := r.Cells(ctx)
	if !errors.Is(err, registry.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want both %v and %v", err, registry.ErrUnavailable, context.DeadlineExceeded)
	}
}

// TestEndingDoesNotWaitForConsul: everything that blocks returns after its context has ended, though Consul is
// frozen. The test's cleanup waits for it.
func TestEndingDoesNotWaitForConsul(t *testing.T) {
	t.Parallel()
	server := testenv.ConsulServer(t)
	r := newClient(t, testConfig(t, server.Addr))
	receive(t, "mover-1 leads", campaign(t, map[string]*consul.Registry{"mover-1": r}))
	in := listening(t, "cell-a-1")
	background(t, func(ctx context.Context) error { return r.Register(ctx, in, healthy) })
	background(t, func(ctx context.Context) error {
		return r.WatchInstances(ctx, func([]registry.Instance) {}, nil)
	})
	awaitInstance(t, r, "is healthy", func(in registry.Instance) bool { return in.Healthy })
	t.Cleanup(server.Pause) // runs before the cleanups above
}
