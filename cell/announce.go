package cell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
)

// confirmEvery is how often the registry is asked whether it still knows the cell.
const confirmEvery = 30 * time.Second

// announceFirst is the try before the start: a registry that is there and says no keeps the instance from serving.
func (in *instance) announceFirst(ctx context.Context) error {
	err := in.announce(ctx)
	if err != nil && refusal(err) {
		return err
	}
	return nil
}

// announce makes the cell known, unless the registry is another cluster's.
func (in *instance) announce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	id := in.identity()
	cluster, err := in.cfg.Registry.Cluster(ctx)
	switch {
	case err == nil && cluster.ID != id.ClusterID:
		return fmt.Errorf("%w: this cell belongs to %s, the registry to %s", ErrOtherCluster, id.ClusterID, cluster.ID)
	case err != nil && !errors.Is(err, registry.ErrNotFound):
		return err
	}
	_, err = in.cfg.Registry.AnnounceCell(ctx, in.cfg.Cell, id.DatabaseID, in.cfg.Weight)
	return err
}

// keepRegistered announces the cell and keeps the instance registered until ctx ends. Any error but ctx's is one that
// the instance must not go on with: its name belongs to another database.
func (in *instance) keepRegistered(ctx context.Context) error {
	mayPass := func(err error) bool { return !errors.Is(err, registry.ErrOtherDatabase) }
	err := persist(ctx, in.log, "the registry, to announce the cell", mayPass, in.announce)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var registered sync.WaitGroup
	var refused error
	registered.Go(func() {
		defer cancel()
		refused = in.cfg.Registry.Register(ctx, in.registration(), in.report)
	})
	confirmed := in.keepConfirmed(ctx)
	cancel()
	registered.Wait()
	return errors.Join(confirmed, refused)
}

// keepConfirmed announces the cell again where the registry has forgotten it. The weight is left alone: instances
// of two versions would take turns in setting it.
func (in *instance) keepConfirmed(ctx context.Context) error {
	for rest(ctx, jitter(confirmEvery)) {
		err := in.confirm(ctx)
		if errors.Is(err, registry.ErrOtherDatabase) {
			return err
		}
		if err != nil {
			in.log.WarnContext(ctx, "registry does not confirm the cell", "error", err)
		}
	}
	return nil
}

func (in *instance) confirm(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	cells, err := in.cfg.Registry.Cells(bounded)
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(cells, func(c registry.Cell) bool {
		return c.Name == in.cfg.Cell && c.DatabaseID == in.identity().DatabaseID
	})
	if known {
		return nil
	}
	return in.announce(ctx)
}

// registration names the place, not the process: a process that follows a dead one at the same address takes the dead
// one's entry over, instead of leaving it in the list.
func (in *instance) registration() registry.Instance {
	id := in.identity()
	return registry.Instance{
		ID: in.cfg.Cell + ":" + in.addr, Cell: in.cfg.Cell, Address: in.addr, Internal: in.internal, Schema: in.cfg.Schema,
		Version: in.cfg.Version, Weight: in.cfg.Weight, Partitions: id.Partitions, ClusterID: id.ClusterID, DatabaseID: id.DatabaseID,
	}
}

// report is what the registry shows of this instance.
func (in *instance) report() registry.Health {
	h := in.health(context.Background())
	if !h.ok() {
		return registry.Health{Output: "database " + h.Database + "; " + h.lease()}
	}
	owned := in.gate.States()
	return registry.Health{OK: true, Output: fmt.Sprintf("database answers in %.1f ms; %s; %d partitions owned",
		float64(h.took.Microseconds())/1000, h.lease(), owned[protocol.StateOwned]+owned[protocol.StateFenced])}
}
