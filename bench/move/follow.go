package main

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cellway/cellway/placement"
)

// followEvery is several times while a move copies, before it makes anybody wait.
const followEvery = 25 * time.Millisecond

// follower knows the customers of the partitions that are moving now: a write every two seconds to each partition, as a
// constant rate over all has it, would meet few of the pauses.
type follower struct {
	admin   func(ctx context.Context, path string, out any) error
	members map[placement.Partition][]int // numbers of customers
	open    atomic.Pointer[[]placement.Partition]
}

func newFollower(admin func(ctx context.Context, path string, out any) error, customers, partitions int) *follower {
	f := &follower{admin: admin, members: map[placement.Partition][]int{}}
	for n := range customers {
		p := placement.PartitionOf(customerID(n), partitions)
		f.members[p] = append(f.members[p], n)
	}
	return f
}

// run asks for the open moves until ctx ends. One that could not be had is asked for again at the next tick.
func (f *follower) run(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var journal struct{ Moves []move }
		if err := f.admin(ctx, "/admin/moves?state=open&limit=32", &journal); err != nil {
			continue
		}
		var open []placement.Partition
		for _, mv := range journal.Moves {
			open = append(open, placement.Partition(mv.Partition))
		}
		f.open.Store(&open)
	}
}

// customer is one of those that are moving now; false if there is none.
func (f *follower) customer() (int, bool) {
	open := f.open.Load()
	if open == nil || len(*open) == 0 {
		return 0, false
	}
	members := f.members[(*open)[rand.IntN(len(*open))]]
	if len(members) == 0 {
		return 0, false
	}
	return members[rand.IntN(len(members))], true
}
