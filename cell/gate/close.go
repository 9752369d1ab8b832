package gate

import (
	"context"
	"time"

	"github.com/cellway/cellway/placement"
)

// CloseWrites refuses writes to the partition until openAt, when the door opens by itself.
func (g *Gate) CloseWrites(p placement.Partition, openAt time.Time) {
	d := &g.doors[p]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version++
	d.writesUntil, d.fencedSince = openAt, false
}

// Open forgets a close for writes. A fenced partition stays closed.
func (g *Gate) Open(p placement.Partition) {
	d := &g.doors[p]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writesUntil, d.fencedSince = time.Time{}, false
	d.tell()
}

// WaitWrites waits until no write to the partition is inside. If ctx ends before, or the door has opened meanwhile,
// it returns false and names those that are.
func (g *Gate) WaitWrites(ctx context.Context, p placement.Partition) (inFlight []string, ok bool) {
	d := &g.doors[p]
	ended := d.wait(ctx, true)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if ended && now.Before(d.writesUntil) {
		return nil, true
	}
	return d.writes.names(now), false
}

// CloseReads refuses reads of, and writes to, the partition, for the fencing of the given number. Rows that somebody
// began to read before are void from now on. A later number stays if there is one.
func (g *Gate) CloseReads(p placement.Partition, fenceNo int64) {
	d := &g.doors[p]
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version++
	d.readsFor = max(d.readsFor, fenceNo)
}

// WaitReads waits until no read of the partition is inside. If ctx ends before, it returns false and names those
// that are.
func (g *Gate) WaitReads(ctx context.Context, p placement.Partition) (inFlight []string, ok bool) {
	d := &g.doors[p]
	if d.wait(ctx, false) {
		return nil, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reads.names(time.Now()), false
}
