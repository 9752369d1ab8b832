package consul

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// countingMapReads stands between registry and Consul.
func countingMapReads(t *testing.T, address string) (through string, reads *atomic.Int64) {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: address}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // a watch that its caller has ended
	}
	reads = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/v1/kv/cellway/map" {
			reads.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return strings.TrimPrefix(server.URL, "http://"), reads
}

// largestMap has as many partitions as a map can have, of many cells, with epochs that are hard to pack.
func largestMap(t *testing.T) *placement.Map {
	t.Helper()
	var members []placement.Member
	for i := range 1000 {
		members = append(members, placement.Member{Name: fmt.Sprintf("cell-%d", i), Weight: 1})
	}
	m, err := placement.FirstMap(placement.MaxPartitions, members)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p := placement.Partition(rand.IntN(placement.MaxPartitions))
		owner, _ := m.Owner(p)
		if m, err = m.WithOwner(p, owner, m.Epoch()+10_000_000); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestFlipsOfTheLargestMapReadItOnce(t *testing.T) {
	t.Parallel()
	through, reads := countingMapReads(t, testenv.Consul(t))
	r, err := New(Config{Address: through, SessionTTL: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	world := largestMap(t)
	encoded, err := world.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the map has %d bytes", len(encoded))
	asLeaderOf(t, r, func(ctx context.Context, term registry.Term) {
		if err := r.CreateMap(ctx, term, world); err != nil {
			t.Fatal(err)
		}
		before := reads.Load()
		for p := range placement.Partition(20) {
			owner, _ := world.Owner(p)
			to := "cell-500"
			if owner == to {
				to = "cell-501"
			}
			mv, err := r.OpenMove(ctx, term, registry.Move{Partition: p, From: owner, To: to}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if world, _, err = r.Flip(ctx, term, mv); err != nil {
				t.Fatal(err)
			}
		}
		if n := reads.Load() - before; n != 0 {
			t.Errorf("20 flips have read the map %d times, want what the leader remembers", n)
		}
		stored, err := r.Map(ctx)
		if err != nil || stored.Epoch() != world.Epoch() {
			t.Errorf("stored map %v, error %v; want epoch %d", stored, err, world.Epoch())
		}
	})
}

func TestFlipOverAForeignWriteReadsTheMapAgain(t *testing.T) {
	t.Parallel()
	r, err := New(Config{Address: testenv.Consul(t), SessionTTL: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	world, err := placement.FirstMap(16, []placement.Member{{Name: "cell-a", Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	asLeaderOf(t, r, func(ctx context.Context, term registry.Term) {
		if err := r.CreateMap(ctx, term, world); err != nil {
			t.Fatal(err)
		}
		mv, err := r.OpenMove(ctx, term, registry.Move{Partition: 1, From: "cell-a", To: "cell-b"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := world.WithOwner(2, "cell-c", world.Epoch()+1)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := encodeMap(foreign)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.asLeader(ctx, "write behind the ledger's back", term, set(r.keys.worldMap(), encoded)); err != nil {
			t.Fatal(err)
		}
		flipped, _, err := r.Flip(ctx, term, mv)
		if err != nil {
			t.Fatal(err)
		}
		if owner, _ := flipped.Owner(2); owner != "cell-c" {
			t.Errorf("partition 2 belongs to %s: the flip has overwritten another write", owner)
		}
		if owner, _ := flipped.Owner(1); owner != "cell-b" {
			t.Errorf("partition 1 belongs to %s, want cell-b", owner)
		}
	})
}
