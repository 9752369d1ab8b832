package placement

import (
	"cmp"
	"slices"
)

// journey is a move in the planner's arithmetic: places in seats instead of names.
type journey struct {
	partition, from, to int
	at                  uint64 // its position in a list of length 1, as a fraction of 2^32
}

// ordered lists the moves so that sources and targets alternate: each source's moves are spread evenly over the
// whole list, and each of its targets evenly over the source's moves. So moves that run side by side work on
// different cells, and every cell fills or empties at an even pace.
func (x *matching) ordered() []Move {
	var list []journey
	for p, to := range x.target {
		if to != nobody {
			list = append(list, journey{partition: p, from: x.owner[p], to: to})
		}
	}

	spread(list, func(j journey) [2]int { return [2]int{j.from, j.to} })
	// Sources begin with different targets, else all of them would fill the same target at the same time.
	turn := func(j journey) int { return (j.to - j.from + len(x.seats)) % len(x.seats) }
	slices.SortFunc(list, func(a, b journey) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.at, b.at), cmp.Compare(turn(a), turn(b)))
	})

	spread(list, func(j journey) [2]int { return [2]int{j.from} })
	slices.SortFunc(list, func(a, b journey) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.from, b.from))
	})

	moves := make([]Move, len(list))
	for i, j := range list {
		moves[i] = Move{Partition: Partition(j.partition), To: x.seats[j.to].Name}
		if j.from != nobody {
			moves[i].From = x.seats[j.from].Name
		}
	}
	return moves
}

// spread gives the journeys of each group, in their present order, evenly spaced positions.
func spread(list []journey, group func(journey) [2]int) {
	sizes := make(map[[2]int]uint64)
	for _, j := range list {
		sizes[group(j)]++
	}
	seen := make(map[[2]int]uint64, len(sizes))
	for i, j := range list {
		g := group(j)
		list[i].at = (2*seen[g] + 1) << 31 / sizes[g]
		seen[g]++
	}
}
