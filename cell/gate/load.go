package gate

import (
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Load is the reading of one partition's row, from before it was read.
type Load struct {
	partition placement.Partition
	version   uint64
}

// BeginLoad comes before the row is read.
func (g *Gate) BeginLoad(p placement.Partition) Load {
	d := &g.doors[p]
	d.mu.Lock()
	defer d.mu.Unlock()
	return Load{partition: p, version: d.version}
}

// Apply makes the row, which was read after the load began, the partition's state. False if a close or another row
// came in between: then the row may be older than what is known, and has to be read again.
func (g *Gate) Apply(l Load, row protocol.Row) bool {
	d := &g.doors[l.partition]
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.version != l.version || row.Partition != l.partition {
		return false
	}
	d.put(row)
	return true
}

// FullLoad is the reading of every partition's row, from before they were read.
type FullLoad struct{ versions []uint64 }

// BeginFullLoad comes before the rows are read.
func (g *Gate) BeginFullLoad() FullLoad {
	l := FullLoad{versions: make([]uint64, len(g.doors))}
	for i := range g.doors {
		l.versions[i] = g.BeginLoad(placement.Partition(i)).version
	}
	return l
}

// ApplyAll applies the rows, which were read after the load began, and returns the partitions that something newer
// happened to in between.
func (g *Gate) ApplyAll(l FullLoad, rows []protocol.Row) (passed []placement.Partition) {
	for _, row := range rows {
		p := row.Partition
		if p < 0 || int(p) >= len(g.doors) {
			continue
		}
		if !g.Apply(Load{partition: p, version: l.versions[p]}, row) {
			passed = append(passed, p)
		}
	}
	return passed
}
