package consul

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// Instances implements registry.Directory.
func (r *Registry) Instances(ctx context.Context) ([]registry.Instance, error) {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	entries, _, err := r.client.Health().Service(r.cfg.Service, "", false, read(bounded))
	if err != nil {
		return nil, failed(ctx, "list the instances", err)
	}
	return r.instances(entries), nil
}

// WatchInstances implements registry.Directory.
func (r *Registry) WatchInstances(ctx context.Context, fn func([]registry.Instance), onError func(error)) error {
	var shown []registry.Instance // nil before the first time
	r.watch(ctx, "watch the instances", func(q *api.QueryOptions) (answer, error) {
		entries, meta, err := r.client.Health().Service(r.cfg.Service, "", false, q)
		if err != nil {
			return answer{}, err
		}
		show := func() error {
			list := r.instances(entries)
			if shown != nil && slices.Equal(shown, list) {
				return nil
			}
			shown = list
			fn(slices.Clone(list))
			return nil
		}
		return answer{meta: meta, empty: len(entries) == 0, show: show}, nil
	}, onError)
	return nil
}

// instances reads what can be read and logs the rest: one bad registration must not hide the others.
func (r *Registry) instances(entries []*api.ServiceEntry) []registry.Instance {
	list := make([]registry.Instance, 0, len(entries))
	for _, entry := range entries {
		in, err := instance(entry)
		if err != nil {
			r.garbage.warn(in, err)
			continue
		}
		list = append(list, in)
	}
	return ordered(list)
}

// ordered sorts by cell, then ID. An ID that stands on two agents (the instance has changed its agent) counts
// once: healthy rather than not.
func ordered(list []registry.Instance) []registry.Instance {
	slices.SortFunc(list, func(a, b registry.Instance) int {
		return cmp.Or(strings.Compare(a.Cell, b.Cell), strings.Compare(a.ID, b.ID), healthyFirst(a, b), strings.Compare(a.Address, b.Address))
	})
	return slices.CompactFunc(list, func(a, b registry.Instance) bool { return a.ID == b.ID && a.Cell == b.Cell })
}

func healthyFirst(a, b registry.Instance) int {
	switch {
	case a.Healthy == b.Healthy:
		return 0
	case a.Healthy:
		return -1
	default:
		return 1
	}
}

// maxGarbage bounds how many complaints are remembered.
const maxGarbage = 1000

// garbageLog says once, not at every look, what is wrong with a registration.
type garbageLog struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool
}

func newGarbageLog(log *slog.Logger) *garbageLog {
	return &garbageLog{log: log, said: make(map[string]bool)}
}

func (g *garbageLog) warn(in registry.Instance, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := in.ID + " " + err.Error()
	if g.said[key] {
		return
	}
	if len(g.said) >= maxGarbage {
		clear(g.said)
	}
	g.said[key] = true
	g.log.Warn("registration skipped: it cannot be that of a cell's instance", "instance", in.ID, "error", err)
}
