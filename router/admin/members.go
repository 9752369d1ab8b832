package admin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// admitted are the instances that belong to this cluster and to the database that their cell is known with. The
// mover lets no others take part.
func (w world) admitted() []registry.Instance {
	return slices.DeleteFunc(slices.Clone(w.instances), func(in registry.Instance) bool {
		c, known := w.cell(in.Cell)
		return in.ClusterID != w.cluster || w.m != nil && in.Partitions != w.m.Partitions() || known && in.DatabaseID != c.DatabaseID
	})
}

// healthy are the cells with a healthy instance.
func (w world) healthy() map[string]bool {
	cells := map[string]bool{}
	for _, in := range w.admitted() {
		if in.Healthy {
			cells[in.Cell] = true
		}
	}
	return cells
}

// members are who takes part in a plan now: every owner, however silent, and every known cell with a healthy
// instance that was not asked to go. Unlike the mover's, they include those who have not settled yet.
func (w world) members() []placement.Member {
	healthy := w.healthy()
	var owners []string
	if w.m != nil {
		owners = w.m.Cells()
	}
	var members []placement.Member
	for _, c := range w.cells {
		leaving := c.Draining || c.Removed
		if slices.Contains(owners, c.Name) || !leaving && healthy[c.Name] {
			members = append(members, placement.Member{Name: c.Name, Weight: max(c.Weight, 1), Draining: leaving})
		}
	}
	for _, owner := range owners {
		if _, known := w.cell(owner); !known { // the registry has forgotten it; its customers are still there
			members = append(members, placement.Member{Name: owner, Weight: 1})
		}
	}
	slices.SortFunc(members, func(a, b placement.Member) int { return strings.Compare(a.Name, b.Name) })
	return members
}

// target is the map with the open moves done, but for those that are being taken back.
func (w world) target() *placement.Map {
	m := w.m
	for _, mv := range w.open {
		if mv.State == registry.MoveUndoing {
			continue
		}
		if next, err := m.WithOwner(mv.Partition, mv.To, mv.Epoch); err == nil { // else it is flipped already
			m = next
		}
	}
	return m
}

// plan is what is left to be moved once the open moves are done. The error says why there can be none.
func (w world) plan() (placement.Plan, error) {
	if w.m == nil {
		return placement.Plan{}, nil
	}
	members := w.members()
	target := w.target()
	for _, cell := range target.Cells() { // a move's target may have been lost by the list since
		if !slices.ContainsFunc(members, func(m placement.Member) bool { return m.Name == cell }) {
			c, _ := w.cell(cell)
			members = append(members, placement.Member{Name: cell, Weight: max(c.Weight, 1), Draining: c.Draining || c.Removed})
		}
	}
	plan, err := placement.MakePlan(target, members)
	if err != nil {
		return plan, fmt.Errorf("plan a rebalance: %w", err)
	}
	return plan, nil
}
