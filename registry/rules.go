package registry

import (
	"fmt"

	"github.com/cellway/cellway/placement"
)

// The rules below are what every implementation applies between reading and its compare-and-set: functions of
// values, so that they cannot differ between implementations.

// NextEpoch returns the epoch of a move to be journalled: above the highest epoch ever journalled, above the
// stored map's (m may be nil) and above what the caller knows of. A move that has an epoch already keeps it.
func NextEpoch(mv Move, journalled placement.Epoch, m *placement.Map, above placement.Epoch) placement.Epoch {
	if mv.Epoch != 0 {
		return mv.Epoch
	}
	highest := max(journalled, above)
	if m != nil {
		highest = max(highest, m.Epoch(), m.HighestEpoch())
	}
	return highest + 1
}

// FlipMap returns the map in which the move has been flipped, and whether m is that map already. The error is
// [ErrConflict] where the partition is not what the move expects: owned by mv.From with a lower epoch, or by
// mv.To at the move's own.
func FlipMap(m *placement.Map, mv Move) (next *placement.Map, already bool, err error) {
	owner, epoch := m.Owner(mv.Partition)
	if owner == mv.To && epoch == mv.Epoch {
		return m, true, nil
	}
	if owner != mv.From || epoch >= mv.Epoch {
		return nil, false, fmt.Errorf("partition %d belongs to %q at epoch %d, the move goes from %q at epoch %d: %w",
			mv.Partition, owner, epoch, mv.From, mv.Epoch, ErrConflict)
	}
	next, err = m.WithOwner(mv.Partition, mv.To, mv.Epoch)
	if err != nil {
		return nil, false, fmt.Errorf("flip partition %d to %s: %w", mv.Partition, mv.To, err)
	}
	return next, false, nil
}

// AnnouncedCell returns the record of a cell that announces itself, given the stored one (nil if there is none).
// What operators asked of the cell stays. The error is [ErrOtherDatabase] if the name is taken.
func AnnouncedCell(stored *Cell, name, databaseID string, weight int) (Cell, error) {
	cell := Cell{Name: name, DatabaseID: databaseID, Weight: weight}
	if err := cell.Validate(); err != nil {
		return Cell{}, err
	}
	if stored == nil {
		return cell, nil
	}
	if stored.DatabaseID != databaseID {
		return Cell{}, fmt.Errorf("cell %s is known with database %s, not %s: %w", name, stored.DatabaseID, databaseID, ErrOtherDatabase)
	}
	cell.Draining, cell.Removed = stored.Draining, stored.Removed
	return cell, nil
}

// WithDraining returns the record after an operator asked for a drain, or took it back: an undrain also takes
// back a removal.
func (c Cell) WithDraining(draining bool) Cell {
	c.Draining = draining
	c.Removed = c.Removed && draining
	return c
}

// WithRemoved returns the record after an operator asked for the cell to be forgotten.
func (c Cell) WithRemoved() Cell {
	c.Removed = true
	return c
}

// CheckCorrection says whether the map m may replace the stored one (nil if there is none): [ErrNotFound],
// [ErrConflict] if the stored one has not the epoch that the caller had read, or an error if m's epoch is not
// above it.
func CheckCorrection(stored *placement.Map, from placement.Epoch, m *placement.Map) error {
	if stored == nil {
		return fmt.Errorf("there is no map: %w", ErrNotFound)
	}
	if stored.Epoch() != from {
		return fmt.Errorf("the map has epoch %d: %w", stored.Epoch(), ErrConflict)
	}
	if m.Epoch() <= from {
		return fmt.Errorf("the new map has epoch %d: %w", m.Epoch(), placement.ErrEpoch)
	}
	return nil
}
