package admin

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/route"
)

// View is what this router routes by.
type View interface {
	Table() *route.Table
	Age() (time.Duration, bool)
	Problem() error
	// Offer takes in a map that was just read.
	Offer(ctx context.Context, m *placement.Map)
}

// Config is what the admin listener needs. Everything but Token and Metrics is required.
type Config struct {
	Registry registry.Registry
	View     View
	// Fetch gets something small (at most limit bytes) from an instance.
	Fetch             func(ctx context.Context, address, path string, limit int64) ([]byte, error)
	Token             string        // bearer token for POST and DELETE; "": none is asked for
	Loopback          bool          // nobody outside this machine can reach the listener
	Patience          time.Duration // the longest that an answer waits for the registry
	CustomersPatience time.Duration // the longest that it waits for cells to count their customers
	Metrics           prometheus.Gatherer
	Logger            *slog.Logger
	Stopping          func() bool // the router is about to end
}
