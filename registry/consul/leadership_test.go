package consul_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/consul"
)

// patience is how long something that must happen may take, on a busy machine.
const patience = 20 * time.Second

type led struct {
	term registry.Term
	ctx  context.Context
}

// campaign stands for election until the test ends; every term that any of the candidates wins is sent.
func campaign(t *testing.T, candidates map[string]*consul.Registry) <-chan led {
	t.Helper()
	won := make(chan led, 16)
	for name, r := range candidates {
		background(t, func(ctx context.Context) error {
			return r.Lead(ctx, name, func(ctx context.Context, term registry.Term) {
				won <- led{term, ctx}
				<-ctx.Done()
			}, func(err error) { t.Log(name, err) })
		})
	}
	return won
}

func background(t *testing.T, fn func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := receive(t, "it ends with its context", done); err != nil {
			t.Errorf("returned %v after its context has ended", err)
		}
	})
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("not within %s: %s", patience, what)
		panic("unreachable")
	}
}

// agent is Consul's own API, for what Cellway does not do itself.
func agent(t *testing.T, address string) *api.Client {
	t.Helper()
	conf := api.DefaultConfig()
	conf.Address = address
	client, err := api.NewClient(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conf.Transport.CloseIdleConnections)
	return client
}

func TestZombieLeaderWritesNothing(t *testing.T) {
	t.Parallel()
	address := testenv.Consul(t)
	first, second := newClient(t, testConfig(t, address)), newClient(t, testConfig(t, address))
	terms := campaign(t, map[string]*consul.Registry{"mover-1": first, "mover-2": second})
	zombie := receive(t, "one leads", terms)
	if _, err := agent(t, address).Session().Destroy(zombie.term.Lock, nil); err != nil {
		t.Fatal(err)
	}
	// It may still believe that it leads; what it writes is refused whatever it believes.
	if err := first.PutRebalance(t.Context(), zombie.term, registry.Rebalance{ID: "zombie"}); !errors.Is(err, registry.ErrNotLeader) {
		t.Errorf("write of a leader that lost its session: %v, want %v", err, registry.ErrNotLeader)
	}
	receive(t, "the loss is noticed", zombie.ctx.Done())
	if !errors.Is(context.Cause(zombie.ctx), registry.ErrNotLeader) {
		t.Errorf("leadership ended because of %v, want %v", context.Cause(zombie.ctx), registry.ErrNotLeader)
	}
	next := receive(t, "one leads again", terms)
	if next.term.Token <= zombie.term.Token {
		t.Errorf("token %d after %d, want a higher one", next.term.Token, zombie.term.Token)
	}
	if err := first.PutRebalance(t.Context(), zombie.term, registry.Rebalance{ID: "zombie"}); !errors.Is(err, registry.ErrNotLeader) {
		t.Errorf("write of a leader of the past: %v, want %v", err, registry.ErrNotLeader)
	}
}

func TestDeadLeaderIsReplacedAfterItsSession(t *testing.T) {
	t.Parallel()
	address := testenv.Consul(t)
	// A session that nobody renews, holding the lock: a leader that was killed.
	client := agent(t, address)
	session, _, err := client.Session().CreateNoChecks(&api.SessionEntry{TTL: testenv.SessionTTLMin.String(), LockDelay: time.Millisecond}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if held, _, err := client.KV().Acquire(&api.KVPair{Key: "cellway/leader", Value: []byte("mover-0"), Session: session}, nil); err != nil || !held {
		t.Fatalf("held %v, error %v", held, err)
	}
	r := newClient(t, testConfig(t, address))
	if name, err := r.Leader(t.Context()); err != nil || name != "mover-0" {
		t.Fatalf("leader %q, error %v; want mover-0", name, err)
	}
	if next := receive(t, "mover-1 leads", campaign(t, map[string]*consul.Registry{"mover-1": r})); next.term.Token != 2 {
		t.Errorf("token %d, want that of the second leader", next.term.Token)
	}
}

func TestLeadershipEndsWhileConsulIsFrozenAndComesBack(t *testing.T) {
	t.Parallel()
	server := testenv.ConsulServer(t)
	cfg := testConfig(t, server.Addr)
	r := newClient(t, cfg)
	terms := campaign(t, map[string]*consul.Registry{"mover-1": r})
	first := receive(t, "mover-1 leads", terms)

	server.Pause()
	frozen := time.Now()
	receive(t, "leadership ends without Consul's word", first.ctx.Done())
	// Consul ends the session at its TTL at the earliest; this is its clock and ours.
	if after := time.Since(frozen); after > cfg.SessionTTL {
		t.Logf("leadership was trusted for %s after Consul was frozen (busy machine?)", after)
	}
	if err := r.PutRebalance(t.Context(), first.term, registry.Rebalance{}); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("write to a frozen Consul: %v, want %v", err, registry.ErrUnavailable)
	}
	server.Resume()
	next := receive(t, "mover-1 leads again", terms)
	if next.term.Token <= first.term.Token {
		t.Errorf("token %d after %d, want a higher one", next.term.Token, first.term.Token)
	}
	if err := r.PutRebalance(t.Context(), next.term, registry.Rebalance{}); err != nil {
		t.Error(err)
	}
	if err := r.PutRebalance(t.Context(), first.term, registry.Rebalance{}); !errors.Is(err, registry.ErrNotLeader) {
		t.Errorf("write of a leader of the past: %v, want %v", err, registry.ErrNotLeader)
	}
}

func TestCampaignsOutliveConsulsRestart(t *testing.T) {
	t.Parallel()
	server := testenv.ConsulServer(t)
	first, second := newClient(t, testConfig(t, server.Addr)), newClient(t, testConfig(t, server.Addr))
	terms := campaign(t, map[string]*consul.Registry{"mover-1": first})
	before := receive(t, "mover-1 leads", terms)
	others := campaign(t, map[string]*consul.Registry{"mover-2": second})
	server.Kill()
	receive(t, "leadership ends", before.ctx.Done())
	server.Start()
	// Both have to come back: whoever leads first is removed until the other does.
	highest, seen := before.term.Token, map[string]bool{}
	client := agent(t, server.Addr)
	for len(seen) < 2 {
		var now led
		select {
		case now = <-terms:
		case now = <-others:
		case <-time.After(patience):
			t.Fatalf("not within %s: a leader; leading so far %v", patience, seen)
		}
		if now.term.Token <= highest {
			t.Errorf("token %d after %d, want a higher one", now.term.Token, highest)
		}
		highest, seen[now.term.Holder] = now.term.Token, true
		if _, err := client.Session().Destroy(now.term.Lock, nil); err != nil {
			t.Fatal(err)
		}
	}
}
