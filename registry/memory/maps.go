package memory

import (
	"context"
	"fmt"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// Cluster implements registry.Maps.
func (c *Client) Cluster(ctx context.Context) (cluster registry.Cluster, err error) {
	err = c.read(ctx, "read the cluster's identity", func(s *Store) error {
		if s.cluster == nil {
			return registry.ErrNotFound
		}
		cluster = *s.cluster
		return nil
	})
	return cluster, err
}

// CreateCluster implements registry.Maps.
func (c *Client) CreateCluster(ctx context.Context, cluster registry.Cluster) (stored registry.Cluster, err error) {
	err = c.write(ctx, "create the cluster", func(s *Store) error {
		if err := cluster.Validate(); err != nil {
			return err
		}
		if s.cluster == nil {
			s.cluster = &cluster
		}
		stored = *s.cluster
		return nil
	})
	return stored, err
}

// Map implements registry.Maps.
func (c *Client) Map(ctx context.Context) (m *placement.Map, err error) {
	err = c.read(ctx, "read the map", func(s *Store) error {
		if m = s.world; m == nil {
			return registry.ErrNotFound
		}
		return nil
	})
	return m, err
}

// CreateMap implements registry.Maps.
func (c *Client) CreateMap(ctx context.Context, term registry.Term, m *placement.Map) error {
	return c.asLeader(ctx, "create the map", term, func(s *Store) error {
		if s.world != nil {
			return fmt.Errorf("there is one of epoch %d: %w", s.world.Epoch(), registry.ErrConflict)
		}
		s.replaceMap(m)
		return nil
	})
}

// CorrectMap implements registry.Maps.
func (c *Client) CorrectMap(ctx context.Context, term registry.Term, from placement.Epoch, m *placement.Map) error {
	return c.asLeader(ctx, fmt.Sprintf("correct the map of epoch %d", from), term, func(s *Store) error {
		if err := registry.CheckCorrection(s.world, from, m); err != nil {
			return err
		}
		s.replaceMap(m)
		return nil
	})
}

func (s *Store) replaceMap(m *placement.Map) {
	s.world = m
	s.highest = max(s.highest, m.Epoch(), m.HighestEpoch())
}

// WatchMap implements registry.Maps.
func (c *Client) WatchMap(ctx context.Context, fn func(*placement.Map), onError func(error)) error {
	var shown *placement.Map
	c.watch(ctx, "watch the map", func(s *Store) func() {
		m := s.world
		if m == shown {
			return nil
		}
		shown = m
		return func() { fn(m) }
	}, onError)
	return nil
}
