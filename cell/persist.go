package cell

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	persistFirst = 100 * time.Millisecond
	persistMax   = 2 * time.Second
	persistLog   = 10 * time.Second // how often a wait says that it goes on
)

// persist repeats do, with growing pauses, until it succeeds, fails with something that does not pass, or ctx ends. It
// tells the log what is waited for.
func persist(ctx context.Context, log *slog.Logger, what string, passes func(error) bool, do func(ctx context.Context) error) error {
	var told time.Time
	began := time.Now()
	for pause := persistFirst; ; pause = min(2*pause, persistMax) {
		err := do(ctx)
		if err == nil || !passes(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(told) > persistLog {
			told = time.Now()
			log.WarnContext(ctx, "waiting", "for", what, "since", time.Since(began).Round(time.Second), "error", err)
		}
		if !rest(ctx, jitter(pause)) {
			return ctx.Err()
		}
	}
}

// rest pauses; false if ctx has ended.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// jitter spreads a pause by a tenth to both sides.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
