package mover

import (
	"math/rand/v2"
	"time"
)

// growing returns the pause after the n-th failure (from 1): first, doubled n-1 times, at most limit, and a
// quarter more or less by chance, so that what failed together does not come back together.
func growing(first, limit time.Duration, n int) time.Duration {
	pause := first
	for i := 1; i < n && pause < limit; i++ {
		pause *= 2
	}
	pause = min(pause, limit)
	return pause*3/4 + rand.N(pause/2+1)
}
