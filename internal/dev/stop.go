package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// stopIn bounds the orderly end of the whole system.
const stopIn = 60 * time.Second

// stop ends everything, in the reverse order of the start; children of a kind at once. A second Ctrl-C, or the end
// of the bound, kills what is left.
func (s *supervisor) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopIn)
	defer cancel()
	ctx, noMore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer noMore()
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	failed := s.removeSigns()
	s.con.say("stopping (Ctrl-C once more kills)")
	// Orders end with the system; one that was starting a child has it in the list, or has killed it, by now.
	s.orders.Wait()
	s.mu.Lock()
	parts := slices.Clone(s.parts)
	s.mu.Unlock()
	for k := kindRouter; k >= kindPostgres; k-- {
		var g errgroup.Group
		for _, p := range parts {
			if p.kind == k {
				g.Go(func() error { return s.halt(ctx, p) })
			}
		}
		failed = errors.Join(failed, g.Wait())
	}
	s.watchers.Wait()
	s.con.say("stopped; the data is kept in %s", s.cfg.StateDir)
	return failed
}

// halt ends a part's process, if it runs.
func (s *supervisor) halt(ctx context.Context, p *part) error {
	s.mu.Lock()
	c := s.children[p.name]
	if c != nil {
		c.expected = true
	}
	s.mu.Unlock()
	if c == nil || c.proc.End() != "" {
		return nil
	}
	return c.proc.Stop(ctx)
}

// removeSigns removes the files by which others find a running system.
func (s *supervisor) removeSigns() error {
	var failed error
	for _, name := range []string{"endpoints.json", "control.json"} {
		if err := os.Remove(s.cfg.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("remove %s: %w", filepath.Base(name), err))
		}
	}
	return failed
}
