package admin

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cellway/cellway/placement"
)

// rings keeps the last ring that was built: building one takes long, and the cells seldom change.
type rings struct {
	mu   sync.Mutex
	of   string
	ring *placement.Ring
}

// owner returns the cell that the ring over the cells proposes for p; "" if there is no ring over them.
func (r *rings) owner(cells []string, partitions int, p placement.Partition) string {
	sorted := slices.Sorted(slices.Values(cells))
	of := fmt.Sprint(partitions, sorted)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of != of {
		ring, err := placement.NewRing(sorted, partitions)
		if err != nil {
			return ""
		}
		r.of, r.ring = of, ring
	}
	return r.ring.Owner(p)
}
