package route

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cellway/cellway/registry"
)

// bench is a cell's instances in the order in which they are tried: healthy ones first. Health only orders.
type bench struct {
	all     []registry.Instance
	healthy int // so many at the front of all
}

// seat sorts a list into benches by cell.
func seat(list []registry.Instance) map[string]bench {
	benches := map[string]bench{}
	for _, in := range list {
		b := benches[in.Cell]
		b.all = append(b.all, in)
		if in.Healthy {
			b.healthy++
		}
		benches[in.Cell] = b
	}
	for _, b := range benches {
		slices.SortFunc(b.all, func(x, y registry.Instance) int {
			return cmp.Or(rank(x)-rank(y), strings.Compare(x.ID, y.ID))
		})
	}
	return benches
}

func rank(in registry.Instance) int {
	if in.Healthy {
		return 0
	}
	return 1
}

func unhealthy(list []registry.Instance) bench {
	marked := slices.Clone(list)
	for i := range marked {
		marked[i].Healthy = false
	}
	return bench{all: marked}
}

// pick returns the instance to try next: of the healthy ones first, then of the others, beginning at a different
// one for each spread, none of the addresses in failed.
func (b bench) pick(spread uint32, failed []string) (registry.Instance, bool) {
	for _, group := range [][]registry.Instance{b.all[:b.healthy], b.all[b.healthy:]} {
		for i := range group {
			in := group[(int(spread%uint32(len(group)))+i)%len(group)]
			if !slices.Contains(failed, in.Address) {
				return in, true
			}
		}
	}
	return registry.Instance{}, false
}

// Instances returns the known instances of a cell, healthy ones first.
func (t *Table) Instances(cell string) []registry.Instance {
	return slices.Clone(t.instances[cell].all)
}

// AllInstances returns every known instance, by cell, healthy ones first.
func (t *Table) AllInstances() []registry.Instance {
	var list []registry.Instance
	for _, b := range t.instances {
		list = append(list, b.all...)
	}
	slices.SortStableFunc(list, func(x, y registry.Instance) int { return strings.Compare(x.Cell, y.Cell) })
	return list
}
