package mover

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// awaitProblem waits until the leader tells of a problem with these words, in Status and in the registry.
func (s *system) awaitProblem(m *runningMover, words ...string) {
	s.t.Helper()
	s.await("a problem with "+strings.Join(words, ", "), func() bool {
		rec, err := s.store.Client().Rebalance(s.ctx)
		if err != nil {
			return false
		}
		for _, word := range words {
			if !strings.Contains(m.Status().Problem, word) || !strings.Contains(rec.Problem, word) {
				return false
			}
		}
		return true
	})
}

func (s *system) mustHaveNoMap() {
	s.t.Helper()
	_ = sleep(s.ctx, time.Minute)
	if m, err := s.store.Client().Map(s.ctx); err == nil {
		s.t.Errorf("a map was made: %v", m.Counts())
	}
}

func TestFirstMap_waits_for_enough_settled_cells(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *system) {
		s.add(s.ctx, "cell-a", 1)
		s.add(s.ctx, "cell-b", 1)
		m := s.start("mover-1", nil)
		s.awaitProblem(m, "2 of 3 cells")
		s.mustHaveNoMap()
		s.add(s.ctx, "cell-c", 1)
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		s.check()
		s.await("the problem to be over", func() bool { return m.Status().Problem == "" })
	})
}

func TestFirstMap_is_refused_where_a_cell_knows_of_an_owner(t *testing.T) {
	for name, row := range map[string]protocol.Row{
		"undone once":  {State: protocol.StateAbsent, HighEpoch: 2},
		"moved, swept": {State: protocol.StateMoved, Epoch: 3, HighEpoch: 3, Swept: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(_ *testing.T, s *system) {
				for _, cell := range []string{"cell-a", "cell-b", "cell-c"} {
					s.add(s.ctx, cell, 1)
				}
				s.mu.Lock()
				s.cells["cell-b"].rows[7].Row = row
				s.mu.Unlock()
				m := s.start("mover-1", nil)
				s.awaitProblem(m, "registry has lost the map", "nobody has claimed 64 partitions")
				s.mustHaveNoMap()
			})
		})
	}
}

func TestFirstMap_is_not_made_while_a_known_cell_cannot_be_asked(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *system) {
		for _, cell := range []string{"cell-a", "cell-b", "cell-c", "cell-d"} {
			s.add(s.ctx, cell, 1)
		}
		s.down("cell-d")
		m := s.start("mover-1", nil)
		s.awaitProblem(m, "cell-d", "have not been asked")
		s.mustHaveNoMap()
	})
}

func TestFirstMap_is_refused_by_a_binary_that_places_keys_otherwise(t *testing.T) {
	good := registry.Cluster{ID: "c", Partitions: 64, Hash: placement.HashName, Ring: placement.RingName}
	if why := guard(good); why != "" {
		t.Errorf("refused: %s", why)
	}
	for name, change := range map[string]func(*registry.Cluster){
		"hash":       func(c *registry.Cluster) { c.Hash = "md5" },
		"ring":       func(c *registry.Cluster) { c.Ring = "buraksezer/consistent v0.10.0" },
		"partitions": func(c *registry.Cluster) { c.Partitions = 63 },
	} {
		c := good
		change(&c)
		if guard(c) == "" {
			t.Errorf("another %s is accepted", name)
		}
	}
}

func TestFirstMap_is_told_to_every_cell_by_the_next_leader_too(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *system) {
		for _, cell := range []string{"cell-a", "cell-b", "cell-c"} {
			s.add(s.ctx, cell, 1)
		}
		first := s.start("mover-1", func(cfg *Config) { cfg.Hook = crashAt(AfterAssign, 1) })
		if err := <-first.done; !errors.Is(err, errCrash) {
			s.t.Fatal(err)
		}
		if owned := s.owned(); strings.Count(owned, ":") > 3 || len(owned) == 0 {
			s.t.Fatalf("owned: %s", owned)
		}
		s.start("mover-2", nil)
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		s.check()
	})
}
