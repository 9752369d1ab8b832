package dev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cellway/cellway/placement"
)

// Refusals of an order.
var (
	ErrUnknown = errors.New("the system has no such part")
	ErrExists  = errors.New("the system has such a part already")
)

// restart stops a part, if it runs, and starts it; it returns when the part is ready.
func (s *supervisor) restart(ctx context.Context, name string) error {
	p, turn, err := s.find(name)
	if err != nil {
		return err
	}
	turn.Lock()
	defer turn.Unlock()
	if err := s.halt(ctx, p); err != nil {
		s.con.say("%v", err) // it had to be killed: it is gone
	}
	return s.start(ctx, p)
}

// addCell starts one more cell and remembers it for the next run.
func (s *supervisor) addCell(ctx context.Context, name string, weight int) error {
	if err := placement.ValidateCellName(name); err != nil {
		return err
	}
	if weight < 1 {
		return fmt.Errorf("weight %d: it must be 1 or more", weight)
	}
	s.mu.Lock()
	_, there := s.turns[name]
	s.mu.Unlock()
	if there {
		return fmt.Errorf("%s: %w (make restart NAME=%s starts it again)", name, ErrExists, name)
	}
	s.state.addCell(name, weight)
	cells := s.state.cells()
	i := slices.IndexFunc(cells, func(c cellState) bool { return c.Name == name })
	p := s.add(s.cell(cells[i]))
	if err := s.start(ctx, p); err != nil {
		s.forget(name)
		return err
	}
	return s.state.save()
}

// removeCell stops a cell and forgets it. Its schema stays in the database.
func (s *supervisor) removeCell(ctx context.Context, name string) error {
	p, turn, err := s.find(name)
	if err != nil {
		return err
	}
	if p.kind != kindCell {
		return fmt.Errorf("%s is no cell: %w", name, ErrUnknown)
	}
	turn.Lock()
	defer turn.Unlock()
	if err := s.halt(ctx, p); err != nil {
		s.con.say("%v", err)
	}
	s.forget(name)
	return errors.Join(s.state.save(), s.writeEndpoints())
}

func (s *supervisor) forget(name string) {
	s.state.dropCell(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = slices.DeleteFunc(s.parts, func(p *part) bool { return p.name == name })
	delete(s.children, name)
	delete(s.turns, name)
}

func (s *supervisor) find(name string) (*part, *sync.Mutex, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.parts))
	for _, p := range s.parts {
		if p.name == name {
			return p, s.turns[name], nil
		}
		names = append(names, p.name)
	}
	return nil, nil, fmt.Errorf("%s: %w; there are %s", name, ErrUnknown, strings.Join(names, ", "))
}
