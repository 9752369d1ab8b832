package mover

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
)

// loseRegistry replaces the registry by an empty one, in which running instances of these cells register again.
func (s *system) loseRegistry(cells ...string) {
	s.store = memory.NewStore()
	reg := s.store.Client()
	for _, name := range cells {
		go func() {
			_ = reg.Register(s.ctx, modelInstance(name), func() registry.Health { return registry.Health{OK: true} })
		}()
	}
}

// TestRebuilding_a_registry_that_was_lost lets a mover die at every point of a rebalance, and gives the next one an
// empty registry.
func TestRebuilding_a_registry_that_was_lost(t *testing.T) {
	for _, point := range Points()[5:] {
		t.Run(string(point), func(t *testing.T) {
			inBubble(t, func(_ *testing.T, s *system) { dieAndLoseAll(s, point) })
		})
	}
}

func dieAndLoseAll(s *system, point Point) {
	for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
		s.add(s.ctx, name, 1)
	}
	pulls := 0
	s.setFault(func(_ string, _ placement.Partition, verb protocol.Verb, after bool) error {
		if verb == protocol.VerbPull && !after {
			if pulls++; pulls == 6 { // so that the points of an undo are met
				return &protocol.Problem{Code: protocol.CodeDiffers, Message: "table customers"}
			}
		}
		return nil
	})
	first := s.start("mover-1", func(cfg *Config) {
		oneAtATime(cfg)
		cfg.Hook = func(ctx context.Context, at Point) error {
			if len(s.ended()) < 5 {
				return nil
			}
			return crashAt(point, 1)(ctx, at)
		}
	})
	s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
	s.add(s.ctx, "cell-d", 1)
	if err := <-first.done; !errors.Is(err, errCrash) {
		s.t.Fatal(err)
	}
	before, err := s.store.Client().Map(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	const seen = 70
	s.mu.Lock()
	for _, cell := range s.cells {
		for p := range cell.rows {
			cell.rows[p].Token = seen
		}
	}
	sent := len(s.history)
	s.mu.Unlock()

	s.loseRegistry("cell-a", "cell-b", "cell-c", "cell-d")
	s.start("mover-2", nil)
	s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	s.check()
	after, err := s.store.Client().Map(s.ctx)
	if err != nil || after.Epoch() <= before.Epoch() {
		s.t.Errorf("map's epoch %d, before the loss %d: routers would not take it (%v)", after.Epoch(), before.Epoch(), err)
	}
	if c, err := s.store.Client().Cluster(s.ctx); err != nil || c.ID != modelCluster {
		s.t.Errorf("cluster %+v, %v", c, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, times := range s.moved {
		if times > 1 {
			s.t.Errorf("partition %d was handed over %d times", p, times)
		}
	}
	for _, c := range s.history[sent:] {
		if c.cmd.Token <= seen {
			s.t.Fatalf("%s to %s has token %d, cells have seen %d", c.verb, c.cell, c.cmd.Token, seen)
		}
	}
}

func TestRebuilding_gives_nobody_what_an_absent_cell_may_own(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, stop func()) {
		stop()
		s.loseRegistry("cell-a", "cell-b")
		m := s.start("mover-2", nil)
		s.awaitProblem(m, "nobody has claimed 21 partitions yet")
		s.await("a map", func() bool {
			_, err := s.store.Client().Map(s.ctx)
			return err == nil
		})
		s.awaitStatus(m, "21 partitions have no owner")
		_ = sleep(s.ctx, time.Minute)
		world, err := s.store.Client().Map(s.ctx)
		if err != nil || world.Counts()["cell-a"] != 22 || world.Counts()["cell-b"] != 21 || len(world.Cells()) != 2 {
			t.Fatalf("map %v, %v", world.Counts(), err)
		}
		s.announce(s.ctx, "cell-c", 1)
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		s.await("no problem", func() bool { return m.Status().Problem == "" })
	})
}

func (s *system) awaitStatus(m *runningMover, words string) {
	s.t.Helper()
	s.await("status "+words, func() bool { return strings.Contains(m.Status().Problem, words) })
}

func TestRebuilding_waits_where_two_clusters_are_registered(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, stop func()) {
		stop()
		alien := modelInstance("cell-x")
		alien.ClusterID = "another"
		world, store := s.store, memory.NewStore()
		s.store = store
		ctx, cancel := context.WithCancel(s.ctx)
		for _, in := range []registry.Instance{modelInstance("cell-a"), alien} {
			go func() {
				_ = store.Client().Register(ctx, in, func() registry.Health { return registry.Health{OK: true} })
			}()
		}
		m := s.start("mover-2", nil)
		s.awaitStatus(m, errTwoClusters.Error())
		if c, err := store.Client().Cluster(s.ctx); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("cluster %+v, %v", c, err)
		}
		cancel()
		s.store = world
	})
}
