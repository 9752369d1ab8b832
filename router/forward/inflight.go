package forward

import (
	"sync"
	"sync/atomic"
)

// inFlight bounds the requests that each cell has in flight, so that a frozen cell cannot use up the router.
type inFlight struct {
	limit int64
	cells sync.Map // cell -> *atomic.Int64
}

// enter counts a request in; false if the cell has its fill.
func (f *inFlight) enter(cell string) (leave func(), ok bool) {
	v, found := f.cells.Load(cell)
	if !found {
		v, _ = f.cells.LoadOrStore(cell, new(atomic.Int64))
	}
	n, _ := v.(*atomic.Int64)
	if n.Add(1) > f.limit {
		n.Add(-1)
		return nil, false
	}
	return func() { n.Add(-1) }, true
}

// count returns the cell's requests in flight.
func (f *inFlight) count(cell string) int64 {
	v, found := f.cells.Load(cell)
	if !found {
		return 0
	}
	n, _ := v.(*atomic.Int64)
	return n.Load()
}
