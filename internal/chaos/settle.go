package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/checker"
	"github.com/cellway/cellway/internal/systemtest"
)

// move is what the admin API says of one.
type move struct {
	ID      string  `json:"id"`
	State   string  `json:"state"`
	PauseMS float64 `json:"pause_ms"`
}

// settle waits until every part runs, every cell is well, and no move is under way.
func (s *soak) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return systemtest.Until(ctx, func() error {
		e, err := s.sys.Endpoints()
		if err != nil {
			return err
		}
		for _, p := range e.Processes {
			if p.PID == 0 {
				return fmt.Errorf("%s is down", p.Name)
			}
		}
		var reply struct {
			Cells []struct {
				ID     string `json:"cell_id"`
				Status string `json:"status"`
			} `json:"cells"`
		}
		if err := s.sys.Admin(ctx, "/admin/cells", &reply); err != nil {
			return err
		}
		for _, c := range reply.Cells {
			if c.Status != "active" && c.Status != "gone" && c.ID != "cell-d" {
				return fmt.Errorf("%s is %s", c.ID, c.Status)
			}
		}
		return s.atRest(ctx)
	})
}

func (s *soak) atRest(ctx context.Context) error {
	var r struct{ Running bool }
	if err := s.sys.Admin(ctx, "/admin/rebalance", &r); err != nil {
		return err
	}
	if r.Running {
		return errors.New("a rebalance is running")
	}
	moves, err := s.moves(ctx)
	if err != nil {
		return err
	}
	for _, mv := range moves {
		if mv.State != "done" && mv.State != "undone" {
			return fmt.Errorf("move %s is %s", mv.ID, mv.State)
		}
	}
	return nil
}

func (s *soak) moves(ctx context.Context) ([]move, error) {
	var all struct {
		Moves []move `json:"moves"`
	}
	err := s.sys.Admin(ctx, "/admin/moves?limit=10000", &all)
	return all.Moves, err
}

// check reads everything, through the router and in the databases. All is at rest, and the client stands still.
func (s *soak) check(ctx context.Context, p *Phases) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.record.SetPace(0)
	s.client.Visit(ctx, prefix, people, workers)
	s.record.SetPace(perSecond)
	s.report.take(p, s.client.Take())
	if err := s.count(ctx, p == &s.report.Calm); err != nil {
		return err
	}
	var m struct {
		Owners map[string]int `json:"owners"`
	}
	if err := s.sys.Admin(ctx, "/admin/map", &m); err != nil {
		return err
	}
	e, err := s.sys.Endpoints()
	if err != nil {
		return err
	}
	r, err := checker.Check(ctx, []string{e.Postgres}, partitions, m.Owners, s.model)
	if err != nil {
		return err
	}
	s.report.found(r.Faults)
	if len(r.Faults) == 0 && len(s.report.Illegal) == 0 {
		s.record.Take() // nothing of it is needed any more
	}
	return nil
}

// count adds the moves that have ended since the last time.
func (s *soak) count(ctx context.Context, calm bool) error {
	moves, err := s.moves(ctx)
	if err != nil {
		return err
	}
	for _, mv := range moves {
		if s.seen[mv.ID] {
			continue
		}
		s.seen[mv.ID] = true
		if mv.State != "done" {
			s.report.Undone++
			continue
		}
		s.report.Done++
		if calm && mv.PauseMS > 0 {
			s.report.Pauses = append(s.report.Pauses, time.Duration(mv.PauseMS*float64(time.Millisecond)))
		}
	}
	return nil
}
