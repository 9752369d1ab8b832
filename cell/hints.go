package cell

import (
	"context"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	hintQueue   = 256
	hintWorkers = 4
	hintTimeout = 2 * time.Second
	hintEvery   = 200 * time.Millisecond // at most so often per partition
	claimEvery  = 50 * time.Millisecond  // the same where clients wait for step 9
)

// onRefused is told by the gate of every request that it refused for a partition's state. Requests come faster than
// states change, so it looks at each partition's row only now and then.
func (in *instance) onRefused(p placement.Partition, s protocol.State) {
	every := hintEvery
	if s == protocol.StateReady {
		every = claimEvery
	}
	now, last := time.Now().UnixNano(), in.hinted[p].Load()
	if now-last < int64(every) || !in.hinted[p].CompareAndSwap(last, now) {
		return
	}
	in.hint(p)
}

// hint has the partition's row looked at soon. A full queue drops it: what matters comes again.
func (in *instance) hint(p placement.Partition) {
	select {
	case in.hints <- p:
	default:
	}
}

func (in *instance) followHints(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-in.hints:
			if err := in.look(ctx, p); err != nil {
				in.log.DebugContext(ctx, "partition not looked at", "partition", p, "error", err)
			}
		}
	}
}

// look reads the row anew. Where it is ready, customers may be waiting for nothing but step 9.
func (in *instance) look(ctx context.Context, p placement.Partition) error {
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	row, err := in.refresh(ctx, p)
	if err != nil || row.State != protocol.StateReady {
		return err
	}
	return in.claim(ctx, row)
}
