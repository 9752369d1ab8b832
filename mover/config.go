package mover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/registry"
)

// ErrConfig: a field of [Config] cannot be; the message names it.
var ErrConfig = errors.New("invalid mover configuration")

// Config is what a mover needs and may be told. Durations and numbers left at 0 take their default.
type Config struct {
	Registry registry.Registry // required
	Cells    Cells             // required: the cells' internal listeners; a *protocol.Client
	Name     string            // required: under which it campaigns; unique among movers

	InitialCells int           // cells that must have settled before the first map is made; default 3
	Settle       time.Duration // how long a cell must be healthy without interruption before it counts; default 3 s
	RebuildWait  time.Duration // how long the rebuilding of a lost map waits for cells that may own something; default 30 s
	Poll         time.Duration // how often the registry is asked what operators want; default 500 ms

	Parallel  int // moves carried out at once; default 4
	PerSource int // of these, from one cell; default 3
	PerTarget int // of these, to one cell; default 3
	// MaxWriteLatency: no further move begins from a cell of whose writes more than a tenth take longer; default 1 s:
	// half of what a router holds a request for, and far above what is normal, so that an application that is slow by
	// nature can be drained without anybody's help. It and the three above give way to the registry's Pace.
	MaxWriteLatency time.Duration

	Drain         time.Duration // how long a closed gate waits for writes in flight before it opens again; default 500 ms
	FenceDeadline time.Duration // after this a fenced source opens by itself; default 1 s
	StepTimeout   time.Duration // the longest that one command to a cell, or one registry write, may take; default 10 s

	CopyTimeout time.Duration // the same for those that work on all rows of a partition; default 10 min

	RetryPause    time.Duration // the first pause after a failure; grows twofold, with jitter; default 50 ms
	RetryPauseMax time.Duration // the longest pause of a move that goes on; default 2 s
	GiveUpAfter   time.Duration // a move that has not reached step 8 this long after its first failure is undone; default 30 s
	ReportAfter   int           // closings that met writes in flight before the journal says which; default 5
	Rest          time.Duration // the first rest of a partition whose move was undone; grows twofold, with jitter; default 1 s
	RestMax       time.Duration // the longest such rest; default 2 min

	Logger  *slog.Logger          // default: logs nothing
	Metrics prometheus.Registerer // default: registers nowhere
	// Hook is called between steps, for tests that stop the mover at a named point: an error ends Run with it.
	// Default: none.
	Hook func(ctx context.Context, at Point) error
}

// withDefaults fills in what was left at 0.
func (c Config) withDefaults() Config {
	c.InitialCells = orInt(c.InitialCells, 3)
	c.Settle = orDuration(c.Settle, 3*time.Second)
	c.RebuildWait = orDuration(c.RebuildWait, 30*time.Second)
	c.Poll = orDuration(c.Poll, 500*time.Millisecond)
	c.Parallel = orInt(c.Parallel, 4)
	c.PerSource = orInt(c.PerSource, 3)
	c.PerTarget = orInt(c.PerTarget, 3)
	c.MaxWriteLatency = orDuration(c.MaxWriteLatency, time.Second)
	c.Drain = orDuration(c.Drain, 500*time.Millisecond)
	c.FenceDeadline = orDuration(c.FenceDeadline, time.Second)
	c.StepTimeout = orDuration(c.StepTimeout, 10*time.Second)
	c.CopyTimeout = orDuration(c.CopyTimeout, 10*time.Minute)
	c.RetryPause = orDuration(c.RetryPause, 50*time.Millisecond)
	c.RetryPauseMax = orDuration(c.RetryPauseMax, 2*time.Second)
	c.GiveUpAfter = orDuration(c.GiveUpAfter, 30*time.Second)
	c.ReportAfter = orInt(c.ReportAfter, 5)
	c.Rest = orDuration(c.Rest, time.Second)
	c.RestMax = orDuration(c.RestMax, 2*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Hook == nil {
		c.Hook = func(context.Context, Point) error { return nil }
	}
	return c
}

// Validate names the first field that cannot be.
func (c Config) Validate() error {
	switch {
	case c.Registry == nil:
		return fmt.Errorf("%w: Registry is missing", ErrConfig)
	case c.Cells == nil:
		return fmt.Errorf("%w: Cells is missing", ErrConfig)
	case c.Name == "":
		return fmt.Errorf("%w: Name is empty", ErrConfig)
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"InitialCells", int64(c.InitialCells)},
		{"Settle", int64(c.Settle)},
		{"RebuildWait", int64(c.RebuildWait)},
		{"Poll", int64(c.Poll)},
		{"Parallel", int64(c.Parallel)},
		{"PerSource", int64(c.PerSource)},
		{"PerTarget", int64(c.PerTarget)},
		{"MaxWriteLatency", int64(c.MaxWriteLatency)},
		{"Drain", int64(c.Drain)},
		{"FenceDeadline", int64(c.FenceDeadline)},
		{"StepTimeout", int64(c.StepTimeout)},
		{"CopyTimeout", int64(c.CopyTimeout)},
		{"RetryPause", int64(c.RetryPause)},
		{"RetryPauseMax", int64(c.RetryPauseMax)},
		{"GiveUpAfter", int64(c.GiveUpAfter)},
		{"ReportAfter", int64(c.ReportAfter)},
		{"Rest", int64(c.Rest)},
		{"RestMax", int64(c.RestMax)},
	} {
		if f.value < 0 {
			return fmt.Errorf("%w: %s is negative", ErrConfig, f.name)
		}
	}
	return nil
}

func orInt(v, byDefault int) int {
	if v == 0 {
		return byDefault
	}
	return v
}

func orDuration(v, byDefault time.Duration) time.Duration {
	if v == 0 {
		return byDefault
	}
	return v
}
