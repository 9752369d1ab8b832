package placement

import (
	"fmt"
	"slices"
)

// Ownership is who owns a partition, and since which epoch; the zero value: nobody.
type Ownership struct {
	Cell  string
	Epoch Epoch
}

// MapOf returns the map of these owners, by partition, at the given epoch: a map whose history is not known. The
// error is [ErrPartitionCount], [ErrCellName], [ErrMembers], or [ErrEpoch] for an owner without an epoch, or with one
// above the map's.
func MapOf(epoch Epoch, owners []Ownership) (*Map, error) {
	m, err := NewMap(len(owners))
	if err != nil {
		return nil, err
	}
	m.epoch = epoch
	counts := map[string]int{}
	for p, o := range owners {
		if o == (Ownership{}) {
			continue
		}
		if err := ValidateCellName(o.Cell); err != nil {
			return nil, fmt.Errorf("owner of partition %d: %w", p, err)
		}
		if o.Epoch == 0 || o.Epoch > epoch {
			return nil, fmt.Errorf("%w: partition %d has %d, the map %d", ErrEpoch, p, o.Epoch, epoch)
		}
		counts[o.Cell]++
	}
	if len(counts) > MaxCells {
		return nil, fmt.Errorf("%w: %d cells, at most %d", ErrMembers, len(counts), MaxCells)
	}
	for cell := range counts {
		m.cells = append(m.cells, cell)
	}
	slices.Sort(m.cells)
	m.counts = make([]int, len(m.cells))
	for i, cell := range m.cells {
		m.counts[i] = counts[cell]
	}
	for p, o := range owners {
		if at, ok := slices.BinarySearch(m.cells, o.Cell); ok {
			m.owners[p], m.epochs[p] = uint16(at+1), o.Epoch
			m.highest = max(m.highest, o.Epoch)
		}
	}
	return m, nil
}
