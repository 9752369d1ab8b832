package mover

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
)

func TestExamine_rebuilds_lost_moves_from_rows(t *testing.T) {
	base := protocol.Row{Partition: 3, Move: "m", MoveEpoch: 9, HighEpoch: 9, Peer: "cell-b", Epoch: 4}
	for name, tc := range map[string]struct {
		state    protocol.State
		epoch    placement.Epoch
		from, to string
		want     registry.MoveState
	}{
		"recorded source":         {protocol.StateOwned, 4, "cell-a", "cell-b", registry.MoveUndoing},
		"fenced source":           {protocol.StateFenced, 4, "cell-a", "cell-b", registry.MoveUndoing},
		"source that handed over": {protocol.StateMoved, 9, "cell-a", "cell-b", registry.MoveOpen},
		"importing target":        {protocol.StateImporting, 0, "cell-b", "cell-a", registry.MoveUndoing},
		"ready target":            {protocol.StateReady, 0, "cell-b", "cell-a", registry.MoveUndoing},
		"target that owns":        {protocol.StateOwned, 9, "cell-b", "cell-a", registry.MoveOpen},
	} {
		t.Run(name, func(t *testing.T) {
			row := base
			row.State, row.Epoch = tc.state, tc.epoch
			f := examine("cell-a", []protocol.Row{row}, nil)
			if len(f.orphans) != 1 {
				t.Fatalf("orphans %+v", f.orphans)
			}
			mv := f.orphans[0]
			if mv.ID != "m" || mv.Partition != 3 || mv.Epoch != 9 || mv.From != tc.from || mv.To != tc.to || mv.State != tc.want {
				t.Errorf("orphan %+v", mv)
			}
			if known := examine("cell-a", []protocol.Row{row}, map[string]bool{"m": true}); len(known.orphans) != 0 {
				t.Errorf("a move of the journal is taken for an orphan: %+v", known.orphans)
			}
		})
	}
}

func TestCorrected_raises_the_map_to_higher_claims_alone(t *testing.T) {
	m, err := placement.FirstMap(64, []placement.Member{{Name: "cell-a", Weight: 1}, {Name: "cell-b", Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	idle := func(placement.Partition) bool { return false }
	same, err := corrected(m, map[placement.Partition]claim{1: {"cell-a", 1}}, idle)
	if err != nil || same != nil {
		t.Errorf("corrected by an epoch that is not higher: %v, %v", same, err)
	}
	next, err := corrected(m, map[placement.Partition]claim{1: {"cell-b", 5}, 2: {"cell-b", 6}}, func(p placement.Partition) bool { return p == 2 })
	if err != nil || next == nil {
		t.Fatal(next, err)
	}
	if owner, epoch := next.Owner(1); owner != "cell-b" || epoch != 5 {
		t.Errorf("partition 1 belongs to %s at %d", owner, epoch)
	}
	if _, epoch := next.Owner(2); epoch != 1 {
		t.Error("a partition with a move in progress was corrected")
	}
	if back, err := corrected(next, map[placement.Partition]claim{1: {"cell-a", 4}}, idle); err != nil || back != nil {
		t.Errorf("corrected by an epoch that is lower: %v, %v", back, err)
	}
}

// goBack replaces the registry by one that holds the cluster, the cells, and map and journal as they once were.
func (s *system) goBack(m *placement.Map, open []registry.Move) {
	s.t.Helper()
	s.store = memory.NewStore()
	s.createCluster(s.ctx)
	for name := range s.cells {
		s.announce(s.ctx, name, 1)
	}
	reg := s.store.Client()
	ctx, done := context.WithCancel(s.ctx)
	err := reg.Lead(ctx, "restore", func(_ context.Context, term registry.Term) {
		defer done()
		if err := reg.CreateMap(s.ctx, term, m); err != nil {
			s.t.Error(err)
		}
		for _, mv := range open {
			mv.Version = 0
			if _, err := reg.OpenMove(s.ctx, term, mv, 0); err != nil {
				s.t.Error(err)
			}
		}
	}, nil)
	if err != nil {
		s.t.Error(err)
	}
}

// TestReconcile_a_registry_that_went_back_in_time lets a mover die at every point of a rebalance, and gives the next
// one a registry in which that rebalance, or the move that it died in, never was.
func TestReconcile_a_registry_that_went_back_in_time(t *testing.T) {
	for _, point := range Points()[5:] {
		for _, forget := range []string{"rebalance", "move"} {
			t.Run(string(point)+", lost "+forget, func(t *testing.T) {
				inBubble(t, func(_ *testing.T, s *system) { dieAndGoBack(s, point, forget == "move") })
			})
		}
	}
}

func dieAndGoBack(s *system, point Point, keepMap bool) {
	for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
		s.add(s.ctx, name, 1)
	}
	pulls := 0
	s.setFault(func(_ string, _ placement.Partition, verb protocol.Verb, after bool) error {
		if verb == protocol.VerbPull && !after {
			if pulls++; pulls == 6 {
				return &protocol.Problem{Code: protocol.CodeDiffers, Message: "table customers"}
			}
		}
		return nil
	})
	var once *placement.Map
	first := s.start("mover-1", func(cfg *Config) {
		oneAtATime(cfg)
		cfg.Hook = func(ctx context.Context, at Point) error {
			if len(s.ended()) < 5 {
				return nil
			}
			return crashAt(point, 1)(ctx, at)
		}
	})
	s.await("the first map", func() bool {
		m, err := s.store.Client().Map(s.ctx)
		once = m
		return err == nil
	})
	s.add(s.ctx, "cell-d", 1)
	if err := <-first.done; !errors.Is(err, errCrash) {
		s.t.Fatal(err)
	}
	if keepMap {
		once, _ = s.store.Client().Map(s.ctx)
	}
	s.goBack(once, nil)
	s.start("mover-2", nil)
	s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	s.check()
}

func TestReconcile_an_old_open_move_that_the_rows_have_long_passed(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *system) {
		for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
			s.add(s.ctx, name, 1)
		}
		var once *placement.Map
		var open []registry.Move
		first := s.start("mover-1", func(cfg *Config) {
			oneAtATime(cfg)
			cfg.Hook = func(_ context.Context, at Point) error {
				if at == AfterOpen && open == nil {
					once, _ = s.store.Client().Map(s.ctx)
					open, _ = s.store.Client().OpenMoves(s.ctx)
				}
				return nil
			}
		})
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		s.add(s.ctx, "cell-d", 1)
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		if err := s.store.Client().SetDraining(s.ctx, "cell-d", true); err != nil {
			s.t.Fatal(err)
		}
		s.await("cell-d to be empty", func() bool { return !strings.Contains(s.owned(), "cell-d") && first.Status().OpenMoves == 0 })
		first.stop()
		s.goBack(once, open)
		s.start("mover-2", nil)
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		s.check()
	})
}
