package cell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/cellway/cellway/cell/gate"
	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// ErrOtherCluster: schema and registry belong to two clusters; the message says both.
var ErrOtherCluster = errors.New("the registry is another cluster's")

const (
	registryTimeout = 3 * time.Second
	identityTimeout = 5 * time.Second

	// linger is longer than most doors are closed for a move; a router that has to come again knows later that one is open.
	linger = 50 * time.Millisecond
)

// errLostCluster: wait until the mover has written it back; see createCluster.
var errLostCluster = errors.New("the registry has lost its cluster: instances of one are registered, and a second one must not be made")

// open finds out who the cell is, brings its schema up to date and opens it. It waits for the database, and, where
// the schema is fresh, for the registry. What it returns without a passing cause is a refusal to start.
func (c *Cell) open(ctx context.Context) (in *instance, err error) {
	p, err := openPools(ctx, c.cfg)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	var id ledger.Identity
	var known bool
	err = persist(ctx, c.cfg.Logger, "the cell's database", passing, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, identityTimeout)
		defer cancel()
		id, known, err = ledger.ReadIdentity(ctx, p.keeper, c.cfg.Schema)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the identity of schema %s: %w", c.cfg.Schema, err)
	}
	cluster, err := c.cluster(ctx, id, known)
	if err != nil {
		return nil, err
	}
	if err := c.migrate(ctx, p, cluster, id.DatabaseID); err != nil {
		return nil, err
	}
	return c.newInstance(ctx, p, cluster)
}

// cluster is the one that the schema belongs to, or, where that is fresh, the registry's, which may have to be created.
func (c *Cell) cluster(ctx context.Context, id ledger.Identity, known bool) (registry.Cluster, error) {
	var out registry.Cluster
	mayPass := func(err error) bool { return !known && !refusal(err) }
	err := persist(ctx, c.cfg.Logger, "the registry, to join a cluster", mayPass, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, registryTimeout)
		defer cancel()
		out, err = c.cfg.Registry.Cluster(ctx)
		if errors.Is(err, registry.ErrNotFound) && !known {
			out, err = c.createCluster(ctx)
		}
		if err != nil {
			return err
		}
		return agree(c.cfg, out, id, known)
	})
	if err == nil || !known || refusal(err) || ctx.Err() != nil {
		return out, err
	}
	// What is in the database is enough to serve. A registry that has lost its cluster gets it back from the mover,
	// as the registered instances tell it: one cell's schema could be an old copy.
	c.cfg.Logger.WarnContext(ctx, "serving without the registry's word", "cluster", id.ClusterID, "error", err)
	return registry.Cluster{ID: id.ClusterID, Partitions: id.Partitions, Hash: id.Hash}, nil
}

// createCluster makes the cluster, unless a registered instance tells of one: then the registry has lost it.
func (c *Cell) createCluster(ctx context.Context) (registry.Cluster, error) {
	instances, err := c.cfg.Registry.Instances(ctx)
	if err != nil {
		return registry.Cluster{}, err
	}
	for _, in := range instances {
		if in.ClusterID != "" {
			return registry.Cluster{}, fmt.Errorf("%w: %s of cluster %s", errLostCluster, in.ID, in.ClusterID)
		}
	}
	return c.cfg.Registry.CreateCluster(ctx, registry.Cluster{
		ID: uuid.NewString(), Partitions: cmp.Or(c.cfg.Partitions, placement.DefaultPartitions),
		Hash: placement.HashName, Ring: placement.RingName, CreatedAt: time.Now().UTC(),
	})
}

// agree compares what the process, the schema and the registry hold to be true.
func agree(cfg Config, cluster registry.Cluster, id ledger.Identity, known bool) error {
	switch {
	case known && id.ClusterID != cluster.ID:
		return fmt.Errorf("%w: schema %s belongs to cluster %s, the registry to %s", ErrOtherCluster, cfg.Schema, id.ClusterID, cluster.ID)
	case cfg.Partitions != 0 && cfg.Partitions != cluster.Partitions:
		return fmt.Errorf("%w: cluster %s has %d partitions, this process is started with %d",
			ledger.ErrOtherPartitions, cluster.ID, cluster.Partitions, cfg.Partitions)
	case cluster.Hash != placement.HashName:
		return fmt.Errorf("%w: cluster %s hashes keys with %s, this process with %s",
			ledger.ErrOtherHash, cluster.ID, cluster.Hash, placement.HashName)
	}
	return nil
}

// refusal: no waiting changes it.
func refusal(err error) bool {
	for _, final := range []error{
		ErrOtherCluster, ledger.ErrOtherPartitions, ledger.ErrOtherHash, registry.ErrOtherDatabase, registry.ErrInvalid,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

func (c *Cell) migrate(ctx context.Context, p *pools, cluster registry.Cluster, databaseID string) error {
	cfg := ledger.MigrateConfig{
		URL: c.cfg.PlatformURL, Schema: c.cfg.Schema, AppRole: p.appRole, App: c.cfg.Migrations, Logger: c.cfg.Logger,
		Identity: ledger.Identity{
			ClusterID: cluster.ID, Cell: c.cfg.Cell, DatabaseID: databaseID, Hash: placement.HashName,
			Partitions: cmp.Or(c.cfg.Partitions, cluster.Partitions),
		},
	}
	return persist(ctx, c.cfg.Logger, "the schema's migrations", passing, func(ctx context.Context) error {
		return ledger.Migrate(ctx, cfg)
	})
}

// newInstance opens the migrated schema, once for moves and once for what must not wait for them.
func (c *Cell) newInstance(ctx context.Context, p *pools, cluster registry.Cluster) (*instance, error) {
	want := ledger.OpenConfig{
		Schema: c.cfg.Schema, Cell: c.cfg.Cell, ClusterID: cluster.ID, Partitions: cluster.Partitions, Hash: placement.HashName,
	}
	in := &instance{cfg: c.cfg, log: c.cfg.Logger.With("instance", c.cfg.Instance), pools: p}
	err := persist(ctx, c.cfg.Logger, "the cell's database", passing, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, identityTimeout)
		defer cancel()
		if in.ledger, err = ledger.Open(ctx, p.platform, want); err != nil {
			return err
		}
		in.keeper, err = ledger.Open(ctx, p.keeper, want)
		return err
	})
	if err != nil {
		return nil, err
	}
	id := in.identity()
	p.wrote.Store(&id)
	look := connectFunc(in.appConnects)
	p.appConnect.Store(&look)
	in.gate, err = gate.New(gate.Config{
		Cell: c.cfg.Cell, Partitions: id.Partitions, Key: c.cfg.Key, Keyless: c.cfg.Keyless, OnRefused: in.onRefused, Linger: linger,
	})
	if err != nil {
		return nil, err
	}
	in.hinted = make([]atomic.Int64, id.Partitions)
	in.hints = make(chan placement.Partition, hintQueue)
	in.held = make(chan struct{})
	in.transport = newTransport()
	in.peers = &protocol.Client{HTTP: &http.Client{Transport: in.transport}, Token: c.cfg.InternalToken}
	if err := in.register(); err != nil {
		return nil, err
	}
	in.app, err = c.cfg.App(AppDeps{Pool: p.app, CellID: c.cfg.Cell, Logger: c.cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("build the application: %w", err)
	}
	return in, nil
}
