package consul

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// Registry is the registry in a Consul. It is safe for concurrent use.
type Registry struct {
	cfg       Config
	keys      keys
	client    *api.Client
	transport *http.Transport
	log       *slog.Logger
	ledger    *ledger
	garbage   *garbageLog
	trim      trimmer
}

var _ registry.Registry = (*Registry)(nil)

// New returns the registry in the Consul at cfg.Address. It does not talk to Consul yet. The error names what
// is wrong in cfg.
func New(cfg Config) (*Registry, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("consul registry: %w", err)
	}
	cfg = cfg.withDefaults()

	conf := api.DefaultConfig()
	conf.Address, conf.Scheme = cfg.Address, "http"
	if cfg.Token != "" {
		conf.Token = cfg.Token
	}
	// Consul is near; a dial that takes longer than a request may take is a failed one.
	transport := conf.Transport
	transport.ResponseHeaderTimeout = 0 // blocking queries answer late; every request has a context instead
	transport.MaxIdleConnsPerHost = 8
	client, err := api.NewClient(conf)
	if err != nil {
		return nil, fmt.Errorf("consul registry at %s: %w", cfg.Address, err)
	}
	return &Registry{
		cfg:       cfg,
		keys:      keys{prefix: cfg.Prefix},
		client:    client,
		transport: transport,
		log:       cfg.Logger,
		ledger:    newLedger(),
		garbage:   newGarbageLog(cfg.Logger),
		trim:      trimmer{every: trimEvery, keep: historyKeep},
	}, nil
}

// Close drops idle connections. Calls that are under way end with their contexts.
func (r *Registry) Close() { r.transport.CloseIdleConnections() }

// bounded returns ctx with the bound of one ordinary request.
func (r *Registry) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.cfg.RequestTimeout)
}

// parting returns a context for the last words of something that ends because ctx has ended.
func (r *Registry) parting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), min(r.cfg.RequestTimeout, partingBound))
}

// partingBound is what a process that was asked to stop may spend on a Consul that does not answer.
const partingBound = 3 * time.Second

func read(ctx context.Context) *api.QueryOptions { return (&api.QueryOptions{}).WithContext(ctx) }

func write(ctx context.Context) *api.WriteOptions { return (&api.WriteOptions{}).WithContext(ctx) }
