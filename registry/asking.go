package registry

import (
	"slices"

	"github.com/cellway/cellway/placement"
)

// What operators ask changes the book in these ways. Cells are the known ones; a hold lasts until they change.

// Cancelling returns the book in which the move is to be taken back, and its partition to stay where it is then.
func (b OrderBook) Cancelling(w Word, mv Move, cells []Cell) OrderBook {
	if b.Hold != nil && b.Hold.Over(cells) {
		b = b.Released()
	}
	hold := Hold{Word: w, Cells: cells}
	if b.Hold != nil {
		hold = *b.Hold
	}
	if !hold.Keeps(mv.Partition) {
		hold.Partitions = append(slices.Clone(hold.Partitions), mv.Partition)
	}
	b.Hold = &hold
	if b.Reverse != nil {
		r := *b.Reverse
		r.Legs = slices.Clone(r.Legs)
		for i := range r.Legs {
			r.Legs[i].Partitions = slices.DeleteFunc(slices.Clone(r.Legs[i].Partitions), func(p placement.Partition) bool { return p == mv.Partition })
		}
		b.Reverse = &r
	}
	if !slices.ContainsFunc(b.Cancels, func(c Cancel) bool { return c.Move == mv.ID }) {
		b.Cancels = append(slices.Clone(b.Cancels), Cancel{Word: w, Move: mv.ID, Partition: mv.Partition, From: mv.From})
	}
	return b
}

// Stopping returns the book in which every move that has begun is to be taken back, where that is possible, and
// nothing else to begin.
func (b OrderBook) Stopping(w Word, cells []Cell) OrderBook {
	b.Hold, b.Reverse = &Hold{Word: w, Everything: true, Undo: true, Cells: cells}, nil
	return b
}

// Reversing returns the book in which the legs are to be moved, and everything to stay where it is afterwards.
func (b OrderBook) Reversing(w Word, rebalance string, legs []Leg, cells []Cell) OrderBook {
	b.Hold = &Hold{Word: w, Everything: true, Cells: cells}
	b.Reverse = &Reverse{Word: w, Rebalance: rebalance, Legs: legs}
	return b
}

// Released returns the book without what keeps the planner from its work: hold and reverse.
func (b OrderBook) Released() OrderBook {
	b.Hold, b.Reverse = nil, nil
	return b
}
