package admin

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// world is what the registry held at one look.
type world struct {
	m         *placement.Map // nil: there is none yet
	cluster   string         // "": not known
	cells     []registry.Cell
	instances []registry.Instance
	open      []registry.Move
	rebalance registry.Rebalance
	orders    registry.OrderBook
	leader    string
}

// look reads the registry. First what a plan is made from, then what shows that it is being carried out: a move
// that begins and ends in between is then in one of them at least.
func (a *api) look(ctx context.Context) (world, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Patience)
	defer cancel()
	var w world
	reg := a.cfg.Registry
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		w.m, err = reg.Map(gctx)
		return unlessAbsent(err)
	})
	g.Go(func() error {
		c, err := reg.Cluster(gctx)
		w.cluster = c.ID
		return unlessAbsent(err)
	})
	g.Go(func() (err error) { // a hold is over when the cells differ from what they were before it
		if w.orders, err = reg.Orders(gctx); err == nil {
			w.cells, err = reg.Cells(gctx)
		}
		return err
	})
	g.Go(func() (err error) { w.instances, err = reg.Instances(gctx); return err })
	if err := g.Wait(); err != nil {
		return w, fmt.Errorf("look at the registry: %w", err)
	}
	g, gctx = errgroup.WithContext(ctx)
	g.Go(func() (err error) { w.open, err = reg.OpenMoves(gctx); return err })
	g.Go(func() (err error) { w.rebalance, err = reg.Rebalance(gctx); return err })
	g.Go(func() (err error) { w.leader, err = reg.Leader(gctx); return err })
	if err := g.Wait(); err != nil {
		return w, fmt.Errorf("look at the registry: %w", err)
	}
	if w.m != nil {
		// Who hears that a rebalance has ended, and asks for the map then, must find it ended there, too.
		a.cfg.View.Offer(ctx, w.m)
	}
	return w, nil
}

func unlessAbsent(err error) error {
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	return err
}

// epoch is the map's; 0 while there is none.
func (w world) epoch() placement.Epoch {
	if w.m == nil {
		return 0
	}
	return w.m.Epoch()
}

// owned is how many partitions the cell has in the map.
func (w world) owned(cell string) int {
	if w.m == nil {
		return 0
	}
	return w.m.Counts()[cell]
}

// cell returns the cell's record.
func (w world) cell(name string) (registry.Cell, bool) {
	for _, c := range w.cells {
		if c.Name == name {
			return c, true
		}
	}
	return registry.Cell{}, false
}
