package view

import (
	"context"
	"log/slog"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// Source is the part of a registry.Registry that a view is made from.
type Source interface {
	Cluster(ctx context.Context) (registry.Cluster, error)
	Map(ctx context.Context) (*placement.Map, error)
	WatchMap(ctx context.Context, fn func(*placement.Map), onError func(error)) error
	WatchInstances(ctx context.Context, fn func([]registry.Instance), onError func(error)) error
}

// Config is what a Keeper needs and may be told. What was left at 0 takes its default.
type Config struct {
	Registry Source        // required
	File     string        // where the view is saved; "": nowhere
	Save     time.Duration // the least time between two savings; default 1 s
	Confirm  time.Duration // how often the map is read beside its watch; default 5 s
	Read     time.Duration // the longest that one reading of the map may take; default 1 s
	Logger   *slog.Logger  // default: logs nothing
}

func (c Config) withDefaults() Config {
	if c.Save == 0 {
		c.Save = time.Second
	}
	if c.Confirm == 0 {
		c.Confirm = 5 * time.Second
	}
	if c.Read == 0 {
		c.Read = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
