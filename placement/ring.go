package placement

import (
	"fmt"
	"math/bits"

	"github.com/buraksezer/consistent"
	"github.com/cespare/xxhash/v2"
)

// RingName names the ring with everything that decides what it proposes. It is stored with a cluster, so that
// a change is noticed.
const RingName = "buraksezer/consistent v1.0.0 xxhash64 points=4096 replicas=4..64 load=1.05"

const (
	// ringPoints is about how many points the ring has, whatever the number of cells. The library sorts all
	// of them once for every cell: with a fixed number of replicas, 20 each, 1,000 cells take 700 ms.
	ringPoints      = 4096
	ringMinReplicas = 4
	ringMaxReplicas = 64
	// ringLoad: no cell is proposed for more than this multiple of the mean, rounded up.
	ringLoad = 1.05
)

// Ring is the consistent-hash ring over cells. It proposes an owner for every partition; the map decides.
// A Ring never changes.
type Ring struct {
	cells  []string // sorted
	owners []uint16 // by partition: index into cells
}

// NewRing builds the ring over the cells, in whatever order they are given. The error is [ErrNoCells] for none,
// [ErrMembers] for a duplicate or too many, [ErrCellName], [ErrPartitionCount], or [ErrRing] where the library
// gives up.
func NewRing(cells []string, partitions int) (*Ring, error) {
	if err := ValidatePartitionCount(partitions); err != nil {
		return nil, fmt.Errorf("build ring: %w", err)
	}
	members := make([]Member, len(cells))
	for i, cell := range cells {
		members[i] = Member{Name: cell, Weight: 1}
	}
	sorted, err := sortedMembers(members)
	if err != nil {
		return nil, fmt.Errorf("build ring: %w", err)
	}
	if len(sorted) == 0 {
		return nil, fmt.Errorf("build ring: %w", ErrNoCells)
	}
	r, err := buildRing(sorted, partitions)
	if err != nil {
		return nil, fmt.Errorf("build ring of %d cells and %d partitions: %w", len(cells), partitions, err)
	}
	return r, nil
}

// Owner returns the cell that the ring proposes for p; "" if there is no such partition.
func (r *Ring) Owner(p Partition) string {
	if uint(p) >= uint(len(r.owners)) { // a negative p is a huge uint
		return ""
	}
	return r.cells[r.owners[p]]
}

// Locate returns the cell that the ring proposes for the partition of a key. (It is not the library's
// LocateKey, which has a partition function of its own.)
func (r *Ring) Locate(key string) string { return r.Owner(PartitionOf(key, len(r.owners))) }

// buildRing asks the library once for every partition and keeps the answers. The library panics where it finds
// no room; that becomes an error.
func buildRing(sorted []Member, partitions int) (r *Ring, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("%w: %v", ErrRing, p)
		}
	}()
	r = &Ring{owners: make([]uint16, partitions)}
	members := make([]consistent.Member, len(sorted))
	for i, m := range sorted {
		r.cells = append(r.cells, m.Name)
		members[i] = ringMember{name: m.Name, index: uint16(i)}
	}
	library := consistent.New(members, consistent.Config{
		Hasher:            ringHash{},
		PartitionCount:    partitions,
		ReplicationFactor: ringReplicas(len(sorted)),
		Load:              ringLoad,
	})
	for p := range r.owners {
		owner, ok := library.GetPartitionOwner(p).(ringMember)
		if !ok {
			return nil, fmt.Errorf("%w: partition %d got no owner", ErrRing, p)
		}
		r.owners[p] = owner.index
	}
	return r, nil
}

// ringReplicas returns how many points each of n cells has on the ring: a power of two, so that it changes
// seldom while cells come and go.
func ringReplicas(n int) int {
	rounded := 1 << bits.Len(uint(n-1))
	return min(max(ringPoints/rounded, ringMinReplicas), ringMaxReplicas)
}

type ringMember struct {
	name  string
	index uint16
}

func (m ringMember) String() string { return m.name }

type ringHash struct{}

func (ringHash) Sum64(b []byte) uint64 { return xxhash.Sum64(b) }
