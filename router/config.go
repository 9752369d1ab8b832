package router

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/forward"
)

// ErrConfig: a field of [Config] cannot be; the message names it.
var ErrConfig = errors.New("invalid router configuration")

// Config is what a router needs and may be told. What was left at 0, "" or nil takes its default.
type Config struct {
	Registry   registry.Registry // required
	PublicAddr string            // of the public listener, host:port, port 0: any; default 127.0.0.1:8000
	AdminAddr  string            // of the admin listener; default 127.0.0.1:8001
	AdminToken string            // bearer token for what changes something; required where AdminAddr is not on loopback
	StateFile  string            // where the last view is kept; default: nowhere

	HoldBudget time.Duration // how long a request is held and repeated while its partition moves; default 2 s
	MaxHeld    int           // requests held at once, beyond which they are refused; default 1024
	InFlight   int           // requests in flight per cell, beyond which the cell is busy; default 512

	MaxBody        int64         // the longest request body, in bytes; default 1 MiB
	MaxAnswer      int64         // the longest answer that is passed on, in bytes; default 4 MiB
	MaxHeaderBytes int           // of a request, below the cells' own limit; default 32 KiB
	ReadHeader     time.Duration // for a request's head to arrive; default 5 s
	Read           time.Duration // for a whole request to arrive; default 15 s
	Write          time.Duration // from a request's head to the end of its answer; default 60 s
	Idle           time.Duration // how long an unused client connection is kept; default 120 s

	Dial            time.Duration  // for a connection to an instance; default 1 s
	Answer          time.Duration  // for an instance's whole answer; default 10 s
	UpstreamIdle    time.Duration  // how long an unused connection to an instance is kept; default 30 s
	IdlePerInstance int            // unused connections kept per instance; default 128
	BreakerFailures int            // failures in a row that open an instance's breaker; default 3
	BreakerPause    time.Duration  // how long an open breaker lets nothing through; default 250 ms
	AllowedNetworks []netip.Prefix // where instances may be; default forward.PrivateNetworks()

	SaveEvery    time.Duration // the least time between two savings of the view; default 1 s
	ConfirmEvery time.Duration // how often the map is read beside its watch; default 5 s
	ReadMap      time.Duration // the longest that one such reading may take; default 1 s

	AdminPatience     time.Duration // the longest that an admin request waits for the registry; default 2 s
	CustomersPatience time.Duration // the longest that it waits for a cell to count its customers; default 500 ms

	Grace    time.Duration // between the first sign of stopping and the closing of the listeners; default 200 ms
	Shutdown time.Duration // the longest that requests may take to end then; default 11 s

	SlowAfter time.Duration        // requests longer than this are logged; default 1 s
	Logger    *slog.Logger         // default: logs nothing
	Metrics   *prometheus.Registry // where metrics are registered and served from; default: one of its own
}

func (c Config) withDefaults() Config {
	c.PublicAddr, c.AdminAddr = or(c.PublicAddr, "127.0.0.1:8000"), or(c.AdminAddr, "127.0.0.1:8001")
	c.HoldBudget, c.MaxHeld, c.InFlight = or(c.HoldBudget, 2*time.Second), or(c.MaxHeld, 1024), or(c.InFlight, 512)
	c.MaxBody, c.MaxAnswer, c.MaxHeaderBytes = or(c.MaxBody, 1<<20), or(c.MaxAnswer, 4<<20), or(c.MaxHeaderBytes, 32<<10)
	c.ReadHeader, c.Read = or(c.ReadHeader, 5*time.Second), or(c.Read, 15*time.Second)
	c.Write, c.Idle = or(c.Write, time.Minute), or(c.Idle, 2*time.Minute)
	c.Dial, c.Answer = or(c.Dial, time.Second), or(c.Answer, 10*time.Second)
	c.UpstreamIdle, c.IdlePerInstance = or(c.UpstreamIdle, 30*time.Second), or(c.IdlePerInstance, 128)
	c.BreakerFailures, c.BreakerPause = or(c.BreakerFailures, 3), or(c.BreakerPause, 250*time.Millisecond)
	c.SaveEvery, c.ConfirmEvery, c.ReadMap = or(c.SaveEvery, time.Second), or(c.ConfirmEvery, 5*time.Second), or(c.ReadMap, time.Second)
	c.AdminPatience, c.CustomersPatience = or(c.AdminPatience, 2*time.Second), or(c.CustomersPatience, 500*time.Millisecond)
	c.Grace, c.Shutdown = or(c.Grace, 200*time.Millisecond), or(c.Shutdown, 11*time.Second)
	c.SlowAfter = or(c.SlowAfter, time.Second)
	if c.AllowedNetworks == nil {
		c.AllowedNetworks = forward.PrivateNetworks()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// Validate names the first field that cannot be.
func (c Config) Validate() error {
	if c.Registry == nil {
		return fmt.Errorf("%w: Registry is missing", ErrConfig)
	}
	if field := c.negative(); field != "" {
		return fmt.Errorf("%w: %s is negative", ErrConfig, field)
	}
	d := c.withDefaults()
	if _, _, err := net.SplitHostPort(d.PublicAddr); err != nil {
		return fmt.Errorf("%w: PublicAddr: %w", ErrConfig, err)
	}
	if _, _, err := net.SplitHostPort(d.AdminAddr); err != nil {
		return fmt.Errorf("%w: AdminAddr: %w", ErrConfig, err)
	}
	if d.AdminToken == "" && !onLoopback(d.AdminAddr) {
		return fmt.Errorf("%w: AdminToken is missing: the admin listener %s is not on loopback", ErrConfig, d.AdminAddr)
	}
	if longest := d.Read + d.HoldBudget + 2*d.Answer; d.Write < longest {
		return fmt.Errorf("%w: Write is %v: a request may take %v", ErrConfig, d.Write, longest)
	}
	return nil
}

// negative names the first number that is below 0; "" if none is.
func (c Config) negative() string {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"HoldBudget", int64(c.HoldBudget)},
		{"MaxHeld", int64(c.MaxHeld)},
		{"InFlight", int64(c.InFlight)},
		{"MaxBody", c.MaxBody},
		{"MaxAnswer", c.MaxAnswer},
		{"MaxHeaderBytes", int64(c.MaxHeaderBytes)},
		{"ReadHeader", int64(c.ReadHeader)},
		{"Read", int64(c.Read)},
		{"Write", int64(c.Write)},
		{"Idle", int64(c.Idle)},
		{"Dial", int64(c.Dial)},
		{"Answer", int64(c.Answer)},
		{"UpstreamIdle", int64(c.UpstreamIdle)},
		{"IdlePerInstance", int64(c.IdlePerInstance)},
		{"BreakerFailures", int64(c.BreakerFailures)},
		{"BreakerPause", int64(c.BreakerPause)},
		{"SaveEvery", int64(c.SaveEvery)},
		{"ConfirmEvery", int64(c.ConfirmEvery)},
		{"ReadMap", int64(c.ReadMap)},
		{"AdminPatience", int64(c.AdminPatience)},
		{"CustomersPatience", int64(c.CustomersPatience)},
		{"Grace", int64(c.Grace)},
		{"Shutdown", int64(c.Shutdown)},
		{"SlowAfter", int64(c.SlowAfter)},
	} {
		if f.value < 0 {
			return f.name
		}
	}
	return ""
}

// onLoopback says whether nobody outside this machine can reach the address. A name is not looked up: only
// localhost is known to be.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func or[T comparable](v, byDefault T) T {
	var zero T
	if v == zero {
		return byDefault
	}
	return v
}
