package registrytest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var mapTests = []test{
	{"a cluster is created once", clusterOnce},
	{"a map is created once", mapOnce},
	{"a map is corrected from the epoch that was read", mapCorrected},
	{"a watch sees the map, its changes, and the last of a burst", mapWatched},
	{"a call whose context has ended says so", contextEnded},
}

func clusterOnce(t *testing.T, client Factory) {
	first, second := client(t), client(t)
	_, err := first.Cluster(t.Context())
	wantError(t, "Cluster before there is one", err, registry.ErrNotFound)

	mine := registry.Cluster{ID: "one", Partitions: 4096, Hash: "sha256", Ring: "ring", CreatedAt: time.Now().UTC().Truncate(0)}
	other := mine
	other.ID = "two"
	equal(t, "created cluster", must[registry.Cluster](t)(first.CreateCluster(t.Context(), mine)), mine)
	equal(t, "cluster created again", must[registry.Cluster](t)(second.CreateCluster(t.Context(), other)), mine)
	equal(t, "cluster", must[registry.Cluster](t)(second.Cluster(t.Context())), mine)

	_, err = first.CreateCluster(t.Context(), registry.Cluster{ID: "three", Partitions: 3, Hash: "sha256"})
	wantError(t, "a cluster of 3 partitions", err, registry.ErrInvalid)
}

func mapOnce(t *testing.T, client Factory) {
	first, second := client(t), client(t)
	_, err := first.Map(t.Context())
	wantError(t, "Map before there is one", err, registry.ErrNotFound)
	l := lead(t, first, "mover-1")
	ok(t, first.CreateMap(t.Context(), l.term, firstMap(t, 1)))
	wantError(t, "a second map", first.CreateMap(t.Context(), l.term, firstMap(t, 5)), registry.ErrConflict)
	wantMap(t, second, firstMap(t, 1))
}

func mapCorrected(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	wantError(t, "correction of nothing", r.CorrectMap(t.Context(), l.term, 0, firstMap(t, 7)), registry.ErrNotFound)
	before, after := firstMap(t, 1), firstMap(t, 50)
	ok(t, r.CreateMap(t.Context(), l.term, before))
	wantError(t, "correction of another epoch", r.CorrectMap(t.Context(), l.term, before.Epoch()+1, after), registry.ErrConflict)
	wantError(t, "correction to the same epoch", r.CorrectMap(t.Context(), l.term, before.Epoch(), before), placement.ErrEpoch)
	wantMap(t, r, before)
	ok(t, r.CorrectMap(t.Context(), l.term, before.Epoch(), after))
	wantMap(t, client(t), after)
	if mv := open(t, r, l.term, 1); mv.Epoch <= after.Epoch() {
		t.Errorf("epoch %d of a move, want above the corrected map's %d", mv.Epoch, after.Epoch())
	}
}

func wantMap(t *testing.T, r registry.Registry, want *placement.Map) {
	t.Helper()
	got := must[[]byte](t)(must[*placement.Map](t)(r.Map(t.Context())).MarshalBinary())
	if !bytes.Equal(got, must[[]byte](t)(want.MarshalBinary())) {
		t.Error("the stored map is another")
	}
}

func mapWatched(t *testing.T, client Factory) {
	watcher, writer := client(t), client(t)
	seen := make(chan *placement.Map, 1000)
	stop := background(t, func(ctx context.Context) error {
		return watcher.WatchMap(ctx, func(m *placement.Map) { seen <- m }, nil)
	})
	l := lead(t, writer, "mover-1")
	ok(t, writer.CreateMap(t.Context(), l.term, firstMap(t, 1)))
	last := receive(t, "the first map is seen", seen)
	equal(t, "epoch of the first map seen", last.Epoch(), firstMap(t, 1).Epoch())

	var want *placement.Map
	for p := range placement.Partition(partitions) {
		want, _ = flip(t, writer, l.term, open(t, writer, l.term, p))
	}
	for last.Epoch() < want.Epoch() {
		next := receive(t, "the last map of a burst is seen", seen)
		if next.Epoch() <= last.Epoch() {
			t.Errorf("epoch %d was shown after %d", next.Epoch(), last.Epoch())
		}
		last = next
	}
	stop()
	equal(t, "maps shown without a change", len(seen), 0)

	late := make(chan *placement.Map, 10)
	background(t, func(ctx context.Context) error {
		return client(t).WatchMap(ctx, func(m *placement.Map) { late <- m }, nil)
	})
	equal(t, "epoch that a new watch sees first", receive(t, "a new watch sees the map", late).Epoch(), want.Epoch())
}

func contextEnded(t *testing.T, client Factory) {
	r := client(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Map(ctx)
	if !errors.Is(err, registry.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want both %v and %v", err, registry.ErrUnavailable, context.Canceled)
	}
	wantError(t, "RequestRebalance", r.RequestRebalance(ctx, "me"), context.Canceled)
	_, err = r.Instances(ctx)
	wantError(t, "Instances", err, context.Canceled)
}
