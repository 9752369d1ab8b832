package gate

import (
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// ErrLapsed: the lease was over before the states had been read.
var ErrLapsed = errors.New("the lease lapsed while the states were read")

// lease is the right to admit requests, by the monotonic clock. The zero value has lapsed.
type lease struct {
	generation uint64
	until      time.Time
}

func (l *lease) valid(now time.Time) bool { return now.Before(l.until) }

// Renew prolongs the lease. False if it has lapsed: then only [Gate.Acquire] helps. Renew and Acquire are for one
// goroutine.
func (g *Gate) Renew(until time.Time) bool {
	held := g.lease.Load()
	if !held.valid(time.Now()) {
		return false
	}
	g.lease.Store(&lease{generation: held.generation, until: until})
	return true
}

// Acquire begins a new generation of the lease, which was taken in the database just now, up to the given time: it
// forgets every state, calls read for all rows, applies them, and then admits. read is called after the lease was
// taken, so no close is missed. The partitions that something newer happened to in between are returned: their rows
// have to be read again.
func (g *Gate) Acquire(until time.Time, read func() ([]protocol.Row, error)) ([]placement.Partition, error) {
	for i := range g.doors {
		g.doors[i].forget()
	}
	load := g.BeginFullLoad()
	rows, err := read()
	if err != nil {
		return nil, fmt.Errorf("read states under the new lease: %w", err)
	}
	if len(rows) != len(g.doors) {
		return nil, fmt.Errorf("read states under the new lease: %d rows of %d", len(rows), len(g.doors))
	}
	passed := g.ApplyAll(load, rows)
	if !time.Now().Before(until) {
		return nil, ErrLapsed
	}
	g.lease.Store(&lease{generation: g.lease.Load().generation + 1, until: until})
	return passed, nil
}

// Lapse ends the lease now.
func (g *Gate) Lapse() {
	g.lease.Store(&lease{generation: g.lease.Load().generation})
}

// Remaining is for how long requests are still admitted; 0 without a lease.
func (g *Gate) Remaining() time.Duration { return max(0, time.Until(g.lease.Load().until)) }

// holds says whether the lease that a request was admitted under has not lapsed since.
func (g *Gate) holds(admitted *lease) bool {
	now := g.lease.Load()
	return now.generation == admitted.generation && now.valid(time.Now())
}
