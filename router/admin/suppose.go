package admin

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// errSuppose: the query asks for a change that cannot be; the message names the field.
var errSuppose = errors.New("invalid change")

// suppose returns the world as it would be after the one change that the query names: drain, undrain, or add with a
// weight. None leaves the world as it is.
func (w world) suppose(query url.Values) (world, error) {
	asked := 0
	for _, field := range []string{"drain", "undrain", "add"} {
		if query.Has(field) {
			asked++
		}
	}
	if asked > 1 {
		return w, fmt.Errorf("%w: one of drain, undrain and add at a time", errSuppose)
	}
	if query.Has("weight") && !query.Has("add") {
		return w, fmt.Errorf("%w: weight goes with add", errSuppose)
	}
	switch {
	case query.Has("drain"):
		name := query.Get("drain")
		if err := w.mayDrain(name); err != nil {
			return w, err
		}
		return w.changed(name, func(c *registry.Cell) { c.Draining = true }), nil
	case query.Has("undrain"):
		name := query.Get("undrain")
		if _, known := w.cell(name); !known {
			return w, registry.ErrNotFound
		}
		return w.changed(name, func(c *registry.Cell) { c.Draining, c.Removed = false, false }).manned(name), nil
	case query.Has("add"):
		return w.supposeAdded(query.Get("add"), query.Get("weight"))
	}
	return w, nil
}

func (w world) supposeAdded(name, weightText string) (world, error) {
	if err := placement.ValidateCellName(name); err != nil {
		return w, fmt.Errorf("%w: add: %w", errSuppose, err)
	}
	weight := 1
	if weightText != "" {
		var err error
		if weight, err = strconv.Atoi(weightText); err != nil || weight < 1 || weight > placement.MaxWeight {
			return w, fmt.Errorf("%w: weight: %q is not a number between 1 and %d", errSuppose, weightText, placement.MaxWeight)
		}
	}
	if w.owned(name) > 0 || w.healthy()[name] {
		return w, fmt.Errorf("%w: %s is there already", errOrder, name)
	}
	w.cells = slices.DeleteFunc(slices.Clone(w.cells), func(c registry.Cell) bool { return c.Name == name })
	w.cells = append(w.cells, registry.Cell{Name: name, Weight: weight})
	return w.manned(name), nil
}

// changed is the world with one cell's record changed.
func (w world) changed(name string, change func(*registry.Cell)) world {
	w.cells = slices.Clone(w.cells)
	for i := range w.cells {
		if w.cells[i].Name == name {
			change(&w.cells[i])
		}
	}
	return w
}

// manned is the world with a healthy instance of the cell, whether or not there is one.
func (w world) manned(name string) world {
	c, _ := w.cell(name)
	in := registry.Instance{Cell: name, ClusterID: w.cluster, DatabaseID: c.DatabaseID, Healthy: true}
	if w.m != nil {
		in.Partitions = w.m.Partitions()
	}
	w.instances = append(slices.Clone(w.instances), in)
	return w
}
