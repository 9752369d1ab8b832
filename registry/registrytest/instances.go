package registrytest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cellway/cellway/registry"
)

var instanceTests = []test{
	{"a registered instance is listed with all its fields, and gone after its end", instanceListed},
	{"an instance that reports trouble is listed as unhealthy, with its words", instanceUnhealthy},
	{"instances are in order of cell and ID", instancesOrdered},
	{"a watch sees every state of the list", instancesWatched},
	{"an impossible instance is refused", instanceInvalid},
}

// serving is an instance at the address of a listener that answers /health.
func serving(t *testing.T, cell, id string) registry.Instance {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return registry.Instance{
		ID: id, Cell: cell, Address: strings.TrimPrefix(server.URL, "http://"), Internal: "127.0.0.1:7001",
		Schema: "cell_a", Version: "1.2.3", Weight: 2, Partitions: 4096, ClusterID: "cluster", DatabaseID: "database",
	}
}

func healthy() registry.Health { return registry.Health{OK: true, Output: "serving"} }

func register(t *testing.T, r registry.Registry, in registry.Instance, report func() registry.Health) (stop func()) {
	t.Helper()
	return background(t, func(ctx context.Context) error { return r.Register(ctx, in, report) })
}

func listed(t *testing.T, r registry.Registry, what string, holds func([]registry.Instance) bool) []registry.Instance {
	t.Helper()
	var list []registry.Instance
	eventually(t, what, func() bool {
		list = must[[]registry.Instance](t)(r.Instances(t.Context()))
		return holds(list)
	})
	return list
}

func instanceListed(t *testing.T, client Factory) {
	r := client(t)
	equal(t, "instances at first", len(must[[]registry.Instance](t)(r.Instances(t.Context()))), 0)
	in := serving(t, "cell-a", "cell-a-1")
	stop := register(t, client(t), in, healthy)
	list := listed(t, r, "the instance is healthy", func(l []registry.Instance) bool { return len(l) == 1 && l[0].Healthy })
	in.Healthy = true
	equal(t, "instance", list[0], in)
	stop()
	listed(t, r, "the instance is gone", func(l []registry.Instance) bool { return len(l) == 0 })
}

func instanceUnhealthy(t *testing.T, client Factory) {
	var sick atomic.Bool
	report := func() registry.Health {
		if sick.Load() {
			return registry.Health{Output: "database out of reach"}
		}
		return healthy()
	}
	r := client(t)
	register(t, client(t), serving(t, "cell-a", "cell-a-1"), report)
	isHealthy := func(l []registry.Instance) bool { return len(l) == 1 && l[0].Healthy && l[0].Output == "" }
	listed(t, r, "the instance is healthy", isHealthy)
	sick.Store(true)
	listed(t, r, "the instance is unhealthy, and says why", func(l []registry.Instance) bool {
		return len(l) == 1 && !l[0].Healthy && l[0].Output == "database out of reach"
	})
	sick.Store(false)
	listed(t, r, "the instance is healthy again", isHealthy)
}

func instancesOrdered(t *testing.T, client Factory) {
	r := client(t)
	want := []string{"cell-a-1", "cell-a-2", "cell-b-1"}
	for _, id := range []string{"cell-b-1", "cell-a-2", "cell-a-1"} {
		register(t, client(t), serving(t, id[:len("cell-a")], id), healthy)
	}
	list := listed(t, r, "three instances", func(l []registry.Instance) bool { return len(l) == 3 })
	if got := ids(list); !slices.Equal(got, want) {
		t.Errorf("instances %v, want %v", got, want)
	}
}

func ids(list []registry.Instance) []string {
	var names []string
	for _, in := range list {
		names = append(names, in.ID)
	}
	return names
}

func instancesWatched(t *testing.T, client Factory) {
	seen := make(chan []registry.Instance, 1000)
	watcher := client(t)
	background(t, func(ctx context.Context) error {
		return watcher.WatchInstances(ctx, func(l []registry.Instance) { seen <- l }, nil)
	})
	equal(t, "instances seen first", len(receive(t, "the empty list is seen", seen)), 0)
	previous := []registry.Instance(nil)
	until := func(what string, holds func([]registry.Instance) bool) {
		t.Helper()
		for {
			list := receive(t, what, seen)
			if previous != nil && slices.Equal(list, previous) {
				t.Errorf("the same list was shown twice: %v", ids(list))
			}
			if previous = list; holds(list) {
				return
			}
		}
	}
	stop := register(t, client(t), serving(t, "cell-a", "cell-a-1"), healthy)
	register(t, client(t), serving(t, "cell-b", "cell-b-1"), healthy)
	until("both are healthy", func(l []registry.Instance) bool { return len(l) == 2 && l[0].Healthy && l[1].Healthy })
	stop()
	until("one is gone", func(l []registry.Instance) bool { return slices.Equal(ids(l), []string{"cell-b-1"}) })
}

func instanceInvalid(t *testing.T, client Factory) {
	r := client(t)
	for field, spoil := range map[string]func(*registry.Instance){
		"id":         func(in *registry.Instance) { in.ID = "a/../b" },
		"cell":       func(in *registry.Instance) { in.Cell = "Cell A" },
		"address":    func(in *registry.Instance) { in.Address = "nowhere" },
		"internal":   func(in *registry.Instance) { in.Internal = "127.0.0.1:0" },
		"weight":     func(in *registry.Instance) { in.Weight = 0 },
		"partitions": func(in *registry.Instance) { in.Partitions = 5 },
	} {
		in := serving(t, "cell-a", "cell-a-1")
		spoil(&in)
		wantError(t, field, r.Register(t.Context(), in, healthy), registry.ErrInvalid)
	}
	equal(t, "instances", len(must[[]registry.Instance](t)(r.Instances(t.Context()))), 0)
}
