package dev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cellway/cellway/placement"
)

// Refusals of an order.
var (
	ErrUnknown  = errors.New("the system has no such part")
	ErrExists   = errors.New("the system has such a part already")
	ErrStopping = errors.New("the system is stopping")
)

// begin counts an order in, so that the system does not stop beneath it.
func (s *supervisor) begin() (done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, ErrStopping
	}
	s.orders.Add(1)
	return s.orders.Done, nil
}

// restart stops a part, if it runs, and starts it; it returns when the part is ready.
func (s *supervisor) restart(ctx context.Context, name string) error {
	p, err := s.find(name)
	if err != nil {
		return err
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	if p.forgotten() {
		return fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	s.con.say("restarting %s", name)
	s.haltOrKill(ctx, p)
	return s.start(ctx, p)
}

// haltOrKill waits for an orderly end, however the order itself ends; its own bound ends the wait.
func (s *supervisor) haltOrKill(ctx context.Context, p *part) {
	if err := s.halt(context.WithoutCancel(ctx), p); err != nil {
		s.con.say("%v", err) // it had to be killed: it is gone
	}
}

// addCell starts one more cell and remembers it for the next run.
func (s *supervisor) addCell(ctx context.Context, name string, weight int) error {
	if err := placement.ValidateCellName(name); err != nil {
		return err
	}
	if weight < 1 {
		return fmt.Errorf("weight %d: it must be 1 or more", weight)
	}
	c := newCell(name, weight)
	p := s.cell(c)
	p.turn.Lock()
	defer p.turn.Unlock()
	if err := s.add(p); err != nil {
		return err
	}
	if err := s.start(ctx, p); err != nil {
		s.forget(p)
		return err
	}
	return s.state.addCell(c)
}

// removeCell stops a cell and forgets it. Its schema stays in the database.
func (s *supervisor) removeCell(ctx context.Context, name string) error {
	p, err := s.find(name)
	if err != nil {
		return err
	}
	if p.kind != kindCell {
		return fmt.Errorf("%s is no cell: %w", name, ErrUnknown)
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	s.con.say("removing %s", name)
	s.haltOrKill(ctx, p)
	s.forget(p)
	return errors.Join(s.state.dropCell(name), s.writeEndpoints())
}

// forget takes a part whose process has ended out of the list.
func (s *supervisor) forget(p *part) {
	p.forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = slices.DeleteFunc(s.parts, func(have *part) bool { return have == p })
	delete(s.children, p.name)
}

func (s *supervisor) find(name string) (*part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.parts))
	for _, p := range s.parts {
		if p.name == name {
			return p, nil
		}
		names = append(names, p.name)
	}
	return nil, fmt.Errorf("%s: %w; there are %s", name, ErrUnknown, strings.Join(names, ", "))
}
