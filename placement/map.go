package placement

import (
	"fmt"
	"maps"
	"slices"
)

// Map is the assignment of partitions to cells: it decides who owns what. A Map never changes; a change makes
// a new one. So it may be shared between goroutines and read without a lock.
type Map struct {
	epoch   Epoch
	highest Epoch    // of any partition
	cells   []string // those that own a partition, sorted
	counts  []int    // partitions of cells[i], each >= 1
	owners  []uint16 // by partition: 1 + index into cells, or 0 for unassigned
	epochs  []Epoch  // by partition: of the last change of owner; 0 exactly where unassigned
}

// NewMap returns a map of that many partitions (see [ValidatePartitionCount]), all unassigned, at epoch 0.
func NewMap(partitions int) (*Map, error) {
	if err := ValidatePartitionCount(partitions); err != nil {
		return nil, err
	}
	return &Map{owners: make([]uint16, partitions), epochs: make([]Epoch, partitions)}, nil
}

// Epoch returns the map's epoch. It rises with every change and is never below a partition's.
func (m *Map) Epoch() Epoch { return m.epoch }

// HighestEpoch returns the highest epoch of any partition; 0 if all are unassigned.
func (m *Map) HighestEpoch() Epoch { return m.highest }

// Partitions returns the partition count.
func (m *Map) Partitions() int { return len(m.owners) }

// Owner returns the cell that owns p and the epoch since which it does; "" and 0 if nobody owns it, or if
// there is no such partition. It allocates nothing and takes no lock.
func (m *Map) Owner(p Partition) (cell string, epoch Epoch) {
	if uint(p) >= uint(len(m.owners)) { // a negative p is a huge uint
		return "", 0
	}
	i := m.owners[p]
	if i == 0 {
		return "", 0
	}
	return m.cells[i-1], m.epochs[p]
}

// Cells returns the cells that own at least one partition, sorted.
func (m *Map) Cells() []string { return slices.Clone(m.cells) }

// Counts returns how many partitions each owning cell has.
func (m *Map) Counts() map[string]int {
	counts := make(map[string]int, len(m.cells))
	for i, cell := range m.cells {
		counts[cell] = m.counts[i]
	}
	return counts
}

// Owned returns the partitions of a cell in ascending order.
func (m *Map) Owned(cell string) []Partition {
	at, ok := slices.BinarySearch(m.cells, cell)
	if !ok {
		return nil
	}
	owned := make([]Partition, 0, m.counts[at])
	for p, i := range m.owners {
		if int(i) == at+1 {
			owned = append(owned, Partition(p))
		}
	}
	return owned
}

// WithOwner returns a copy in which cell owns p since epoch. The copy's epoch is one higher, or the given one
// if that is higher still. The error is [ErrEpoch] unless epoch is above the partition's present one (the
// owner may stay the same), [ErrNoPartition] or [ErrCellName] for what the map cannot hold.
func (m *Map) WithOwner(p Partition, cell string, epoch Epoch) (*Map, error) {
	if uint(p) >= uint(len(m.owners)) {
		return nil, fmt.Errorf("set owner of partition %d to %s: %w: the map has %d", p, cell, ErrNoPartition, len(m.owners))
	}
	if err := ValidateCellName(cell); err != nil {
		return nil, fmt.Errorf("set owner of partition %d: %w", p, err)
	}
	if epoch <= m.epochs[p] {
		return nil, fmt.Errorf("set owner of partition %d to %s: %w: %d, the map has %d", p, cell, ErrEpoch, epoch, m.epochs[p])
	}
	changed, err := m.withOwners([]Move{{Partition: p, To: cell}}, epoch)
	if err != nil {
		return nil, fmt.Errorf("set owner of partition %d to %s: %w", p, cell, err)
	}
	return changed, nil
}

// withOwners returns a copy in which every partition of the moves has its new owner since epoch. The caller has
// checked partitions (each at most once), names and epoch.
func (m *Map) withOwners(moves []Move, epoch Epoch) (*Map, error) {
	counts := m.Counts()
	for _, mv := range moves {
		if old, _ := m.Owner(mv.Partition); old != "" {
			counts[old]--
		}
		counts[mv.To]++
	}
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
	if len(counts) > MaxCells {
		return nil, fmt.Errorf("%w: %d cells, at most %d", ErrMembers, len(counts), MaxCells)
	}

	next := &Map{
		epoch:   max(m.epoch+1, epoch),
		highest: max(m.highest, epoch),
		cells:   slices.Sorted(maps.Keys(counts)),
		epochs:  slices.Clone(m.epochs),
	}
	index := make(map[string]uint16, len(next.cells)) // cell -> 1 + its place
	next.counts = make([]int, len(next.cells))
	for i, cell := range next.cells {
		next.counts[i] = counts[cell]
		index[cell] = uint16(i + 1)
	}
	next.owners = m.renumbered(index)
	for _, mv := range moves {
		next.owners[mv.Partition], next.epochs[mv.Partition] = index[mv.To], epoch
	}
	return next, nil
}

// renumbered returns the owners as numbers of another index; a cell that the index lacks becomes 0.
func (m *Map) renumbered(index map[string]uint16) []uint16 {
	table := make([]uint16, len(m.cells)+1)
	same := true
	for i, cell := range m.cells {
		table[i+1] = index[cell]
		same = same && int(index[cell]) == i+1
	}
	owners := slices.Clone(m.owners)
	if same {
		return owners
	}
	for p, i := range owners {
		owners[p] = table[i]
	}
	return owners
}
