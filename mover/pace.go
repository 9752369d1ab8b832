package mover

import (
	"log/slog"

	"github.com/cellway/cellway/registry"
)

// paced is the configuration with what operators asked for in its place.
func (c Config) paced(p registry.Pace) Config {
	c.Parallel = orInt(p.Parallel, c.Parallel)
	c.PerSource = orInt(p.PerSource, c.PerSource)
	c.PerTarget = orInt(p.PerTarget, c.PerTarget)
	c.MaxWriteLatency = orDuration(p.MaxWriteLatency, c.MaxWriteLatency)
	return c
}

// setPace takes up what the registry says. Moves that have begun go on.
func (t *term) setPace(p registry.Pace) {
	if p == t.pace {
		return
	}
	now := t.cfg.paced(p)
	t.pace = p
	t.log.Info("pace", slog.Int("parallel", now.Parallel), slog.Int("per_source", now.PerSource),
		slog.Int("per_target", now.PerTarget), slog.Duration("max_write_latency", now.MaxWriteLatency))
}
