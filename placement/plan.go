package placement

import (
	"fmt"
	"slices"
	"strings"
)

// Move is one partition that shall change its owner.
type Move struct {
	Partition Partition
	From      string // "" if nobody owns it yet
	To        string
}

// Plan turns a map into its target.
type Plan struct {
	// Moves in the order in which to carry them out: neighbours have different sources and targets as far as
	// possible, so that moves that run side by side work on different cells.
	Moves []Move
	// Quotas is how many partitions each member shall own; 0 for one that drains.
	Quotas map[string]int
	// Ideal is the least number of moves with which every cell can own the floor or the ceiling of its share:
	// no plan can do with fewer.
	Ideal int
	// MapEpoch is the epoch of the map that was planned from.
	MapEpoch Epoch
}

// MakePlan returns the shortest list of moves after which every member owns its quota. The members must be all
// the known cells, in any order: an owner in the map that is missing from them is [ErrUnknownOwner]. If all of
// them drain while something is owned, it is [ErrNoCells]. Same map and members: same plan.
func MakePlan(m *Map, members []Member) (Plan, error) {
	seats, err := takeSeats(m, members)
	if err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	setQuotas(seats, m.Partitions())
	plan := Plan{Quotas: make(map[string]int, len(seats)), MapEpoch: m.epoch}
	var active []string
	for _, s := range seats {
		plan.Quotas[s.Name] = s.quota
		if !s.Draining {
			active = append(active, s.Name)
		}
	}
	if len(active) == 0 {
		if len(m.cells) > 0 {
			return Plan{}, fmt.Errorf("plan: %w: all %d cells drain, %d own partitions", ErrNoCells, len(seats), len(m.cells))
		}
		return plan, nil
	}
	plan.Ideal = idealMoves(seats, m.Partitions())
	if !needsMoves(seats) { // the common case: spare it the ring
		return plan, nil
	}
	ring, err := NewRing(active, m.Partitions())
	if err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	plan.Moves = newMatching(m, seats, ring).moves()
	return plan, nil
}

// FirstMap returns the map of a new cluster: the plan from an empty map, carried out; every partition and the
// map itself at epoch 1.
func FirstMap(partitions int, members []Member) (*Map, error) {
	empty, err := NewMap(partitions)
	if err != nil {
		return nil, fmt.Errorf("make first map: %w", err)
	}
	plan, err := MakePlan(empty, members)
	if err != nil {
		return nil, fmt.Errorf("make first map: %w", err)
	}
	if len(plan.Moves) == 0 {
		return nil, fmt.Errorf("make first map: %w", ErrNoCells)
	}
	first, err := empty.withOwners(plan.Moves, 1)
	if err != nil {
		return nil, fmt.Errorf("make first map: %w", err)
	}
	return first, nil
}

// takeSeats seats the members by name, with what they own.
func takeSeats(m *Map, members []Member) ([]seat, error) {
	sorted, err := sortedMembers(members)
	if err != nil {
		return nil, err
	}
	seats := make([]seat, len(sorted))
	for i, member := range sorted {
		seats[i].Member = member
	}
	for i, cell := range m.cells {
		at, ok := findSeat(seats, cell)
		if !ok {
			return nil, fmt.Errorf("%w: %s owns %d partitions", ErrUnknownOwner, cell, m.counts[i])
		}
		seats[at].owned = m.counts[i]
	}
	return seats, nil
}

func findSeat(seats []seat, cell string) (int, bool) {
	return slices.BinarySearchFunc(seats, cell, func(s seat, name string) int { return strings.Compare(s.Name, name) })
}

func needsMoves(seats []seat) bool {
	return slices.ContainsFunc(seats, func(s seat) bool { return s.owned != s.quota })
}
