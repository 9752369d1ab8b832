package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cellway/cellway/registry"
)

// candidate is one who waits for the lock.
type candidate struct{ lock, name string }

// Lead implements registry.Elector.
func (c *Client) Lead(ctx context.Context, name string, lead func(context.Context, registry.Term), _ func(error)) error {
	if name == "" {
		return fmt.Errorf("campaign: %w: no name", registry.ErrInvalid)
	}
	for ctx.Err() == nil {
		me := c.store.enter(name)
		if term, ok := c.store.await(ctx, me); ok {
			c.store.serve(ctx, term, lead)
		}
		c.store.leave(me)
	}
	return nil
}

// RaiseToken implements registry.Elector.
func (c *Client) RaiseToken(ctx context.Context, term registry.Term, above uint64) (registry.Term, error) {
	err := c.asLeader(ctx, "raise the leader's token", term, func(s *Store) error {
		if term.Token <= above {
			s.token = max(s.token, above) + 1
			term.Token = s.token
		}
		return nil
	})
	return term, err
}

// Leader implements registry.Elector.
func (c *Client) Leader(ctx context.Context) (name string, err error) {
	err = c.read(ctx, "read the leader", func(s *Store) error {
		name = s.leader
		return nil
	})
	return name, err
}

// enter puts a candidate at the end of the queue.
func (s *Store) enter(name string) *candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.campaigns++
	me := &candidate{lock: fmt.Sprintf("%s#%d", name, s.campaigns), name: name}
	s.waiting = append(s.waiting, me)
	return me
}

// leave takes a candidate out of the queue and the lock from it, if it has it.
func (s *Store) leave(me *candidate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(c *candidate) bool { return c == me })
	s.release(me.lock)
}

// release frees the lock if it is that one. The caller holds the mutex.
func (s *Store) release(lock string) {
	if s.lock == lock {
		s.lock, s.leader = "", ""
	}
	s.wake()
}

// await waits until the lock is free and me is the first in the queue, and takes it; false if ctx ended first.
func (s *Store) await(ctx context.Context, me *candidate) (registry.Term, bool) {
	for {
		term, ok, changed := s.acquire(me)
		if ok {
			return term, true
		}
		select {
		case <-ctx.Done():
			return registry.Term{}, false
		case <-changed:
		}
	}
}

func (s *Store) acquire(me *candidate) (registry.Term, bool, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.lock != "" || len(s.waiting) == 0 || s.waiting[0] != me {
		return registry.Term{}, false, s.changed
	}
	s.waiting = s.waiting[1:]
	s.token++
	s.lock, s.leader = me.lock, me.name
	s.wake()
	return registry.Term{Token: s.token, Holder: me.name, Lock: me.lock}, true, nil
}

// serve calls lead with a context that ends when the lock is lost. When ctx ends the lock is free at once,
// whether or not lead has noticed.
func (s *Store) serve(ctx context.Context, term registry.Term, lead func(context.Context, registry.Term)) {
	leadCtx, over := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		over(s.awaitLoss(leadCtx, term.Lock))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.release(term.Lock)
	}()
	defer func() { <-watched }()
	defer over(errors.New("the leader has finished"))
	lead(leadCtx, term)
}

// awaitLoss returns when the lock is another's, or ctx ends.
func (s *Store) awaitLoss(ctx context.Context, lock string) error {
	for {
		s.mu.Lock()
		held, changed := s.lock == lock, s.changed
		s.mu.Unlock()
		if !held {
			return registry.ErrNotLeader
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}
