package forward

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is what a Client may be told. What was left at 0 takes its default.
type Config struct {
	Dial        time.Duration // the longest that a connection may take; default 1 s
	Answer      time.Duration // the longest from the request to the end of its answer; default 10 s
	Idle        time.Duration // how long an unused connection is kept; below the cells' own limit; default 30 s
	IdlePerHost int           // unused connections kept per instance; default 128
	InFlight    int           // requests in flight per cell, beyond which it is busy; default 512
	MaxAnswer   int64         // the longest answer that is passed on, in bytes; default 4 MiB

	BreakerFailures int           // failed dials and timeouts in a row that open an instance's breaker; default 3
	BreakerPause    time.Duration // how long it is not tried then, but for one request at a time after; default 1 s

	// AllowedNetworks are where instances may be. Default: loopback and the private ranges 10/8, 172.16/12,
	// 192.168/16 and fc00::/7. Link-local addresses are refused whatever is allowed.
	AllowedNetworks []netip.Prefix

	Logger *slog.Logger // default: logs nothing
	// BreakerOpened is told of a cell whose instance is not tried for a while. Default: nobody is.
	BreakerOpened func(cell string)
}

func (c Config) withDefaults() Config {
	c.Dial = or(c.Dial, time.Second)
	c.Answer = or(c.Answer, 10*time.Second)
	c.Idle = or(c.Idle, 30*time.Second)
	c.IdlePerHost = or(c.IdlePerHost, 128)
	c.InFlight = or(c.InFlight, 512)
	c.MaxAnswer = or(c.MaxAnswer, 4<<20)
	c.BreakerFailures = or(c.BreakerFailures, 3)
	c.BreakerPause = or(c.BreakerPause, time.Second)
	if c.AllowedNetworks == nil {
		c.AllowedNetworks = PrivateNetworks()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.BreakerOpened == nil {
		c.BreakerOpened = func(string) {}
	}
	return c
}

func or[T comparable](v, byDefault T) T {
	var zero T
	if v == zero {
		return byDefault
	}
	return v
}
