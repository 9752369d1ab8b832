package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// casTries is how often a compare-and-set without a leader's term is repeated after meeting another writer.
const casTries = 20

// casPause is about what a writer needs that was faster.
const casPause = 10 * time.Millisecond

// Cells implements registry.Cells.
func (r *Registry) Cells(ctx context.Context) ([]registry.Cell, error) {
	const act = "list the cells"
	pairs, err := r.list(ctx, act, r.keys.cells())
	if err != nil {
		return nil, err
	}
	cells := make([]registry.Cell, 0, len(pairs))
	for _, pair := range pairs {
		var cell registry.Cell
		if err := decodeCell(pair.Value, nameUnder(r.keys.cells(), pair.Key), &cell); err != nil {
			// Unlike an instance, a cell that cannot be read must not be overlooked: the planner would give
			// away what it owns.
			return nil, fmt.Errorf("%s: key %s: %w", act, pair.Key, err)
		}
		cells = append(cells, cell)
	}
	slices.SortFunc(cells, func(a, b registry.Cell) int { return strings.Compare(a.Name, b.Name) })
	return cells, nil
}

func decodeCell(value []byte, name string, cell *registry.Cell) error {
	if err := json.Unmarshal(value, cell); err != nil {
		return err
	}
	if cell.Name != name {
		return fmt.Errorf("%w: holds the record of cell %q", registry.ErrInvalid, cell.Name)
	}
	return cell.Validate()
}

// AnnounceCell implements registry.Cells.
func (r *Registry) AnnounceCell(ctx context.Context, name, databaseID string, weight int) (registry.Cell, error) {
	return r.changeCell(ctx, "announce cell "+name, name, func(stored *registry.Cell) (registry.Cell, error) {
		return registry.AnnouncedCell(stored, name, databaseID, weight)
	})
}

// SetDraining implements registry.Cells.
func (r *Registry) SetDraining(ctx context.Context, name string, draining bool) error {
	act := "drain cell " + name
	if !draining {
		act = "undrain cell " + name
	}
	return r.changeKnownCell(ctx, act, name, func(c registry.Cell) registry.Cell { return c.WithDraining(draining) })
}

// RemoveCell implements registry.Cells.
func (r *Registry) RemoveCell(ctx context.Context, name string) error {
	return r.changeKnownCell(ctx, "remove cell "+name, name, registry.Cell.WithRemoved)
}

func (r *Registry) changeKnownCell(ctx context.Context, act, name string, change func(registry.Cell) registry.Cell) error {
	_, err := r.changeCell(ctx, act, name, func(stored *registry.Cell) (registry.Cell, error) {
		if stored == nil {
			return registry.Cell{}, registry.ErrNotFound
		}
		return change(*stored), nil
	})
	return err
}

// changeCell reads the record (nil: none), changes it and stores it, again if somebody else did meanwhile.
func (r *Registry) changeCell(ctx context.Context, act, name string, change func(*registry.Cell) (registry.Cell, error)) (registry.Cell, error) {
	if err := placement.ValidateCellName(name); err != nil {
		return registry.Cell{}, fmt.Errorf("%s: %w: %w", act, registry.ErrInvalid, err)
	}
	for range casTries {
		var stored *registry.Cell
		index, err := r.getJSON(ctx, act, r.keys.cell(name), &stored)
		if err != nil {
			return registry.Cell{}, err
		}
		changed, err := change(stored)
		if err != nil {
			return registry.Cell{}, fmt.Errorf("%s: %w", act, err)
		}
		if stored != nil && *stored == changed {
			return changed, nil
		}
		if ok, err := r.putIf(ctx, act, r.keys.cell(name), changed, index); err != nil || ok {
			return changed, err
		}
		sleep(ctx, rand.N(casPause))
	}
	return registry.Cell{}, fmt.Errorf("%s: other writers won %d times: %w", act, casTries, registry.ErrConflict)
}
