package router

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry/memory"
	"github.com/cellway/cellway/router/route"
	"github.com/cellway/cellway/router/view"
)

// paused is what a pause of an hour came to, for partition 1 of cell-a.
func paused(t *testing.T, ctx context.Context, meanwhile func(*engine)) (took time.Duration, ok bool) {
	t.Helper()
	e := &engine{view: view.New(view.Config{Registry: memory.NewStore().Client()})}
	e.view.Remember(1, route.Owner{Cell: "cell-a", Epoch: 1})
	began := time.Now()
	done := make(chan bool)
	go func() { done <- e.pause(ctx, time.Hour, 1, "cell-a") }()
	synctest.Wait()
	meanwhile(e)
	ok = <-done
	return time.Since(began), ok
}

func TestPause(t *testing.T) {
	owner := func(p placement.Partition, cell string, epoch placement.Epoch) func(*engine) {
		return func(e *engine) { e.view.Remember(p, route.Owner{Cell: cell, Epoch: epoch}) }
	}
	cases := map[string]struct {
		meanwhile func(*engine)
		took      time.Duration
	}{
		"ends when the partition has another owner": {owner(1, "cell-b", 2), 0},
		"goes on when another partition has":        {owner(2, "cell-b", 2), time.Hour},
		"goes on when the owner is the same":        {owner(1, "cell-a", 2), time.Hour},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if took, ok := paused(t, t.Context(), c.meanwhile); took != c.took || !ok {
					t.Errorf("it took %v, want %v (%v)", took, c.took, ok)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		if took, ok := paused(t, ctx, func(*engine) { leave() }); took != 0 || ok {
			t.Errorf("a client that has left is waited for: %v, %v", took, ok)
		}
	})
}
