package placement

import (
	"cmp"
	"slices"
	"strings"
)

// seat is one member in the planner's arithmetic.
type seat struct {
	Member
	owned   int // partitions in the map now
	floor   int // of its exact share, partitions * weight / all weights; 0 if draining
	ceiling int // of its exact share: floor or floor+1
	rest    int // of that division: orders the claims to a ceiling
	quota   int // what it shall own: floor or ceiling
}

// setQuotas gives every seat its quota. Quotas add up to the partitions, unless nobody may own any.
func setQuotas(seats []seat, partitions int) {
	weights := 0
	for _, s := range seats {
		if !s.Draining {
			weights += s.Weight
		}
	}
	if weights == 0 {
		return
	}
	left := partitions
	var claims []*seat // to one of the partitions that the floors leave over
	for i := range seats {
		s := &seats[i]
		if s.Draining {
			continue
		}
		share := partitions * s.Weight
		s.floor, s.rest = share/weights, share%weights
		s.ceiling, s.quota = s.floor, s.floor
		left -= s.floor
		if s.rest > 0 {
			s.ceiling++
			claims = append(claims, s)
		}
	}
	slices.SortFunc(claims, compareClaims)
	for _, s := range claims[:left] {
		s.quota = s.ceiling
	}
}

// compareClaims puts those first that own more than their floor already: what they keep need not move. Plain
// largest remainder, without that, is many moves off the minimum when there are many cells.
func compareClaims(a, b *seat) int {
	aOver, bOver := a.owned > a.floor, b.owned > b.floor
	if aOver != bOver {
		if aOver {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.rest, a.rest), strings.Compare(a.Name, b.Name))
}

// idealMoves is the least number of moves with which every cell can own the floor or the ceiling of its share:
// what is missing to the floors must arrive, and what lies above the ceilings, or with nobody, must leave.
// It is computed from the shares alone, without a look at the plan, so that a plan can be held against it.
func idealMoves(seats []seat, partitions int) int {
	arrive, leave, owned := 0, 0, 0
	for _, s := range seats {
		arrive += max(0, s.floor-s.owned)
		leave += max(0, s.owned-s.ceiling)
		owned += s.owned
	}
	return max(arrive, leave+partitions-owned)
}
