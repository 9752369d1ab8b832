package explore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cellway/cellway/internal/protocol"
)

// ErrUnexhausted: there are more states within the bounds than MaxStates allows.
var ErrUnexhausted = errors.New("not exhausted")

// firstWrites are in both tables from the beginning: the first two numbers.
const firstWrites = tables

// explorer walks breadth first, so that the way to what it finds is the shortest.
type explorer struct {
	Bounds
	rows   *rows
	orders []order // by number, from 1
	byID   map[order]uint16

	states []state
	index  map[state]uint32
	parent []uint32
	label  []uint8
	labels []string
	byName map[string]uint8
	calm   []edge

	at    uint32 // the state that is being left
	steps int
	seen  map[string]int
	found error
}

type edge struct{ from, to uint32 }

// Explore walks through every state within the bounds. The error is the first violation, with the way to it.
func Explore(b Bounds, decide Decide) (Result, error) {
	x := &explorer{
		Bounds: b, rows: newRows(decide), orders: make([]order, 1), byID: map[order]uint16{},
		index: map[state]uint32{}, byName: map[string]uint8{}, seen: map[string]int{},
	}
	first := x.first()
	x.reach(&first, "begin", false)
	for ; int(x.at) < len(x.states) && x.found == nil; x.at++ {
		s := x.states[x.at]
		x.must(&s)
		x.lead(&s)
		x.happen(&s)
		if x.rows.broken != nil {
			x.fail(&s, "%w", x.rows.broken)
		}
		if len(x.states) > b.MaxStates {
			return x.result(), fmt.Errorf("%s: %w: %d states", b.Name, ErrUnexhausted, len(x.states))
		}
	}
	if x.found == nil {
		x.everyStateHasAWayToAnEnd()
	}
	return x.result(), x.found
}

// first: cell 0 owns, and has a row in both tables.
func (x *explorer) first() state {
	s := state{begun: 1, written: firstWrites, shown: 1<<firstWrites - 1}
	for t := range tables {
		s.truth[t] = uint8(t + 1)
	}
	s.data[0].value = s.truth
	s.rows[0] = x.rows.id(protocol.Row{State: protocol.StateOwned, Epoch: firstEpoch, HighEpoch: firstEpoch})
	none := x.rows.id(protocol.Row{State: protocol.StateAbsent})
	s.rows[1], s.rows[2] = none, none
	return s
}

// number gives an order its number.
func (x *explorer) number(o order) uint16 {
	n, ok := x.byID[o]
	if !ok {
		n = uint16(len(x.orders))
		x.byID[o], x.orders = n, append(x.orders, o)
	}
	return n
}

// reach adds a state that the present one leads to. Calm steps are those of a time when nothing goes wrong.
func (x *explorer) reach(next *state, how string, calm bool) {
	x.steps++
	x.seen[how]++
	n, ok := x.index[*next]
	if !ok {
		n = uint32(len(x.states))
		x.index[*next] = n
		x.states, x.parent, x.label = append(x.states, *next), append(x.parent, x.at), append(x.label, x.named(how))
	}
	if calm && n != x.at {
		x.calm = append(x.calm, edge{x.at, n})
	}
}

func (x *explorer) named(how string) uint8 {
	n, ok := x.byName[how]
	if !ok {
		n = uint8(len(x.labels))
		x.byName[how], x.labels = n, append(x.labels, how)
	}
	return n
}

// fail keeps the first violation, with the way to it.
func (x *explorer) fail(s *state, format string, args ...any) {
	if x.found != nil {
		return
	}
	x.found = fmt.Errorf("%s: %w\n%s", x.Name, fmt.Errorf(format, args...), x.way(x.at, s))
}

// way tells how a state was come to.
func (x *explorer) way(at uint32, s *state) string {
	var steps []string
	for n := at; n != 0; n = x.parent[n] {
		steps = append(steps, x.labels[x.label[n]])
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "%3d %s\n", len(steps)-i, steps[i])
	}
	for cell := range x.Cells {
		fmt.Fprintf(&b, "cell %d: %+v %+v\n", cell, *x.rows.row(s.rows[cell]), s.data[cell])
	}
	fmt.Fprintf(&b, "journal %+v, leaders %+v, written %d\n", s.journal, s.leaders[:s.begun], s.written)
	return b.String()
}

func (x *explorer) result() Result {
	r := Result{States: len(x.states), Steps: x.steps, Seen: x.seen}
	for i := range x.states {
		switch j := x.states[i].journal; {
		case int(j.move) == x.Moves && j.stage == moveDone:
			r.Done++
		case int(j.move) == x.Moves && j.stage == moveUndone:
			r.Undone++
		}
	}
	return r
}
