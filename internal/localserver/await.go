package localserver

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is how often a starting server is asked whether it is ready.
const pollEvery = 50 * time.Millisecond

// awaitReady asks until probe succeeds. It gives up when the process ends, when ctx is done, or after limit.
func awaitReady(ctx context.Context, p *Process, limit time.Duration, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%s ended while it started: %s", p.spec.Name, p.End())
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %v: %w", p.spec.Name, limit, err)
		case <-tick.C:
		}
	}
}
