package crashtest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cellway/cellway/mover"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// listen returns the next thing that a living mover says, within the limit. Where drive is set and there is nothing
// to move, a cell is drained, or filled again.
func (s *system) listen(t *testing.T, limit time.Duration, drive bool) (told, bool) {
	t.Helper()
	timeout, tick := time.NewTimer(limit), time.NewTicker(50*time.Millisecond)
	defer timeout.Stop()
	defer tick.Stop()
	for {
		select {
		case x := <-s.hooks.said:
			if s.alive[x.Mover] == nil {
				continue // its last words
			}
			s.record.Note(x)
			if x.At != "" {
				s.pending = &x
			}
			return x, true
		case <-tick.C:
			if drive && s.pending == nil && s.idle(t) {
				s.turn(t)
			}
		case <-timeout.C:
			return told{}, false
		}
	}
}

// goOn lets the mover go on from where it waits.
func (s *system) goOn(o order) {
	x := s.pending
	s.pending = nil
	if err := x.answer(o); err != nil {
		s.record.Note(told{Mover: x.Mover, Code: err.Error()}) // it is dying, and the next wait finds out
	}
}

// idle: the map is as it was asked to be, and no move is open.
func (s *system) idle(t *testing.T) bool {
	t.Helper()
	m, err := s.reg.Map(t.Context())
	if err != nil || !balanced(m, s.draining) {
		return false
	}
	moves, err := s.reg.OpenMoves(t.Context())
	return err == nil && len(moves) == 0
}

func balanced(m *placement.Map, draining string) bool {
	least, most := partitions, 0
	counts := m.Counts()
	for _, name := range cellNames() {
		n := counts[name]
		if name == draining {
			if n > 0 {
				return false
			}
			continue
		}
		least, most = min(least, n), max(most, n)
	}
	return most-least <= 1
}

// turn asks for the next rebalance.
func (s *system) turn(t *testing.T) {
	t.Helper()
	cells := cellNames()
	name := cells[s.turns/2%len(cells)]
	if s.turns%2 == 0 {
		s.draining, s.filling = name, ""
	} else {
		s.draining, s.filling = "", name
	}
	s.turns++
	s.until(t, "ask for a rebalance", func(ctx context.Context) error { return s.reg.SetDraining(ctx, name, s.draining != "") })
}

// reach lets the mover go on until it stands at the fault's point, in a move in which the victim takes part.
func (s *system) reach(t *testing.T, f Fault) told {
	t.Helper()
	began := time.Now()
	for {
		if x := s.pending; x != nil {
			if x.At == f.At && s.victim(t, f.Victim, *x) != "" {
				return *x
			}
			s.goOn(order{Refuse: x.At == mover.Before(mover.ActPull) && ofUndo(f.At)})
		}
		if _, ok := s.listen(t, 2*patience-time.Since(began), true); !ok {
			t.Fatalf("%s: no mover has come to this point with that victim: the case proves nothing", f)
		}
	}
}

// ofUndo: the point is met only when a move is taken back.
func ofUndo(at mover.Point) bool {
	points := mover.Points()
	return slices.Index(points, at) >= slices.Index(points, mover.Before(mover.ActUndo))
}

// victim names the process that is meant at this point; "" if none is known.
func (s *system) victim(t *testing.T, v Victim, x told) string {
	t.Helper()
	switch v {
	case Mover:
		return x.Mover
	case Source, Target:
	default:
		return string(v)
	}
	source, target := s.draining, s.filling
	switch {
	case slices.Contains(pointsOfFirstMap(), x.At):
		source = cellNames()[0]
	case x.At != mover.BeforeOpen:
		mv := s.moveAt(t, x)
		source, target = mv.From, mv.To
	}
	if v == Source {
		return source
	}
	return target
}

// moveAt is the move of which the mover stands at a point.
func (s *system) moveAt(t *testing.T, x told) registry.Move {
	t.Helper()
	open, err := s.reg.OpenMoves(t.Context())
	must(t, err)
	if len(open) == 0 {
		open, err = s.reg.History(t.Context(), 1) // it has just ended
		must(t, err)
	}
	var found registry.Move
	for _, mv := range open {
		if int(mv.Partition) == x.Partition {
			return mv
		}
		if mv.Epoch > found.Epoch {
			found = mv
		}
	}
	return found
}

// settle lets the mover go on until no move is open: it then stands before the next one, or has nothing to do.
func (s *system) settle(t *testing.T) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < patience {
		if x := s.pending; x != nil {
			if x.At == mover.BeforeOpen {
				if open, err := s.reg.OpenMoves(t.Context()); err == nil && len(open) == 0 {
					return
				}
			}
			s.goOn(order{})
		}
		if _, ok := s.listen(t, 200*time.Millisecond, false); !ok && s.idle(t) {
			return
		}
	}
	open, err := s.reg.OpenMoves(t.Context())
	rebalance, _ := s.reg.Rebalance(t.Context())
	t.Fatalf("moves are not in a terminal state after %v: %+v, %v; the mover says %q", patience, open, err, rebalance.Problem)
}

// mustHaveEnded requires that the moves which were open at a fault are in the history.
func (s *system) mustHaveEnded(t *testing.T, hit map[string]bool) {
	t.Helper()
	const enough = 200
	ended, err := s.reg.History(t.Context(), enough)
	must(t, err)
	for _, mv := range ended {
		if mv.State == registry.MoveDone || mv.State == registry.MoveUndone {
			delete(hit, mv.ID)
		}
	}
	if len(hit) > 0 {
		t.Errorf("moves that are not in the history: %v", hit)
	}
}

// openNow adds the IDs of the open moves.
func (s *system) openNow(t *testing.T, hit map[string]bool) {
	t.Helper()
	open, err := s.reg.OpenMoves(t.Context())
	must(t, err)
	for _, mv := range open {
		hit[mv.ID] = true
	}
}

func (x told) String() string { return fmt.Sprintf("%s at %s", x.Mover, x.At) }
