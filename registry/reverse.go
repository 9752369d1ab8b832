package registry

import (
	"cmp"
	"slices"

	"github.com/cellway/cellway/placement"
)

// Left lists the moves that are left to be made, given the map as it will be when every open move has ended.
// Partitions that belong to neither of the two cells by now are left alone.
func (r *Reverse) Left(m *placement.Map) []placement.Move {
	var moves []placement.Move
	for _, leg := range r.Legs {
		for _, p := range leg.Partitions {
			if owner, _ := m.Owner(p); owner == leg.From {
				moves = append(moves, placement.Move{Partition: p, From: leg.From, To: leg.To})
			}
		}
	}
	return moves
}

// Alone is a partition that a reversal leaves alone: it has moved on since.
type Alone struct {
	Partition placement.Partition `json:"partition"`
	Target    string              `json:"target"`  // where the rebalance had moved it
	CellID    string              `json:"cell_id"` // where it is now
}

// Backwards returns the way back of the moves of one rebalance that were done, from where the map has them now. Both lists are
// in the order of partitions; a partition that moved more than once goes back to where it was first.
func Backwards(moves []Move, m *placement.Map) (legs []Leg, alone []Alone) {
	type way struct{ first, last Move }
	ways := map[placement.Partition]way{}
	for _, mv := range moves {
		if mv.State != MoveDone {
			continue
		}
		w, ok := ways[mv.Partition]
		if !ok || mv.Epoch < w.first.Epoch {
			w.first = mv
		}
		if !ok || mv.Epoch > w.last.Epoch {
			w.last = mv
		}
		ways[mv.Partition] = w
	}
	back := map[[2]string][]placement.Partition{}
	for p, w := range ways {
		owner, _ := m.Owner(p)
		switch {
		case owner == w.first.From:
		case owner != w.last.To:
			alone = append(alone, Alone{Partition: p, Target: w.last.To, CellID: owner})
		default:
			pair := [2]string{w.last.To, w.first.From}
			back[pair] = append(back[pair], p)
		}
	}
	for pair, partitions := range back {
		slices.Sort(partitions)
		legs = append(legs, Leg{From: pair[0], To: pair[1], Partitions: partitions})
	}
	slices.SortFunc(legs, func(a, b Leg) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	slices.SortFunc(alone, func(a, b Alone) int { return cmp.Compare(a.Partition, b.Partition) })
	return legs, alone
}
