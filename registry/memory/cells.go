package memory

import (
	"context"
	"slices"
	"strings"

	"github.com/cellway/cellway/registry"
)

// Cells implements registry.Cells.
func (c *Client) Cells(ctx context.Context) (cells []registry.Cell, err error) {
	err = c.read(ctx, "list the cells", func(s *Store) error {
		cells = make([]registry.Cell, 0, len(s.cells))
		for _, cell := range s.cells {
			cells = append(cells, cell)
		}
		return nil
	})
	slices.SortFunc(cells, func(a, b registry.Cell) int { return strings.Compare(a.Name, b.Name) })
	return cells, err
}

// AnnounceCell implements registry.Cells.
func (c *Client) AnnounceCell(ctx context.Context, name, databaseID string, weight int) (cell registry.Cell, err error) {
	err = c.write(ctx, "announce cell "+name, func(s *Store) error {
		var stored *registry.Cell
		if known, ok := s.cells[name]; ok {
			stored = &known
		}
		announced, err := registry.AnnouncedCell(stored, name, databaseID, weight)
		if err != nil {
			return err
		}
		s.cells[name], cell = announced, announced
		return nil
	})
	return cell, err
}

// SetDraining implements registry.Cells.
func (c *Client) SetDraining(ctx context.Context, name string, draining bool) error {
	act := "drain cell " + name
	if !draining {
		act = "undrain cell " + name
	}
	return c.changeCell(ctx, act, name, func(cell registry.Cell) registry.Cell { return cell.WithDraining(draining) })
}

// RemoveCell implements registry.Cells.
func (c *Client) RemoveCell(ctx context.Context, name string) error {
	return c.changeCell(ctx, "remove cell "+name, name, registry.Cell.WithRemoved)
}

func (c *Client) changeCell(ctx context.Context, act, name string, change func(registry.Cell) registry.Cell) error {
	return c.write(ctx, act, func(s *Store) error {
		cell, ok := s.cells[name]
		if !ok {
			return registry.ErrNotFound
		}
		s.cells[name] = change(cell)
		return nil
	})
}
