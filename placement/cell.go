package placement

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// MaxCells is the largest number of cells in one cluster.
	MaxCells = 2048
	// MaxWeight is the largest weight of a cell.
	MaxWeight = 1 << 20

	maxCellName = 31 // bytes; what leaves room for a suffix in a Postgres identifier of 63
)

// Member is a cell as the planner sees it.
type Member struct {
	Name string
	// Weight is the cell's capacity relative to the others, 1 to [MaxWeight].
	Weight int
	// Draining: the cell shall own nothing. It still counts as known.
	Draining bool
}

// ValidateCellName accepts what matches [a-z][a-z0-9-]{0,30}.
func ValidateCellName(name string) error {
	if name == "" || len(name) > maxCellName {
		return fmt.Errorf("%w: %.40q must have 1 to %d characters", ErrCellName, name, maxCellName)
	}
	if name[0] < 'a' || name[0] > 'z' {
		return fmt.Errorf("%w: %q must begin with a letter from a to z", ErrCellName, name)
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("%w: %q may hold only a to z, 0 to 9 and dashes", ErrCellName, name)
		}
	}
	return nil
}

// SchemaName returns the Postgres schema of a cell: cell_a for cell-a. Two cells never share one, because a
// cell's name has no underscore.
func SchemaName(cell string) string { return strings.ReplaceAll(cell, "-", "_") }

// sortedMembers returns the members by name, after checking them.
func sortedMembers(members []Member) ([]Member, error) {
	if len(members) > MaxCells {
		return nil, fmt.Errorf("%w: %d cells, at most %d", ErrMembers, len(members), MaxCells)
	}
	sorted := slices.SortedFunc(slices.Values(members), func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	for i, m := range sorted {
		if err := ValidateCellName(m.Name); err != nil {
			return nil, err
		}
		if m.Weight < 1 || m.Weight > MaxWeight {
			return nil, fmt.Errorf("%w: weight of %s is %d, must be 1 to %d", ErrMembers, m.Name, m.Weight, MaxWeight)
		}
		if i > 0 && sorted[i-1].Name == m.Name {
			return nil, fmt.Errorf("%w: %s is listed twice", ErrMembers, m.Name)
		}
	}
	return sorted, nil
}
