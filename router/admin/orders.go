package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/edge"
)

var (
	errOrder    = errors.New("the cell is in use")
	errLastCell = fmt.Errorf("%w: it is the last one that may own partitions", errOrder)
)

// mayDrain says whether the cell may be asked to own nothing: there must be another to take its customers.
func (w world) mayDrain(name string) error {
	c, known := w.cell(name)
	healthy := w.healthy()
	if !known || c.Removed && !healthy[name] && w.owned(name) == 0 {
		return registry.ErrNotFound
	}
	for _, c := range w.cells {
		if c.Name != name && !c.Draining && !c.Removed && (healthy[c.Name] || w.owned(c.Name) > 0) {
			return nil
		}
	}
	return fmt.Errorf("drain %s: %w", name, errLastCell)
}

// mayRemove says whether the cell may be forgotten: it owns nothing, no move concerns it, and none is to come.
func (w world) mayRemove(name string) error {
	c, known := w.cell(name)
	if !known {
		return registry.ErrNotFound
	}
	if n := w.owned(name); n > 0 {
		return fmt.Errorf("%w: %s owns %d partitions; drain it first", errOrder, name, n)
	}
	for _, mv := range w.open {
		if mv.From == name || mv.To == name {
			return fmt.Errorf("%w: partition %d still moves from %s to %s", errOrder, mv.Partition, mv.From, mv.To)
		}
	}
	if !c.Draining && !c.Removed && w.healthy()[name] {
		return fmt.Errorf("%w: %s is healthy and is to get its share; drain it first", errOrder, name)
	}
	return nil
}

func (a *api) drain(c *gin.Context) {
	a.order(c, "drain", world.mayDrain, func(ctx context.Context, cell string) error {
		return errors.Join(a.cfg.Registry.SetDraining(ctx, cell, true), a.release(ctx))
	})
}

func (a *api) undrain(c *gin.Context) {
	anytime := func(w world, name string) error {
		if _, known := w.cell(name); !known {
			return registry.ErrNotFound
		}
		return nil
	}
	a.order(c, "undrain", anytime, func(ctx context.Context, cell string) error {
		return errors.Join(a.cfg.Registry.SetDraining(ctx, cell, false), a.release(ctx))
	})
}

func (a *api) remove(c *gin.Context) {
	a.order(c, "remove", world.mayRemove, func(ctx context.Context, cell string) error {
		return a.cfg.Registry.RemoveCell(ctx, cell)
	})
}

// order looks, asks whether it may, and keeps in the registry what was asked for. Asking twice is as asking once.
func (a *api) order(c *gin.Context, verb string, may func(world, string) error, ask func(context.Context, string) error) {
	cell := c.Param("cell")
	w, err := a.take(c.Request.Context(), cell, may, ask)
	if err != nil {
		a.fail(c, err)
		return
	}
	a.cfg.Logger.Info("operator asked", slog.String("verb", verb), slog.String("cell", cell), slog.String("client", client(c)),
		slog.String("request_id", edge.RequestID(c)))
	edge.WriteJSON(c, http.StatusAccepted, gin.H{"epoch": w.epoch()})
}

func (a *api) take(ctx context.Context, cell string, may func(world, string) error, ask func(context.Context, string) error) (world, error) {
	return a.inTurn(ctx, func(ctx context.Context, w world) error {
		if err := may(w, cell); err != nil {
			return err
		}
		return ask(ctx, cell)
	})
}

// inTurn looks and then acts, while no other order does.
func (a *api) inTurn(ctx context.Context, act func(context.Context, world) error) (world, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*a.cfg.Patience)
	defer cancel()
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return world{}, fmt.Errorf("wait for another order: %w", ctx.Err())
	}
	w, err := a.look(ctx)
	if err != nil {
		return w, err
	}
	return w, act(ctx, w)
}

func client(c *gin.Context) string {
	host, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}
