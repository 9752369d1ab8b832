package gate

import (
	"context"
	"time"
)

// linger keeps a request for a little at a door that is closed for a move: mostly that door opens within some
// milliseconds, or says who has the customer now, and whoever is sent away learns it only by coming again. It is not
// inside meanwhile: nobody waits for it, and it is judged anew, under the lease of that moment, whenever the door
// changes. Where too many linger already, and when its time is over, it is refused as it would have been.
func (g *Gate) linger(ctx context.Context, v *visit, seen sight, changed <-chan struct{}) (verdict, sight, *refusal) {
	answer := fenced
	if g.cfg.Linger <= 0 {
		return answer, seen, nil
	}
	select {
	case g.lingering <- struct{}{}:
		defer func() { <-g.lingering }()
	default:
		return answer, seen, nil
	}
	timer := time.NewTimer(g.cfg.Linger)
	defer timer.Stop()
	for answer == fenced {
		select {
		case <-changed:
		case <-timer.C:
			return answer, seen, nil
		case <-ctx.Done():
			return answer, seen, nil
		}
		v.since, v.lease = time.Now(), g.lease.Load()
		if re := g.closed(v); re != nil {
			return answer, seen, re
		}
		answer, seen, changed = v.door.enter(&v.flight)
	}
	return answer, seen, nil
}

// tell wakes those who linger. The caller holds mu.
func (d *door) tell() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}
