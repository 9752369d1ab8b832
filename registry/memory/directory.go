package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cellway/cellway/registry"
)

// Register implements registry.Directory.
func (c *Client) Register(ctx context.Context, in registry.Instance, report func() registry.Health) error {
	if err := in.Validate(); err != nil {
		return fmt.Errorf("register instance %s: %w", in.ID, err)
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for ctx.Err() == nil {
		c.store.beat(in, report())
		select {
		case <-ctx.Done():
		case <-beat.C:
		}
	}
	c.store.withdraw(in.ID)
	return nil
}

func (s *Store) beat(in registry.Instance, health registry.Health) {
	in.Healthy, in.Output = health.OK, ""
	if !health.OK {
		in.Output = cmp.Or(health.Output, "critical")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.instances[in.ID] == in {
		return
	}
	s.instances[in.ID] = in
	s.wake()
}

func (s *Store) withdraw(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down {
		delete(s.instances, id)
		s.wake()
	}
}

// listed returns the instances in order. The caller holds the mutex.
func (s *Store) listed() []registry.Instance {
	list := make([]registry.Instance, 0, len(s.instances))
	for _, in := range s.instances {
		list = append(list, in)
	}
	slices.SortFunc(list, func(a, b registry.Instance) int {
		return cmp.Or(strings.Compare(a.Cell, b.Cell), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Instances implements registry.Directory.
func (c *Client) Instances(ctx context.Context) (list []registry.Instance, err error) {
	err = c.read(ctx, "list the instances", func(s *Store) error {
		list = s.listed()
		return nil
	})
	return list, err
}

// WatchInstances implements registry.Directory.
func (c *Client) WatchInstances(ctx context.Context, fn func([]registry.Instance), onError func(error)) error {
	var shown []registry.Instance
	c.watch(ctx, "watch the instances", func(s *Store) func() {
		list := s.listed()
		if shown != nil && slices.Equal(shown, list) {
			return nil
		}
		shown = list
		return func() { fn(slices.Clone(list)) }
	}, onError)
	return nil
}

// watch calls look after every change of the store, and what it returns (nil: nothing new) outside the mutex.
func (c *Client) watch(ctx context.Context, act string, look func(*Store) func(), onError func(error)) {
	for {
		var show func()
		var changed chan struct{}
		err := c.read(ctx, act, func(s *Store) error {
			show, changed = look(s), s.changed
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if onError != nil {
				onError(err)
			}
			changed = c.store.nextChange()
		}
		if show != nil {
			show()
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (s *Store) nextChange() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}
