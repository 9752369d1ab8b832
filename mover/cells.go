package mover

import (
	"context"
	"slices"
	"strings"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// Cells is what the mover asks of the cells' internal listeners: a [*protocol.Client]. addr is host:port of one
// instance of the cell; every instance can carry out every command, because the truth is in the cell's database.
type Cells interface {
	// Do sends a command about one partition. An answer other than success is a [*protocol.Problem]; any other
	// error means that nothing is known of what was done.
	Do(ctx context.Context, addr string, p placement.Partition, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error)
	// Rows reads every partition's row.
	Rows(ctx context.Context, addr string) ([]protocol.Row, error)
	// Latency says how long writes take at one instance.
	Latency(ctx context.Context, addr string) (protocol.Latency, error)
	// Assign gives the cell its share of the first map.
	Assign(ctx context.Context, addr string, a protocol.Assignment) error
}

// vanishedKept is how many instances that are no longer registered are remembered for each cell: the registry may
// have lost them while they serve.
const vanishedKept = 4

// addressBook knows where the instances of every cell listen, those that have vanished from the registry included.
// It is the loop's own; moves get a copy of the addresses that concern them.
type addressBook map[string][]listing

type listing struct {
	id, addr   string
	healthy    bool
	registered bool
}

// update returns the book after a look at the registry.
func (b addressBook) update(list []registry.Instance) addressBook {
	next := addressBook{}
	seen := map[string]bool{}
	for _, in := range list {
		seen[in.Internal] = true
		next[in.Cell] = append(next[in.Cell], listing{id: in.ID, addr: in.Internal, healthy: in.Healthy, registered: true})
	}
	for cell, was := range b {
		kept := 0
		for _, l := range was {
			if kept == vanishedKept || seen[l.addr] {
				continue
			}
			kept++
			next[cell] = append(next[cell], listing{id: l.id, addr: l.addr})
		}
	}
	for _, listings := range next {
		slices.SortStableFunc(listings, func(x, y listing) int {
			return strings.Compare(x.order(), y.order())
		})
	}
	return next
}

// order: healthy ones first, then registered ones, then those that were, the last to vanish first (by place).
func (l listing) order() string {
	switch {
	case l.healthy:
		return "0" + l.id
	case l.registered:
		return "1" + l.id
	}
	return "2"
}

// addresses lists where the cell may be reached, the most likely first.
func (b addressBook) addresses(cell string) []string {
	addrs := make([]string, 0, len(b[cell]))
	for _, l := range b[cell] {
		addrs = append(addrs, l.addr)
	}
	return addrs
}

// serving lists the instances that pass their checks.
func (b addressBook) serving(cell string) []string {
	var addrs []string
	for _, l := range b[cell] {
		if l.healthy {
			addrs = append(addrs, l.addr)
		}
	}
	return addrs
}

// healthy says whether the cell has an instance that passes its checks.
func (b addressBook) healthy(cell string) bool {
	return slices.ContainsFunc(b[cell], func(l listing) bool { return l.healthy })
}
