package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// OpenMove implements registry.Journal.
func (c *Client) OpenMove(ctx context.Context, term registry.Term, mv registry.Move, above placement.Epoch) (opened registry.Move, err error) {
	err = c.asLeader(ctx, fmt.Sprintf("open the move of partition %d", mv.Partition), term, func(s *Store) error {
		mv, err := registry.NewMove(mv, time.Now())
		if err != nil {
			return err
		}
		if other, ok := s.open[mv.Partition]; ok {
			return fmt.Errorf("move %s is open: %w", other.ID, registry.ErrConflict)
		}
		mv.Epoch = registry.NextEpoch(mv, s.highest, s.world, above)
		s.highest = max(s.highest, mv.Epoch)
		opened = s.put(mv)
		return nil
	})
	return opened, err
}

// put stores the record of an open move under a new version. The caller holds the mutex.
func (s *Store) put(mv registry.Move) registry.Move {
	mv.Version = s.nextVersion()
	s.open[mv.Partition] = mv
	return mv
}

// OpenMoves implements registry.Journal.
func (c *Client) OpenMoves(ctx context.Context) (moves []registry.Move, err error) {
	err = c.read(ctx, "list the open moves", func(s *Store) error {
		for _, mv := range s.open {
			moves = append(moves, mv)
		}
		return nil
	})
	slices.SortFunc(moves, func(a, b registry.Move) int { return cmp.Compare(a.Partition, b.Partition) })
	return moves, err
}

// UpdateMove implements registry.Journal.
func (c *Client) UpdateMove(ctx context.Context, term registry.Term, mv registry.Move) (updated registry.Move, err error) {
	err = c.asLeader(ctx, fmt.Sprintf("update the move of partition %d", mv.Partition), term, func(s *Store) error {
		if err := registry.CheckUpdate(mv); err != nil {
			return err
		}
		if err := s.unchanged(mv); err != nil {
			return err
		}
		updated = s.put(mv)
		return nil
	})
	return updated, err
}

// unchanged says whether the open record is still the one that the caller has read.
func (s *Store) unchanged(mv registry.Move) error {
	if stored, ok := s.open[mv.Partition]; !ok || stored.Version != mv.Version {
		return fmt.Errorf("the record has version %d, not %d: %w", stored.Version, mv.Version, registry.ErrConflict)
	}
	return nil
}

// Flip implements registry.Journal.
func (c *Client) Flip(ctx context.Context, term registry.Term, mv registry.Move) (m *placement.Map, flipped registry.Move, err error) {
	mv.State = registry.MoveFlipped
	err = c.asLeader(ctx, fmt.Sprintf("flip partition %d to %s", mv.Partition, mv.To), term, func(s *Store) error {
		if err := registry.CheckUpdate(mv); err != nil {
			return err
		}
		if s.world == nil {
			return fmt.Errorf("there is no map: %w", registry.ErrConflict)
		}
		next, already, err := registry.FlipMap(s.world, mv)
		if err != nil {
			return err
		}
		stored := s.open[mv.Partition]
		if already && stored.ID == mv.ID && stored.State == registry.MoveFlipped && stored.Version != mv.Version {
			m, flipped = s.world, stored
			return nil
		}
		if err := s.unchanged(mv); err != nil {
			return err
		}
		s.world = next
		m, flipped = next, s.put(mv)
		return nil
	})
	return m, flipped, err
}

// EndMove implements registry.Journal.
func (c *Client) EndMove(ctx context.Context, term registry.Term, mv registry.Move) error {
	return c.asLeader(ctx, fmt.Sprintf("end the move of partition %d", mv.Partition), term, func(s *Store) error {
		mv, err := registry.EndedMove(mv, time.Now())
		if err != nil {
			return err
		}
		if s.endedBefore(mv) {
			return nil
		}
		if err := s.unchanged(mv); err != nil {
			return err
		}
		delete(s.open, mv.Partition)
		mv.Version = s.nextVersion()
		s.ended = append(s.ended, mv)
		slices.SortFunc(s.ended, func(a, b registry.Move) int { return cmp.Compare(a.Epoch, b.Epoch) })
		s.ended = s.ended[max(0, len(s.ended)-historyKeep):]
		return nil
	})
}

// endedBefore says whether this very move has ended in this very way.
func (s *Store) endedBefore(mv registry.Move) bool {
	return slices.ContainsFunc(s.ended, func(e registry.Move) bool { return e.ID == mv.ID && e.State == mv.State })
}

// History implements registry.Journal. Newest means: of the highest epoch.
func (c *Client) History(ctx context.Context, limit int) (moves []registry.Move, err error) {
	err = c.read(ctx, "read the history of moves", func(s *Store) error {
		moves = slices.Clone(s.ended[max(0, len(s.ended)-max(limit, 0)):])
		slices.Reverse(moves)
		return nil
	})
	return moves, err
}

// Rebalance implements registry.Journal.
func (c *Client) Rebalance(ctx context.Context) (progress registry.Rebalance, err error) {
	err = c.read(ctx, "read the rebalance", func(s *Store) error {
		progress = s.rebalance
		return nil
	})
	return progress, err
}

// PutRebalance implements registry.Journal.
func (c *Client) PutRebalance(ctx context.Context, term registry.Term, progress registry.Rebalance) error {
	return c.asLeader(ctx, "store the rebalance", term, func(s *Store) error {
		s.rebalance = progress
		return nil
	})
}

// RequestRebalance implements registry.Journal.
func (c *Client) RequestRebalance(ctx context.Context, _ string) error {
	return c.write(ctx, "request a rebalance", func(s *Store) error {
		s.requests++
		return nil
	})
}

// Requests implements registry.Journal.
func (c *Client) Requests(ctx context.Context) (number uint64, err error) {
	err = c.read(ctx, "read the requests", func(s *Store) error {
		number = s.requests
		return nil
	})
	return number, err
}
