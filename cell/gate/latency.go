package gate

import (
	"math"
	"sync"
	"time"
)

const (
	// Latencies are counted in slots of slotTime, of which the last latencySlots count: between three and a half
	// and four seconds, enough for a percentile and short enough to show what a pause has done.
	slotTime     = 500 * time.Millisecond
	latencySlots = 8
	// Each bucket reaches a fifth further than the one before; the first to a quarter of a millisecond, the last to
	// about a minute, and everything beyond.
	latencyBuckets = 72
	firstBucket    = 250 * time.Microsecond
	bucketGrowth   = 1.19
)

// latencies is how long the writes of the last seconds took. Its memory is the same, however many there are.
type latencies struct {
	mu    sync.Mutex
	slots [latencySlots]latencySlot
}

type latencySlot struct {
	time   int64 // the slot's number since the epoch
	counts [latencyBuckets]uint32
}

// record counts a write that ended now.
func (l *latencies) record(now time.Time, took time.Duration) {
	n := now.UnixNano() / int64(slotTime)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.slots[n%latencySlots]
	if s.time != n {
		*s = latencySlot{time: n}
	}
	s.counts[bucketOf(took)]++
}

// p90 returns how many writes ended lately, and what nine of ten took at most: no less, and a fifth more at worst.
func (l *latencies) p90(now time.Time) (writes int, p90 time.Duration) {
	n := now.UnixNano() / int64(slotTime)
	var counts [latencyBuckets]int
	l.mu.Lock()
	for i := range l.slots {
		if s := &l.slots[i]; s.time > n-latencySlots && s.time <= n {
			for b, c := range s.counts {
				counts[b] += int(c)
				writes += int(c)
			}
		}
	}
	l.mu.Unlock()
	if writes == 0 {
		return 0, 0
	}
	left := (writes*9 + 9) / 10
	for b, c := range counts {
		if left -= c; left <= 0 {
			return writes, bucketEnd(b)
		}
	}
	return writes, bucketEnd(latencyBuckets - 1)
}

func bucketOf(took time.Duration) int {
	if took <= firstBucket {
		return 0
	}
	b := int(math.Ceil(math.Log(float64(took)/float64(firstBucket)) / math.Log(bucketGrowth)))
	return min(b, latencyBuckets-1)
}

func bucketEnd(b int) time.Duration {
	return time.Duration(float64(firstBucket) * math.Pow(bucketGrowth, float64(b)))
}

// WriteLatency is how many admitted writes have ended in the last four seconds, and what nine of ten of them took at
// most, from their admission until the application was done with them.
func (g *Gate) WriteLatency(now time.Time) (writes int, p90 time.Duration) { return g.took.p90(now) }
