package memory

import (
	"context"

	"github.com/cellway/cellway/registry"
)

// Pace implements registry.Tuning.
func (c *Client) Pace(ctx context.Context) (pace registry.Pace, err error) {
	err = c.read(ctx, "read the pace", func(s *Store) error {
		pace = s.pace
		return nil
	})
	return pace, err
}

// SetPace implements registry.Tuning.
func (c *Client) SetPace(ctx context.Context, pace registry.Pace) error {
	return c.write(ctx, "set the pace", func(s *Store) error {
		if err := pace.Validate(); err != nil {
			return err
		}
		s.pace = pace
		return nil
	})
}
