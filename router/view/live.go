package view

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/route"
)

// retry is the pause after a reading that failed while there is no live map, and the least between two readings.
const (
	retry      = 500 * time.Millisecond
	breathless = 20 * time.Millisecond
)

// ErrForeign: the cluster was made with another hash or partition count than this binary or this map has; it would
// look for customers in the wrong place.
var ErrForeign = errors.New("the map does not fit")

// ErrOlder: the registry's map is older than the one in use, and of the same cluster: it is ignored.
var ErrOlder = errors.New("the registry has gone back in time; its map is ignored")

// verdict is what to do with a map from the registry.
type verdict int

const (
	take    verdict = iota // newer, or the first
	same                   // what is there already
	older                  // ignored: the map never goes back
	another                // of another cluster: replaces everything
)

// judge compares a map from the registry with the present table.
func judge(t *route.Table, m *placement.Map, cluster string) verdict {
	switch present := t.Map(); {
	case present == nil:
		return take
	case t.Cluster() != cluster:
		return another
	case m.Epoch() < present.Epoch():
		return older
	case m.Epoch() == present.Epoch() && t.Source() == route.SourceLive:
		return same
	default:
		return take
	}
}

// Offer takes in a map that somebody else has just read from the registry, before it returns: who was told something
// that rests on this map finds the view no older.
func (k *Keeper) Offer(ctx context.Context, m *placement.Map) { k.offer(ctx, m) }

// offer takes in a map from the watch. One that cannot be judged now, or seems to go back, is read again soon: a
// watch and a reading may overtake each other.
func (k *Keeper) offer(ctx context.Context, m *placement.Map) {
	v, err := k.accept(ctx, m)
	if err != nil && ctx.Err() == nil {
		k.setProblem("take in the map", err)
	}
	if err != nil || v == older {
		k.Reread()
	}
}

func (k *Keeper) accept(ctx context.Context, m *placement.Map) (verdict, error) {
	cluster, err := k.identity(ctx, m)
	if err != nil {
		return older, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.Table()
	attrs := []any{slog.Uint64("epoch", uint64(m.Epoch())), slog.String("cluster", cluster.ID)}
	v := judge(t, m, cluster.ID)
	if v == older {
		return v, nil
	}
	k.confirmed.Store(time.Now().UnixNano()) // first: whoever sees the map must find its age
	switch v {
	case another:
		k.cfg.Logger.Error("registry is of another cluster: what was known is forgotten", append(attrs, slog.String("was", t.Cluster()))...)
		k.relist(new(route.Table).WithMap(m, cluster.ID, route.SourceLive))
	case take:
		k.cfg.Logger.Debug("map taken in", attrs...)
		k.relist(t.WithMap(m, cluster.ID, route.SourceLive))
	}
	return v, nil
}

// identity returns the cluster that the registry holds: as known, or asked for again when the map is the first,
// or suspicious.
func (k *Keeper) identity(ctx context.Context, m *placement.Map) (registry.Cluster, error) {
	k.mu.Lock()
	known := k.cluster
	k.mu.Unlock()
	present := k.Table().Map()
	if known.ID != "" && present != nil && m.Epoch() >= present.Epoch() && m.Partitions() == known.Partitions {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Read)
	defer cancel()
	c, err := k.cfg.Registry.Cluster(ctx)
	if err != nil {
		return c, fmt.Errorf("read the cluster's identity: %w", err)
	}
	if c.Hash != placement.HashName {
		return c, fmt.Errorf("the cluster places keys by %q, this binary by %q: %w", c.Hash, placement.HashName, ErrForeign)
	}
	if c.Partitions != m.Partitions() {
		return c, fmt.Errorf("the map has %d partitions, the cluster %d: %w", m.Partitions(), c.Partitions, ErrForeign)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cluster = c
	return c, nil
}

// confirm reads the map now and then, and whenever somebody wishes.
func (k *Keeper) confirm(ctx context.Context) error {
	for {
		pause := k.cfg.Confirm
		if err := k.readMap(ctx); err != nil && k.Table().Source() != route.SourceLive {
			pause = min(pause, retry)
		}
		if !wait(ctx, breathless, nil) || !wait(ctx, pause/2+rand.N(pause), k.reread) {
			return nil
		}
	}
}

// readMap reads the map once, and whose it is. That there is none yet is no problem.
func (k *Keeper) readMap(ctx context.Context) error {
	err := k.readOnce(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, registry.ErrNotFound) && k.Table().Map() == nil {
		k.setProblem("read the map", nil)
		return err
	}
	k.setProblem("read the map", err)
	return err
}

func (k *Keeper) readOnce(ctx context.Context) error {
	k.mu.Lock()
	k.cluster = registry.Cluster{} // asked for again: the registry may have been made anew
	before := k.Table().Map()
	k.mu.Unlock()
	read, cancel := context.WithTimeout(ctx, k.cfg.Read)
	defer cancel()
	m, err := k.cfg.Registry.Map(read)
	if err != nil {
		return fmt.Errorf("read the map: %w", err)
	}
	v, err := k.accept(ctx, m)
	if err == nil && v == older && before != nil && m.Epoch() < before.Epoch() {
		return fmt.Errorf("the registry's map has epoch %d, this router's %d: %w", m.Epoch(), before.Epoch(), ErrOlder)
	}
	return err
}

// wait waits for d, or for wake; false if ctx ended first.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
		return true
	case <-ctx.Done():
		return false
	}
}
