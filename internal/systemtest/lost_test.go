package systemtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestLostRegistry takes all of Consul's data away while cells and clients run: nobody notices, and everything is
// written back from the cells' databases.
func TestLostRegistry(t *testing.T) {
	t.Setenv("CELLWAY_PARTITIONS", "128") // a join of 32 moves
	f := start(t)
	f.fill(600)

	t.Run("at rest", func(t *testing.T) {
		before := f.owners(t)
		stop := f.load(t)
		f.loseRegistry(t)
		f.waitForOperations(t, 300)
		f.mustBeSpotless(t, stop())
		if after := f.owners(t); !maps.Equal(after, before) {
			t.Errorf("owners are %v, before the loss %v", after, before)
		}
		f.mustCheck(t)
	})

	t.Run("in the middle of a join", func(t *testing.T) {
		stop := f.load(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := make(chan struct{})
		go func() {
			defer close(told)
			_, _ = f.sys.Run(ctx, "add-cell", "cell-d") // what it says of a registry without data is not asked here
		}()
		f.waitForMoves(t, 5)
		f.loseRegistry(t)
		f.waitForQuiet(t, map[string]int{"cell-a": 32, "cell-b": 32, "cell-c": 32, "cell-d": 32})
		cancel()
		<-told
		stats := stop()
		f.mustBeSpotless(t, stats)
		t.Logf("join: %s", stats)
		f.mustCheck(t)
	})

	t.Run("with everything stopped", func(t *testing.T) {
		before := f.owners(t)
		f.stop(t)
		f.must(t, os.RemoveAll(filepath.Join(f.sys.Dir, "consul", "data")))
		f.must(t, os.Remove(filepath.Join(f.sys.Dir, "router.view"))) // and the router knows nothing either
		f.start(t)
		if after := f.owners(t); !maps.Equal(after, before) {
			t.Errorf("owners are %v, before the loss %v", after, before)
		}
		stop := f.load(t)
		f.waitForOperations(t, 200)
		f.mustBeSpotless(t, stop())
		f.mustCheck(t)
	})
}

// mapState is what the router says of its map.
type mapState struct {
	Epoch  uint64
	Source string
}

// loseRegistry kills Consul, removes its data and starts it again; it returns when the router has a map that was made
// after that.
func (f *fixture) loseRegistry(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	f.must(t, f.sys.Signal(ctx, "consul", syscall.SIGKILL))
	var before, now mapState
	f.must(t, f.sys.Admin(ctx, "/admin/map", &before)) // no later one can come
	f.must(t, os.RemoveAll(filepath.Join(f.sys.Dir, "consul", "data")))
	f.run(t, time.Minute, "restart", "consul")
	f.must(t, Until(ctx, func() error {
		if err := f.sys.Admin(ctx, "/admin/map", &now); err != nil {
			return err
		}
		if now.Epoch <= before.Epoch || now.Source != "live" {
			return fmt.Errorf("the map has epoch %d, before the loss %d, and is %s", now.Epoch, before.Epoch, now.Source)
		}
		return nil
	}))
}

// waitForQuiet waits until the map has these owners and nothing is left to be moved or swept.
func (f *fixture) waitForQuiet(t *testing.T, want map[string]int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	f.must(t, Until(ctx, func() error {
		var r struct{ Running bool }
		if err := f.sys.Admin(ctx, "/admin/rebalance", &r); err != nil {
			return err
		}
		if owners := f.owners(t); r.Running || !maps.Equal(owners, want) {
			return fmt.Errorf("owners are %v, want %v; a rebalance is running: %v", owners, want, r.Running)
		}
		return nil
	}))
}
