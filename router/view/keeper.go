package view

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/route"
)

// Snapshot is a view at one moment.
type Snapshot struct {
	Table *route.Table // never nil
	// Outdated is closed when there is a newer snapshot.
	Outdated <-chan struct{}
	outdate  chan struct{}
}

// Keeper keeps the view. Its methods may be called from any goroutine.
type Keeper struct {
	cfg Config

	now       atomic.Pointer[Snapshot]
	confirmed atomic.Int64  // unix nanoseconds: when the registry last held this map; 0: never
	reread    chan struct{} // has room for one wish
	dirty     chan struct{} // has room for one: there is something to save

	mu      sync.Mutex // of everything that makes a new table
	listed  []registry.Instance
	cluster registry.Cluster // as the registry says; the zero value until it has
	problem error            // why the last look at the registry failed, nil if it did not
}

// New makes a keeper and reads what an earlier process saved. A file that is missing or damaged is no error: the
// view then begins empty, and the log says why.
func New(cfg Config) *Keeper {
	k := &Keeper{cfg: cfg.withDefaults(), reread: make(chan struct{}, 1), dirty: make(chan struct{}, 1)}
	k.swap(new(route.Table))
	if k.cfg.File == "" {
		return k
	}
	s, err := load(k.cfg.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.cfg.Logger.Info("no saved view", slog.String("file", k.cfg.File))
	case err != nil:
		k.cfg.Logger.Error("saved view not used", slog.String("file", k.cfg.File), slog.Any("error", err))
	default:
		k.swap(new(route.Table).WithMap(s.m, s.cluster, route.SourceDisk).WithInstances(s.instances))
		k.confirmed.Store(s.confirmed.UnixNano())
		k.cfg.Logger.Info("view read from disk", slog.String("file", k.cfg.File), slog.Uint64("epoch", uint64(s.m.Epoch())),
			slog.Duration("age", time.Since(s.confirmed)))
	}
	return k
}

// Snapshot returns the present view, without a lock.
func (k *Keeper) Snapshot() Snapshot { return *k.now.Load() }

// Table returns the present table, without a lock.
func (k *Keeper) Table() *route.Table { return k.now.Load().Table }

// Age returns how long ago the registry last confirmed the present map; false if there is no map.
func (k *Keeper) Age() (time.Duration, bool) {
	at := k.confirmed.Load()
	if at == 0 || k.Table().Map() == nil {
		return 0, false
	}
	return max(0, time.Since(time.Unix(0, at))), true
}

// Problem returns why the registry could not be followed at the last try; nil if it could.
func (k *Keeper) Problem() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.problem
}

// Reread has the map read from the registry soon, beside its watch. It does not wait; wishes that come while one
// is open are one.
func (k *Keeper) Reread() {
	select {
	case k.reread <- struct{}{}:
	default:
	}
}

// Remember takes in an owner that a refusal named, until the map has reached its epoch.
func (k *Keeper) Remember(p placement.Partition, o route.Owner) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if next, news := k.Table().WithOwner(p, o); news {
		k.swap(next)
	}
}

// Run follows the registry until ctx is done. It always returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return k.cfg.Registry.WatchMap(ctx, func(m *placement.Map) { k.offer(ctx, m) }, k.failed("follow the map"))
	})
	g.Go(func() error {
		return k.cfg.Registry.WatchInstances(ctx, k.list, k.failed("follow the instances"))
	})
	g.Go(func() error { return k.confirm(ctx) })
	g.Go(func() error { return k.save(ctx) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// swap puts a new table in front of the requests. The caller holds the mutex, or is alone.
func (k *Keeper) swap(t *route.Table) {
	ch := make(chan struct{})
	old := k.now.Swap(&Snapshot{Table: t, Outdated: ch, outdate: ch})
	if old != nil {
		close(old.outdate)
	}
}

// list takes in what the registry lists.
func (k *Keeper) list(list []registry.Instance) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listed = list
	k.relist(k.Table())
}

// relist makes a table with the listed instances of its cluster. The caller holds the mutex.
func (k *Keeper) relist(t *route.Table) {
	if k.listed != nil {
		t = t.WithInstances(ofCluster(k.listed, t.Cluster()))
	}
	k.swap(t)
	k.soil()
}

// ofCluster leaves out the instances of other clusters; while no cluster is known, none.
func ofCluster(list []registry.Instance, cluster string) []registry.Instance {
	if cluster == "" {
		return list
	}
	kept := make([]registry.Instance, 0, len(list))
	for _, in := range list {
		if in.ClusterID == cluster {
			kept = append(kept, in)
		}
	}
	return kept
}

func (k *Keeper) soil() {
	select {
	case k.dirty <- struct{}{}:
	default:
	}
}

func (k *Keeper) failed(act string) func(error) {
	return func(err error) { k.setProblem(act, err) }
}

// setProblem remembers and tells what stands in the way, each new trouble once.
func (k *Keeper) setProblem(act string, err error) {
	k.mu.Lock()
	was := k.problem
	k.problem = err
	k.mu.Unlock()
	switch {
	case err != nil && was == nil:
		k.cfg.Logger.Error("registry not followed; routing goes on", slog.String("act", act), slog.Any("error", err))
	case err == nil && was != nil:
		k.cfg.Logger.Info("registry followed again")
	}
}
