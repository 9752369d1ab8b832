package mover

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
)

// Mover is one process of the control plane. Several may run; one leads.
type Mover struct {
	cfg     Config
	metrics *metrics
	status  atomic.Pointer[Status]
	seen    uint64 // the highest leader's token that ended a term; used by one term after the other
}

// Status is what a mover says of itself.
type Status struct {
	Leading   bool   `json:"leading"` // else it stands by
	Token     uint64 `json:"token"`   // of its present, or last, term
	Problem   string `json:"problem,omitempty"`
	OpenMoves int    `json:"open_moves"` // begun and not ended
	Planned   int    `json:"planned"`    // not begun
}

// New returns a mover that does nothing until [Mover.Run]. The error is [ErrConfig], or that of registering
// metrics.
func New(cfg Config) (*Mover, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	metrics, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	m := &Mover{cfg: cfg, metrics: metrics}
	m.status.Store(&Status{})
	return m, nil
}

// Status returns what the mover is doing now. It takes no lock.
func (m *Mover) Status() Status { return *m.status.Load() }

// Run campaigns, and leads while elected, until ctx ends; then the lock is handed over and Run returns nil. A move
// under way stops where it is: the next leader goes on with it. Any other error than the hook's is met by
// campaigning again.
func (m *Mover) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := m.cfg.Registry.Lead(ctx, m.cfg.Name, func(ctx context.Context, term registry.Term) {
		if err := m.lead(ctx, term); err != nil {
			stop(err)
		}
	}, func(err error) {
		m.cfg.Logger.Warn("cannot campaign", slog.Any("error", err))
	})
	var hooked hookError
	if errors.As(context.Cause(ctx), &hooked) {
		return hooked
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// lead is one term. The error is the hook's alone.
func (m *Mover) lead(ctx context.Context, term registry.Term) error {
	log := m.cfg.Logger.With(slog.Uint64("term", term.Token))
	log.Info("leading")
	m.metrics.leading.Set(1)
	m.status.Store(&Status{Leading: true, Token: term.Token})
	defer func() {
		m.metrics.leading.Set(0)
		m.status.Store(&Status{Token: term.Token})
	}()
	t := newTerm(m.cfg, term, m.metrics, func(s Status) { m.status.Store(&s) })
	t.seenToken = m.seen
	err := t.run(ctx)
	if problem, ok := errors.AsType[*protocol.Problem](err); ok && problem.Row != nil {
		m.seen = max(m.seen, problem.Row.Token) // the next term begins above it
	}
	var hooked hookError
	switch {
	case errors.As(err, &hooked):
		return err
	case ctx.Err() != nil:
		log.Info("standing by")
	case err != nil:
		log.Warn("term is over", slog.Any("error", err))
		m.breathe(ctx)
	}
	return nil
}

// breathe keeps a term that ended at once from being followed by the next one at once. The next has a higher token.
func (m *Mover) breathe(ctx context.Context) {
	timer := time.NewTimer(growing(m.cfg.RetryPauseMax/2, m.cfg.RetryPauseMax/2, 1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
