package consul

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is a growing, jittered pause between attempts. The zero value is not ready; see newBackoff.
type backoff struct {
	first, most time.Duration
	next        time.Duration
}

// newBackoff pauses for 100 ms first and for 2 s at most: a Consul that is back is noticed within two seconds.
func newBackoff() *backoff { return &backoff{first: 100 * time.Millisecond, most: 2 * time.Second} }

// pause returns the next pause: between half and all of a bound that doubles.
func (b *backoff) pause() time.Duration {
	b.next = min(max(2*b.next, b.first), b.most)
	return b.next/2 + rand.N(b.next/2+1)
}

func (b *backoff) reset() { b.next = 0 }

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
