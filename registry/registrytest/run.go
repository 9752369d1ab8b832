package registrytest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// Factory returns another client of one store, as another process would have it.
type Factory func(t *testing.T) registry.Registry

// Run runs the suite. store returns the factory for an empty store of its own.
func Run(t *testing.T, store func(t *testing.T) Factory) {
	for _, part := range []struct {
		name  string
		tests []test
	}{
		{"cluster and map", mapTests},
		{"cells", cellTests},
		{"election", electionTests},
		{"journal", journalTests},
		{"flip", flipTests},
		{"rebalance", rebalanceTests},
		{"tuning", tuningTests},
		{"orders", orderTests},
		{"instances", instanceTests},
	} {
		t.Run(part.name, func(t *testing.T) {
			for _, one := range part.tests {
				t.Run(one.name, func(t *testing.T) { one.run(t, store(t)) })
			}
		})
	}
}

type test struct {
	name string
	run  func(t *testing.T, client Factory)
}

// patience is how long something that must happen may take, on a busy machine.
const patience = 15 * time.Second

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// receive waits for a value.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("not within %s: %s", patience, what)
		panic("unreachable")
	}
}

// background runs fn until the test ends, or stop is called, and waits for it.
func background(t *testing.T, fn func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	stopped := false
	stop = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := receive(t, "it returns after its context has ended", done); err != nil {
			t.Errorf("returned %v, want nil after its context has ended", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

const partitions = 16

// firstMap gives every partition to cell-a at the epoch.
func firstMap(t *testing.T, epoch placement.Epoch) *placement.Map {
	t.Helper()
	m := must[*placement.Map](t)(placement.NewMap(partitions))
	for p := range placement.Partition(partitions) {
		m = must[*placement.Map](t)(m.WithOwner(p, "cell-a", epoch))
	}
	return m
}
