package registry

import (
	"context"
	"slices"
	"time"

	"github.com/cellway/cellway/placement"
)

// Orders is what operators ask of the leader beside what they ask of a cell: one book, kept in the registry, so that
// whoever leads obeys it. Operators write into it; the leader takes out what is over.
type Orders interface {
	// Orders returns the book; the zero value if nothing is asked for.
	Orders(ctx context.Context) (OrderBook, error)
	// ChangeOrders stores what change makes of the book, again from the start if somebody else was faster, and
	// returns it. An error of change is returned, and nothing is stored. change only computes: it must not call the registry.
	ChangeOrders(ctx context.Context, change func(OrderBook) (OrderBook, error)) (OrderBook, error)
	// PutOrders is the leader's: it stores the book if the registry's still has b.Version, and returns it with its new
	// one. ErrConflict, ErrNotLeader.
	PutOrders(ctx context.Context, term Term, b OrderBook) (OrderBook, error)
}

// Word is who asked for something, and when.
type Word struct {
	Who   string    `json:"who"`
	Since time.Time `json:"since"`
}

// OrderBook is all that operators have asked for and that is not over.
type OrderBook struct {
	// Pause: no move begins. Those that have begun go on to their end.
	Pause *Word `json:"pause,omitempty"`
	// Cancels are the moves to be taken back, where that is still possible.
	Cancels []Cancel `json:"cancels,omitempty"`
	// Hold is what the planner leaves where it is.
	Hold *Hold `json:"hold,omitempty"`
	// Reverse is a rebalance to be made backwards.
	Reverse *Reverse `json:"reverse,omitempty"`

	// Version is the implementation's compare-and-set token of the book, 0 while there is none; not stored in it.
	Version uint64 `json:"-"`
}

// Cancel asks for one move to be taken back.
type Cancel struct {
	Word
	Move      string              `json:"move"` // its ID
	Partition placement.Partition `json:"partition"`
	From      string              `json:"from"` // where the partition is, if the move can be taken back
}

// Hold keeps partitions where they are until the cells change or an operator asks for a rebalance.
type Hold struct {
	Word
	Everything bool                  `json:"everything,omitempty"` // else only the partitions
	Undo       bool                  `json:"undo,omitempty"`       // moves that have begun are taken back, where that is possible
	Partitions []placement.Partition `json:"partitions,omitempty"`
	Cells      []Cell                `json:"cells"` // as they were known when it was asked for
}

// Reverse asks for the moves that lead back to where a rebalance began.
type Reverse struct {
	Word
	Rebalance string `json:"rebalance"` // the one that is reversed
	Legs      []Leg  `json:"legs"`
}

// Leg is partitions that go the same way.
type Leg struct {
	From       string                `json:"from"`
	To         string                `json:"to"`
	Partitions []placement.Partition `json:"partitions"`
}

// Empty says whether nothing is asked for.
func (b OrderBook) Empty() bool {
	return b.Pause == nil && len(b.Cancels) == 0 && b.Hold == nil && b.Reverse == nil
}

// Over says whether the cells have changed since the hold was asked for: one is new, or has another weight, or was
// asked to go or to stay. The cells must have been read after the hold.
func (h *Hold) Over(cells []Cell) bool {
	return slices.ContainsFunc(cells, func(c Cell) bool { return !slices.Contains(h.Cells, c) })
}

// Keeps says whether the partition stays where it is. A hold that is nil keeps none.
func (h *Hold) Keeps(p placement.Partition) bool {
	return h != nil && (h.Everything || slices.Contains(h.Partitions, p))
}

// KeepsAll says whether every partition stays where it is.
func (h *Hold) KeepsAll() bool { return h != nil && h.Everything }
