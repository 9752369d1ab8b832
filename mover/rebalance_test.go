package mover

import (
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

func TestRebalance_a_join_moves_exactly_its_share_and_nothing_between_old_cells(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		s.add(s.ctx, "cell-d", 1)
		s.await("the rebalance to show while the cell settles", func() bool {
			rec, err := s.store.Client().Rebalance(s.ctx)
			return err == nil && rec.Running && rec.AskedBy == "join"
		})
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
		moves := s.ended()
		if len(moves) != 16 {
			t.Errorf("%d moves, want 16", len(moves))
		}
		for _, mv := range moves {
			if mv.To != "cell-d" || mv.State != registry.MoveDone || mv.AskedBy != "join" || mv.Rows != 1 || mv.Checksum == "" || mv.PauseMS <= 0 || mv.Error != "" {
				t.Errorf("move %+v", mv)
			}
		}
		rec, _ := s.store.Client().Rebalance(s.ctx)
		if rec.Done != 16 || rec.Total != 16 || rec.Rows != 16 || rec.EndedAt.IsZero() || rec.Problem != "" {
			t.Errorf("rebalance %+v", rec)
		}
	})
}

func TestRebalance_a_heavier_cell_gets_more(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		s.add(s.ctx, "cell-d", 3)
		s.awaitShares(map[string]int{"cell-a": 11, "cell-b": 11, "cell-c": 10, "cell-d": 32})
	})
}

func TestRebalance_drain_empties_and_undrain_fills_again(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		reg := s.store.Client()
		if err := reg.SetDraining(s.ctx, "cell-b", true); err != nil {
			t.Fatal(err)
		}
		s.awaitShares(map[string]int{"cell-a": 32, "cell-c": 32})
		if rec, _ := reg.Rebalance(s.ctx); rec.AskedBy != "drain" || rec.Done != 21 {
			t.Errorf("rebalance %+v", rec)
		}
		if err := reg.SetDraining(s.ctx, "cell-b", false); err != nil {
			t.Fatal(err)
		}
		s.await("partitions to come back", func() bool {
			m, err := reg.Map(s.ctx)
			rec, _ := reg.Rebalance(s.ctx)
			return err == nil && m.Counts()["cell-b"] == 21 && !rec.Running
		})
		if got := len(s.ended()); got != 42 {
			t.Errorf("%d moves, want 42", got)
		}
	})
}

func TestRebalance_a_request_shows_even_if_nothing_is_to_do(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		reg := s.store.Client()
		before, _ := reg.Rebalance(s.ctx)
		if err := reg.RequestRebalance(s.ctx, "somebody"); err != nil {
			t.Fatal(err)
		}
		s.await("the request to be answered", func() bool {
			rec, err := reg.Rebalance(s.ctx)
			return err == nil && rec.ID != before.ID && !rec.Running && rec.AskedBy == "request"
		})
	})
}

func TestRebalance_a_silent_owner_keeps_its_partitions_and_stops_nobody_else(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		reg := s.store.Client()
		s.down("cell-c")
		if err := reg.SetDraining(s.ctx, "cell-b", true); err != nil {
			t.Fatal(err)
		}
		s.await("half of the drain, and a word on the rest", func() bool {
			m, err := reg.Map(s.ctx)
			rec, _ := reg.Rebalance(s.ctx)
			return err == nil && m.Counts()["cell-a"] == 32 && rec.Running && rec.Problem != ""
		})
		if m, _ := reg.Map(s.ctx); m.Counts()["cell-c"] != 21 {
			t.Errorf("the silent cell has %d partitions", m.Counts()["cell-c"])
		}
		s.up("cell-c")
		s.awaitShares(map[string]int{"cell-a": 32, "cell-c": 32})
	})
}

func TestRebalance_a_cell_that_flaps_does_not_count(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		s.add(s.ctx, "cell-d", 1)
		for range 5 {
			_ = sleep(s.ctx, 2*time.Second)
			s.down("cell-d")
			_ = sleep(s.ctx, time.Second)
			s.up("cell-d")
		}
		if moves := s.ended(); len(moves) != 0 {
			t.Fatalf("%d moves to a flapping cell", len(moves))
		}
		s.awaitShares(map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16})
	})
}

func TestRebalance_plans_anew_when_members_change_meanwhile(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		s.add(s.ctx, "cell-d", 1)
		s.await("some moves", func() bool { return len(s.ended()) > 4 })
		if err := s.store.Client().SetDraining(s.ctx, "cell-d", true); err != nil {
			t.Fatal(err)
		}
		s.await("cell-d to be empty again", func() bool {
			m, err := s.store.Client().Map(s.ctx)
			rec, _ := s.store.Client().Rebalance(s.ctx)
			return err == nil && m.Counts()["cell-d"] == 0 && !rec.Running
		})
		m, _ := s.store.Client().Map(s.ctx)
		for _, cell := range []string{"cell-a", "cell-b", "cell-c"} {
			if got := m.Counts()[cell]; got < 21 || got > 22 {
				t.Errorf("%s has %d partitions", cell, got)
			}
		}
	})
}
