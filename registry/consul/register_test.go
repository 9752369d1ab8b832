package consul_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/consul"
)

func healthy() registry.Health { return registry.Health{OK: true, Output: "serving 1366 partitions"} }

// listening is an instance at the address of a listener that answers everything.
func listening(t *testing.T, id string) registry.Instance {
	t.Helper()
	return instanceAt(t, id, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

func instanceAt(t *testing.T, id string, handler http.Handler) registry.Instance {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return registry.Instance{
		ID: id, Cell: "cell-a", Address: strings.TrimPrefix(server.URL, "http://"), Internal: "127.0.0.1:7001",
		Schema: "cell_a", Version: "1.2.3", Weight: 2, Partitions: 4096, ClusterID: "cluster", DatabaseID: "database",
	}
}

// awaitInstance waits until the only instance is as it should be.
func awaitInstance(t *testing.T, r *consul.Registry, what string, holds func(registry.Instance) bool) registry.Instance {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var list []registry.Instance
	for {
		var err error
		if list, err = r.Instances(t.Context()); err == nil && len(list) == 1 && holds(list[0]) {
			return list[0]
		}
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: the instance %s; now %+v, error %v", patience, what, list, err)
		case <-tick.C:
		}
	}
}

func isHealthy(in registry.Instance) bool { return in.Healthy }

// TestRegistration runs what does no harm to Consul on one agent, each under a name of its own.
func TestRegistration(t *testing.T) {
	t.Parallel()
	address := testenv.Consul(t)
	for name, run := range map[string]func(*testing.T, consul.Config){
		"what consul shows":                        whatConsulShows,
		"it comes back after the agent lost it":    comesBack,
		"a silent process is sick, not gone":       silentProcess,
		"an instance that does not answer is sick": mute,
		"garbage hides no instance":                garbage,
	} {
		cfg := testConfig(t, address)
		cfg.Service = strings.ReplaceAll(name[:5], " ", "-")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, cfg)
		})
	}
}

func whatConsulShows(t *testing.T, cfg consul.Config) {
	cfg.Service = "" // the default
	address := cfg.Address
	r := newClient(t, cfg)
	in := listening(t, "cell-a-1")
	background(t, func(ctx context.Context) error { return r.Register(ctx, in, healthy) })
	awaitInstance(t, r, "is healthy", isHealthy)

	client := agent(t, address)
	services, err := client.Agent().Services()
	if err != nil {
		t.Fatal(err)
	}
	service := services["cell-a-1"]
	if service == nil || service.Service != "cellway-cell" || len(service.Tags) != 1 || service.Tags[0] != "cell-a" || service.EnableTagOverride {
		t.Fatalf("service %+v", service)
	}
	for key, want := range map[string]string{
		"id": "cell-a-1", "cell": "cell-a", "schema": "cell_a", "weight": "2", "version": "1.2.3",
		"partitions": "4096", "cluster_id": "cluster", "database_id": "database", "internal": "127.0.0.1:7001",
	} {
		if service.Meta[key] != want {
			t.Errorf("meta %s is %q, want %q", key, service.Meta[key], want)
		}
	}
	checks, err := client.Agent().Checks()
	if err != nil {
		t.Fatal(err)
	}
	alive, answers := checks["cell-a-1:alive"], checks["cell-a-1:health"]
	if alive == nil || alive.Name != "cell-a process alive" || alive.Output != "serving 1366 partitions" || alive.Type != "ttl" {
		t.Errorf("check that covers a dead process: %+v", alive)
	}
	if answers == nil || answers.Name != "cell-a answers /health (database ping included)" || answers.Type != "http" {
		t.Errorf("check of /health: %+v", answers)
	}
}

func comesBack(t *testing.T, cfg consul.Config) {
	r := newClient(t, cfg)
	in := listening(t, "cell-a-lost")
	background(t, func(ctx context.Context) error { return r.Register(ctx, in, healthy) })
	awaitInstance(t, r, "is healthy", isHealthy)
	if err := agent(t, cfg.Address).Agent().ServiceDeregister(in.ID); err != nil {
		t.Fatal(err)
	}
	if list, err := r.Instances(t.Context()); err != nil || len(list) != 0 {
		t.Logf("registered again already: %+v, error %v", list, err)
	}
	in.Healthy = true
	if got := awaitInstance(t, r, "is healthy again", isHealthy); got != in {
		t.Errorf("instance %+v, want %+v", got, in)
	}
}

func silentProcess(t *testing.T, cfg consul.Config) {
	cfg.CheckTTL = time.Second
	r := newClient(t, cfg)
	silent := make(chan struct{})
	beats := 0
	in := listening(t, "cell-a-silent")
	background(t, func(ctx context.Context) error {
		return r.Register(ctx, in, func() registry.Health {
			if beats++; beats > 3 {
				select {
				case <-silent:
				case <-ctx.Done():
				}
			}
			return healthy()
		})
	})
	got := awaitInstance(t, r, "is sick, because its TTL expired", func(in registry.Instance) bool {
		return !in.Healthy && strings.Contains(in.Output, "TTL expired")
	})
	if got.Address != in.Address {
		t.Errorf("address %s, want %s still", got.Address, in.Address)
	}
	close(silent)
	awaitInstance(t, r, "is healthy again", isHealthy)
}

func mute(t *testing.T, cfg consul.Config) {
	var broken atomic.Bool
	r := newClient(t, cfg)
	in := instanceAt(t, "cell-a-mute", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" || broken.Load() {
			http.Error(w, "database out of reach", http.StatusServiceUnavailable)
		}
	}))
	background(t, func(ctx context.Context) error { return r.Register(ctx, in, healthy) })
	awaitInstance(t, r, "is healthy", isHealthy)
	broken.Store(true)
	awaitInstance(t, r, "is sick, in the words of /health", func(in registry.Instance) bool {
		return !in.Healthy && strings.Contains(in.Output, "database out of reach")
	})
}

func TestRegistrationOutlivesConsulsRestart(t *testing.T) {
	t.Parallel()
	server := testenv.ConsulServer(t)
	r := newClient(t, testConfig(t, server.Addr))
	in := listening(t, "cell-a-1")
	background(t, func(ctx context.Context) error { return r.Register(ctx, in, healthy) })
	awaitInstance(t, r, "is healthy", isHealthy)
	server.Restart()
	awaitInstance(t, r, "is healthy again", isHealthy)
}

func garbage(t *testing.T, cfg consul.Config) {
	r := newClient(t, cfg)
	in := listening(t, "cell-a-good")
	background(t, func(ctx context.Context) error { return r.Register(ctx, in, healthy) })
	consulAgent := agent(t, cfg.Address).Agent()
	for _, garbage := range []*api.AgentServiceRegistration{
		{ID: "no-meta", Name: cfg.Service, Address: "127.0.0.1", Port: 1},
		{ID: "nowhere", Name: cfg.Service, Address: "a b", Port: 1, Meta: map[string]string{"cell": "cell-a", "weight": "1", "partitions": "16", "internal": "x:1"}},
	} {
		if err := consulAgent.ServiceRegister(garbage); err != nil {
			t.Fatal(err)
		}
	}
	awaitInstance(t, r, "is healthy", isHealthy)
}
