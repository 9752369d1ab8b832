package admin

import (
	"slices"
	"strings"

	"github.com/cellway/cellway/registry"
)

// Status is what a cell is doing, for people and scripts.
type Status string

const (
	StatusActive   Status = "active"   // owns partitions, or may
	StatusJoining  Status = "joining"  // its first share has not arrived, or not all of it
	StatusDraining Status = "draining" // asked to own nothing; also when it owns nothing any more
	StatusSick     Status = "sick"     // owns partitions and has no healthy instance
	StatusGone     Status = "gone"     // owns nothing and has no instance
)

// situation is everything that a cell's status follows from.
type situation struct {
	leaving   bool // asked to drain, or to be forgotten
	owned     int  // partitions
	instances int
	healthy   int
	awaiting  bool // more partitions are to come to it
	joins     bool // because cells have joined
}

func (s situation) status() Status {
	switch {
	case s.owned == 0 && s.instances == 0:
		return StatusGone
	case s.leaving:
		return StatusDraining
	case s.owned > 0 && s.healthy == 0:
		return StatusSick
	case s.healthy == 0, s.awaiting && (s.owned == 0 || s.joins):
		return StatusJoining
	default:
		return StatusActive
	}
}

// cellInfo is a cell in the answer of GET /admin/cells.
type cellInfo struct {
	CellID     string         `json:"cell_id"`
	Status     Status         `json:"status"`
	Weight     int            `json:"weight"`
	Partitions int            `json:"partitions"`
	Customers  *int64         `json:"customers"` // null: the cell did not say
	Instances  []instanceInfo `json:"instances"`
}

type instanceInfo struct {
	Address string `json:"address"`
	Healthy bool   `json:"healthy"`
	Version string `json:"version"`
}

// cellInfos lists every known cell by name, but those removed of which nothing is left.
func (w world) cellInfos() []cellInfo {
	infos := []cellInfo{}
	coming := w.coming()
	for _, name := range w.names() {
		record, known := w.cell(name)
		info := cellInfo{CellID: name, Weight: max(record.Weight, 1), Partitions: w.owned(name), Instances: []instanceInfo{}}
		s := situation{leaving: record.Draining || record.Removed, owned: info.Partitions, awaiting: coming[name] > 0, joins: w.joins(name)}
		for _, in := range w.instancesOf(name) {
			info.Instances = append(info.Instances, instanceInfo{in.Address, in.Healthy, in.Version})
			s.instances++
			if in.Healthy {
				s.healthy++
			}
			if !known {
				info.Weight = max(in.Weight, 1)
			}
		}
		info.Status = s.status()
		if record.Removed && s.owned == 0 && s.healthy == 0 {
			continue
		}
		infos = append(infos, info)
	}
	return infos
}

// names are the cells that the registry knows, that own something, or that have an instance.
func (w world) names() []string {
	var names []string
	for _, c := range w.cells {
		names = append(names, c.Name)
	}
	if w.m != nil {
		names = append(names, w.m.Cells()...)
	}
	for _, in := range w.instances {
		names = append(names, in.Cell)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// instancesOf lists a cell's instances, healthy ones first.
func (w world) instancesOf(cell string) []registry.Instance {
	var list []registry.Instance
	for _, in := range w.instances {
		if in.Cell == cell {
			list = append(list, in)
		}
	}
	slices.SortStableFunc(list, func(a, b registry.Instance) int {
		if a.Healthy != b.Healthy {
			if a.Healthy {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// coming is how many partitions are on their way to each cell, planned ones included.
func (w world) coming() map[string]int {
	coming := map[string]int{}
	plan, err := w.plan()
	if err == nil {
		for _, mv := range plan.Moves {
			coming[mv.To]++
		}
	}
	for _, mv := range w.open {
		if mv.State == registry.MoveOpen {
			coming[mv.To]++
		}
	}
	if w.m == nil {
		for _, m := range w.members() {
			coming[m.Name]++ // of the first map
		}
	}
	return coming
}

// askedJoin is the journal's word for moves that follow from a cell's joining.
const askedJoin = "join"

// joins says whether what comes to the cell comes because cells have joined.
func (w world) joins(cell string) bool {
	if w.rebalance.Running && w.rebalance.AskedBy == askedJoin {
		return true
	}
	return slices.ContainsFunc(w.open, func(mv registry.Move) bool { return mv.To == cell && mv.AskedBy == askedJoin })
}
