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

	spread(list, func(j journey) int { return j.from*len(x.seats) + j.to })
	slices.SortFunc(list, func(a, b journey) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.at, b.at), cmp.Compare(a.to, b.to))
	})

	spread(list, func(j journey) int { return j.from })
	slices.SortFunc(list, func(a, b journey) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.from, b.from))
	})
	separateTargets(list)

	moves := make([]Move, len(list))
	for i, j := range list {
		moves[i] = Move{Partition: Partition(j.partition), To: x.seats[j.to].Name}
		if j.from != nobody {
			moves[i].From = x.seats[j.from].Name
		}
	}
	return moves
}

// separateTargets exchanges journeys of the same source where one would have the target of one just before it.
// It looks only a little ahead, so that it stays fast and no target falls far behind its pace.
func separateTargets(list []journey) {
	const before, ahead = 3, 64
	for i := range list {
		recent := list[max(0, i-before):i]
		taken := func(j journey) bool {
			return slices.ContainsFunc(recent, func(r journey) bool { return r.to == j.to })
		}
		if !taken(list[i]) {
			continue
		}
		for j := i + 1; j < min(i+ahead, len(list)); j++ {
			if list[j].from == list[i].from && !taken(list[j]) {
				list[i], list[j] = list[j], list[i]
				break
			}
		}
	}
}

// spread gives the journeys of each group, in their present order, evenly spaced positions.
func spread(list []journey, group func(journey) int) {
	sizes := make(map[int]uint64)
	for _, j := range list {
		sizes[group(j)]++
	}
	seen := make(map[int]uint64, len(sizes))
	for i, j := range list {
		g := group(j)
		list[i].at = (2*seen[g] + 1) << 31 / sizes[g]
		seen[g]++
	}
}
