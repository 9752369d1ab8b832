package forward

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// What an attempt means to a breaker. Anything else is a success: the instance answered, or broke off, at once.
var (
	errFailed  = errors.New("no connection, or no answer in time")
	errNothing = errors.New("says nothing of the instance")
)

const maxBreakers = 8192 // instances remembered; far above what is alive at once

// breakers has a circuit breaker for each instance. One opens after some failures in a row; after a pause it lets
// one request through at a time, and closes when one is answered.
type breakers struct {
	failures uint32
	pause    time.Duration
	logger   *slog.Logger
	opened   func(cell string)

	mu sync.RWMutex
	by map[string]*gobreaker.TwoStepCircuitBreaker[struct{}] // by address
}

// of returns the breaker of an instance.
func (b *breakers) of(cell, address string) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	b.mu.RLock()
	cb := b.by[address]
	b.mu.RUnlock()
	if cb != nil {
		return cb
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if cb = b.by[address]; cb != nil {
		return cb
	}
	if b.by == nil || len(b.by) >= maxBreakers {
		b.by = map[string]*gobreaker.TwoStepCircuitBreaker[struct{}]{} // of the dead, mostly
	}
	cb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        address,
		Timeout:     b.pause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= b.failures },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNothing) },
		OnStateChange: func(address string, from, to gobreaker.State) {
			b.logger.Warn("circuit breaker", slog.String("cell", cell), slog.String("address", address),
				slog.String("from", from.String()), slog.String("to", to.String()))
			if to == gobreaker.StateOpen {
				b.opened(cell)
			}
		},
	})
	b.by[address] = cb
	return cb
}
