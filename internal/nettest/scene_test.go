package nettest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/checker"
	"github.com/cellway/cellway/internal/history"
	"github.com/cellway/cellway/internal/load"
	"github.com/cellway/cellway/mover"
	"github.com/cellway/cellway/placement"
)

// TestNetworkFaults is five links and five faults; the package documentation says what a scene is.
func TestNetworkFaults(t *testing.T) {
	seed := uint64(1)
	if text := os.Getenv("CELLWAY_NET_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("CELLWAY_NET_SEED: %v", err)
		}
		seed = n
	}
	for _, name := range []string{"router-Consul", "router-cell", "mover-cell", "cell-cell", "cell-Postgres"} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			c := newClients(s)
			for i, f := range faults() {
				t.Run(f.name, func(t *testing.T) {
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("this scene alone: CELLWAY_NET_SEED=%d go test -run '^%s$' ./internal/nettest", seed, strings.ReplaceAll(t.Name(), "/", "$/^"))
						}
					})
					newScene(seed, name, f, i%2 == 0).play(t, s, c)
				})
			}
		})
	}
}

// clients are those of one system, over all its scenes.
type clients struct {
	model    *load.Model
	recorder *history.Recorder
	shared   *load.Contention
	url      string
	seen     int // operations of former scenes
}

func newClients(s *system) *clients {
	return &clients{
		model: load.NewModel(), recorder: history.NewRecorder(1), url: "http://" + s.router.PublicAddr(),
		shared: &load.Contention{Prefix: "net", Count: 96, Clients: 12, Pause: 40 * time.Millisecond},
	}
}

func (c *clients) load() *load.Load {
	l := load.New(c.url, c.model)
	l.Recorder = c.recorder
	l.Client.Timeout = 30 * time.Second // beyond all that the router waits for
	return l
}

// scene is one fault on one link.
type scene struct {
	link  string
	fault fault
	drain bool        // else the guest joins
	at    mover.Point // where the fault begins
	lasts time.Duration
}

// newScene draws the scene from the seed and its name, so that it is the same alone and in its row.
func newScene(seed uint64, link string, f fault, drain bool) scene {
	h := fnv.New64a()
	_, _ = h.Write([]byte(link + "/" + f.name)) // never fails
	random := rand.New(rand.NewPCG(seed, h.Sum64()))
	points := []mover.Point{
		mover.After(mover.ActRecord), mover.After(mover.ActImport), mover.After(mover.ActCopy), mover.AfterClose,
		mover.After(mover.ActFence), mover.After(mover.ActPull), mover.After(mover.ActHandover), mover.After(mover.ActOwn),
	}
	return scene{
		link: link, fault: f, drain: drain, at: points[random.IntN(len(points))],
		lasts: 2*time.Second + time.Duration(random.IntN(2000))*time.Millisecond,
	}
}

func (sc scene) guests() (before, after int) {
	if sc.drain {
		return 4, 0
	}
	return 0, 4
}

func (sc scene) play(t *testing.T, s *system, c *clients) {
	ctx := t.Context()
	before, after := sc.guests()
	must(t, s.store.SetDraining(ctx, guest, before == 0))
	must(t, until(ctx, func(ctx context.Context) error { return s.atRest(ctx, before) }))
	owners, err := s.store.Map(ctx)
	must(t, err)
	l := c.load()
	c.seen = len(c.recorder.Operations())
	stop := c.start(ctx, l, c.shared)
	must(t, until(ctx, func(context.Context) error {
		if n := l.Operations(); n < 200 {
			return fmt.Errorf("%d operations before the fault", n)
		}
		return nil
	}))
	span := sc.strike(t, s, func() { must(t, s.store.SetDraining(ctx, guest, sc.drain)) })
	must(t, until(ctx, func(ctx context.Context) error { return s.atRest(ctx, after) }))
	stats := stop()
	t.Logf("%s on %s at %s for %v: %s", sc.fault.name, sc.link, sc.at, sc.lasts, stats)
	if n := stats.Failed["wrong"] + stats.Failed["undeserved"]; n > 0 {
		t.Errorf("%d answers were not what anybody deserved:\n%s", n, strings.Join(stats.Wrong, "\n"))
	}
	sc.judge(t, s, c, owners, span)
}

// start runs the clients; the function returned stops them and says what they saw.
func (c *clients) start(ctx context.Context, l *load.Load, shared *load.Contention) (stop func() load.Stats) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { l.Contend(ctx, shared) })
	return func() load.Stats {
		cancel()
		running.Wait()
		return l.Take()
	}
}

// strike begins the moves, puts the fault on at the scene's point, and takes it off in time.
func (sc scene) strike(t *testing.T, s *system, begin func()) [2]time.Time {
	t.Helper()
	l := s.links[sc.link]
	struck := make(chan struct{})
	s.arm(sc.at, func() {
		l.spoil(sc.fault)
		close(struck)
	})
	begin()
	select {
	case <-struck:
	case <-time.After(patience):
		s.arm(sc.at, nil)
		t.Fatalf("too weak: no move came to %s", sc.at)
	}
	timer := time.NewTimer(sc.lasts)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
	began, err := l.heal(t.Context())
	must(t, err)
	return [2]time.Time{began, time.Now()}
}

// judge requires that everything is as it should be after a scene.
func (sc scene) judge(t *testing.T, s *system, c *clients, owners *placement.Map, span [2]time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, until(ctx, func(ctx context.Context) error { return c.load().Settle(ctx, c.shared) }))
	ops := c.recorder.Operations()
	fresh := ops[c.seen:]
	need := history.Need{Operations: 200, Concurrent: 20, Spans: c.recorder.Spans(span)}
	if err := need.Missing(fresh); err != nil {
		t.Error(err)
	}
	if err := history.Judge("", ops, history.Need{}, patience); err != nil {
		t.Error(err)
	}
	now, err := s.store.Map(ctx)
	must(t, err)
	mustSpare(t, fresh, owners, now)
	r, err := checker.Check(ctx, []string{s.postgres}, partitions, now.Counts(), c.model)
	must(t, err)
	if len(r.Faults) > 0 {
		t.Errorf("the databases are not as they should be:\n%s", strings.Join(r.Faults, "\n"))
	}
}

// mustSpare requires that customers who have nothing to do with the guest, before or after, saw no error.
func mustSpare(t *testing.T, ops []load.Operation, before, after *placement.Map) {
	t.Helper()
	spared, hit := 0, 0
	for _, op := range ops {
		p := placement.PartitionOf(op.Customer, partitions)
		was, _ := before.Owner(p)
		is, _ := after.Owner(p)
		failed := op.Status == 0 || op.Status >= http.StatusInternalServerError
		switch {
		case was == guest || is == guest:
			if failed {
				hit++
			}
		case failed:
			t.Errorf("customer %s in %s has nothing to do with it: %s answered %d after %v", op.Customer, is, op.Kind, op.Status, time.Duration(op.Return-op.Call))
		default:
			spared++
		}
	}
	if spared == 0 {
		t.Error("too weak: nobody was to be spared")
	}
	t.Logf("%d operations of others without an error, %d errors for the guest's customers", spared, hit)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
