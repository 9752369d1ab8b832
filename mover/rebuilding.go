package mover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// A registry that has lost its data gets it back from the cells' databases (protocol, rule 12): the cluster and its
// cells from the registered instances, the map from the rows, open moves from the rows that name them (see repair).
// What only the registry had is gone: drains that were asked for, pins, the history.

// tokenLeap is how far the token of who rebuilds is at least above those in rows: leaders that never commanded anything
// have left theirs in none, and in the new registry's count one of them may come again.
const tokenLeap = 1 << 10

// readCluster reads the cluster's identity, or writes it back where the registry has lost it.
func (t *term) readCluster(ctx context.Context) (registry.Cluster, error) {
	c, err := t.cfg.Registry.Cluster(ctx)
	if !errors.Is(err, registry.ErrNotFound) {
		return c, err
	}
	// A cell registers after it has seen its cluster in the registry, or has one in its schema. So if there are
	// instances, there was a cluster.
	list, err := t.cfg.Registry.Instances(ctx)
	if err != nil {
		return c, fmt.Errorf("list instances: %w", err)
	}
	if c, err = lostCluster(list); err != nil {
		return c, err
	}
	c.CreatedAt = time.Now().UTC()
	if c, err = t.cfg.Registry.CreateCluster(ctx, c); err != nil {
		return c, fmt.Errorf("write back the cluster: %w", err)
	}
	t.log.Warn("the registry had lost the cluster: written back as its cells know it", slog.String("cluster", c.ID), slog.Int("partitions", c.Partitions))
	return c, nil
}

// regainCells makes the cells known whose instances are registered although the registry does not know the cells.
func (t *term) regainCells(ctx context.Context) error {
	if t.m != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	known := map[string]bool{}
	for _, c := range t.cells {
		known[c.Name] = true
	}
	admitted, _ := admit(t.instances, t.cluster, t.cells)
	for _, in := range admitted {
		if known[in.Cell] {
			continue
		}
		if i := slices.IndexFunc(admitted, func(o registry.Instance) bool { return o.Cell == in.Cell && o.DatabaseID != in.DatabaseID }); i >= 0 {
			t.problems.add(fmt.Sprintf("%s and %s say that they are %s, with two databases", in.ID, admitted[i].ID, in.Cell))
			continue
		}
		c, err := t.cfg.Registry.AnnounceCell(ctx, in.Cell, in.DatabaseID, in.Weight)
		if err != nil {
			return fmt.Errorf("write back cell %s: %w", in.Cell, err)
		}
		known[in.Cell] = true
		t.cells = append(t.cells, c)
	}
	return nil
}

// rebuildMap makes the map again that the registry has lost, and says whether it has lost one. It waits for every
// cell that may own something; in the end what nobody claims stays without an owner, until its cell is read.
func (t *term) rebuildMap(ctx context.Context) (lost bool, err error) {
	rows := t.rowsRead()
	r := rebuild(t.cluster.Partitions, rows)
	if !r.known {
		return false, nil
	}
	if t.lostSince.IsZero() {
		t.lostSince = time.Now()
		t.log.Warn("the registry has no map, but the cells hold partitions: it is rebuilt from their databases")
	}
	for _, c := range t.cells {
		if _, read := rows[c.Name]; !read && !c.Removed {
			r.missing = append(r.missing, c.Name)
		}
	}
	slices.Sort(r.missing)
	r.missing = slices.Compact(r.missing)
	for _, why := range r.contested {
		t.problems.add(why)
	}
	complete := len(r.missing) == 0 && len(r.unclaimed) == 0
	nothing := len(r.unclaimed) == len(r.owners) // no map is better than one that says nothing
	if nothing || !complete && time.Since(t.lostSince) < t.cfg.RebuildWait {
		t.problems.add(r.waiting())
		return true, nil
	}
	return true, t.createRebuilt(ctx, r)
}

// waiting says what a map that is being rebuilt lacks, for people.
func (r rebuilt) waiting() string {
	text := "the registry has lost the map, which is being rebuilt from the cells' databases"
	if len(r.unclaimed) > 0 {
		text += fmt.Sprintf("; nobody has claimed %d partitions yet", len(r.unclaimed))
	}
	if len(r.missing) > 0 {
		text += "; not read yet: " + strings.Join(r.missing, ", ")
	}
	return text
}

func (t *term) createRebuilt(ctx context.Context, r rebuilt) error {
	m, err := placement.MapOf(r.epoch, r.owners)
	if err != nil {
		return fmt.Errorf("rebuild map: %w", err)
	}
	if err := t.catchUp(ctx, r.token+tokenLeap); err != nil {
		return err
	}
	if err := t.hook(ctx, BeforeCreateMap); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, t.cfg.StepTimeout)
	defer cancel()
	err = t.cfg.Registry.CreateMap(bounded, t.leader, m)
	if errors.Is(err, registry.ErrConflict) {
		return t.reloadMap(bounded) // an answer was lost: it is there
	}
	if err != nil {
		return fmt.Errorf("store rebuilt map: %w", err)
	}
	t.m, t.replan = m, true
	t.log.Warn("map rebuilt from the cells' databases", slog.Uint64("epoch", uint64(m.Epoch())), slog.Any("cells", m.Cells()),
		slog.Int("unclaimed", len(r.unclaimed)), slog.String("unclaimed_partitions", ranges(r.unclaimed)), slog.Any("not_read", r.missing))
	return t.hook(ctx, AfterCreateMap)
}

// catchUp raises the leader's token to at least the one that a row has seen, if it is lower: the registry counts
// from lower than it once did. If another process leads, this one learns it here.
func (t *term) catchUp(ctx context.Context, token uint64) error {
	if token <= t.leader.Token {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.StepTimeout)
	defer cancel()
	raised, err := t.cfg.Registry.RaiseToken(ctx, t.leader, token)
	if err != nil {
		return fmt.Errorf("raise the leader's token above %d: %w", token, err)
	}
	t.log.Warn("cells have obeyed leaders with higher tokens: this leader's is raised", slog.Uint64("from", t.leader.Token), slog.Uint64("to", raised.Token))
	t.leader = raised
	return nil
}
