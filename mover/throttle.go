package mover

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

const (
	measureEvery    = time.Second
	measurePatience = time.Second // for one instance's answer; one that does not give it is taken for well
	// enoughWrites: of fewer, one slow request would make a percentile.
	enoughWrites = 10
	strainPause  = 2 * time.Second // the first pause of a source whose writes suffer; grows twofold, with jitter
	strainMax    = 30 * time.Second
)

// strain is what is known of how a source's writes fare. The zero value is a source that is well.
type strain struct {
	writes time.Duration // nine of ten take no longer
	over   int           // how many measurements in a row were above the limit
	until  time.Time     // no further move begins before
}

// next is the strain after a measurement. While a pause lasts nothing is measured: the next measurement tells what
// the pause has done.
func (s strain) next(l protocol.Latency, limit time.Duration, now time.Time) strain {
	writes := time.Duration(l.P90MS * float64(time.Millisecond))
	if s.until.After(now) {
		return s
	}
	if l.Writes < enoughWrites || writes <= limit {
		return strain{}
	}
	over := s.over + 1
	return strain{writes: writes, over: over, until: now.Add(growing(strainPause, strainMax, over))}
}

// wait says why no further move begins from the source, "" if one may. A limit that was raised meanwhile counts at
// once. After the pause it waits for the next measurement, which is due.
func (s strain) wait(cell string, limit time.Duration, now time.Time) string {
	if s.over == 0 || s.writes <= limit || now.After(s.until.Add(2*measureEvery+measurePatience)) {
		return ""
	}
	return fmt.Sprintf("moves from %s wait: its writes take %d ms, the limit is %d ms", cell, s.writes.Milliseconds(), limit.Milliseconds())
}

// measure asks the sources of planned moves how their writes fare, all instances of each.
func (t *term) measure(ctx context.Context) {
	now := time.Now()
	if t.measuring || now.Sub(t.measured) < measureEvery {
		return
	}
	addrs := map[string][]string{}
	for _, mv := range t.queue.planned {
		if _, listed := addrs[mv.From]; !listed && !t.strains[mv.From].until.After(now) {
			addrs[mv.From] = t.book.serving(mv.From)
		}
	}
	if len(addrs) == 0 {
		return
	}
	t.measuring, t.measured = true, now
	cells := t.cfg.Cells
	t.workers.Go(func() { t.felt <- latencies(ctx, cells, addrs) }) // has room for the one
}

// latencies asks all at once; of a cell the worst instance counts.
func latencies(ctx context.Context, cells Cells, addrs map[string][]string) map[string]protocol.Latency {
	ctx, cancel := context.WithTimeout(ctx, measurePatience)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	worst := map[string]protocol.Latency{}
	for cell, list := range addrs {
		for _, addr := range list {
			asked.Go(func() {
				l, err := cells.Latency(ctx, addr)
				if err != nil {
					return // health is told elsewhere; a cell of an earlier version cannot say
				}
				mu.Lock()
				defer mu.Unlock()
				if l.Writes >= enoughWrites && l.P90MS >= worst[cell].P90MS {
					worst[cell] = l
				}
			})
		}
	}
	asked.Wait()
	return worst
}

// feel takes in what the sources said.
func (t *term) feel(measured map[string]protocol.Latency) {
	t.measuring = false
	limit, now := t.cfg.paced(t.pace).MaxWriteLatency, time.Now()
	strains := map[string]strain{}
	for cell, s := range t.strains {
		if s.until.After(now) {
			strains[cell] = s
		}
	}
	for cell, l := range measured {
		strains[cell] = t.strains[cell].next(l, limit, now)
	}
	t.strains = strains
}
