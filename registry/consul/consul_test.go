package consul_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/consul"
	"github.com/cellway/cellway/registry/registrytest"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.CheckLeaks()) }

// testConfig is quicker than the defaults, within what a Consul of the tests allows.
func testConfig(t *testing.T, address string) consul.Config {
	t.Helper()
	return consul.Config{
		Address: address, SessionTTL: 2 * time.Second, LockDelay: 100 * time.Millisecond,
		CheckTTL: 2 * time.Second, HTTPInterval: time.Second, RequestTimeout: 2 * time.Second,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func newClient(t *testing.T, cfg consul.Config) *consul.Registry {
	t.Helper()
	r, err := consul.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestConformance(t *testing.T) {
	t.Parallel()
	address := testenv.Consul(t)
	var stores atomic.Int64
	registrytest.Run(t, func(t *testing.T) registrytest.Factory {
		name := fmt.Sprintf("conformance-%d", stores.Add(1))
		return func(t *testing.T) registry.Registry {
			cfg := testConfig(t, address)
			cfg.Prefix, cfg.Service = name, name
			// Longer than the suite waits: no hand-over may be one by expiry, or cost the lock delay.
			cfg.SessionTTL, cfg.LockDelay = time.Minute, 30*time.Second
			return newClient(t, cfg)
		}
	})
}
