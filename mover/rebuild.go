package mover

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// rebuildLeap is how far a rebuilt map's epoch is above every epoch that rows have seen: more than the lost map can
// have been ahead of them. So routers, which never go back, take it in, and no epoch is drawn a second time.
const rebuildLeap = placement.Epoch(1 << 20)

// errTwoClusters: instances of several clusters are registered, and nothing says which one the registry belonged to.
var errTwoClusters = errors.New("instances of several clusters are registered in a registry that has lost its own")

// rebuilt is what the rows of the cells say about a map that the registry has lost.
type rebuilt struct {
	known     bool                  // some row has seen an epoch: the cluster has had a map
	owners    []placement.Ownership // by partition
	epoch     placement.Epoch       // of the map
	token     uint64                // the highest leader's token that a row has seen
	unclaimed []placement.Partition // that nobody who was read owns
	missing   []string              // cells that rows name as owners of these, and that were not read
	contested []string              // where rows contradict each other, for people
}

// seat is one cell's row of a partition.
type seat struct {
	cell string
	row  protocol.Row
}

// rebuild reads the owners out of the rows of all cells that were read.
func rebuild(partitions int, rows map[string][]protocol.Row) rebuilt {
	r := rebuilt{owners: make([]placement.Ownership, partitions)}
	seats := make([][]seat, partitions)
	for _, cell := range slices.Sorted(maps.Keys(rows)) {
		for _, row := range rows[cell] {
			r.epoch = max(r.epoch, row.Epoch, row.HighEpoch, row.MoveEpoch)
			r.token = max(r.token, row.Token)
			if uint(row.Partition) < uint(partitions) {
				seats[row.Partition] = append(seats[row.Partition], seat{cell, row})
			}
		}
	}
	r.known = r.epoch > 0
	r.epoch += rebuildLeap
	for p, of := range seats {
		r.take(placement.Partition(p), of, rows)
	}
	slices.Sort(r.missing)
	r.missing = slices.Compact(r.missing)
	return r
}

// take decides one partition. It belongs to the cell whose row is owned or fenced at the highest epoch. Between the
// steps 8 and 9 of a move, when nobody owns, it belongs to the target that the source names, if that is ready for
// this very move. In every other case it is nobody's.
func (r *rebuilt) take(p placement.Partition, seats []seat, rows map[string][]protocol.Row) {
	var best, named seat
	for _, s := range seats {
		switch s.row.State {
		case protocol.StateOwned, protocol.StateFenced:
			if best.cell != "" {
				r.contested = append(r.contested, fmt.Sprintf("partition %d is claimed by %s at epoch %d and by %s at epoch %d",
					p, best.cell, best.row.Epoch, s.cell, s.row.Epoch))
			}
			if s.row.Epoch == best.row.Epoch && best.cell != "" {
				best.cell = "" // never two owners: nobody's, until a person has looked
			} else if s.row.Epoch > best.row.Epoch {
				best = s
			}
		case protocol.StateMoved:
			if s.row.Epoch > named.row.Epoch {
				named = s
			}
		case protocol.StateAbsent, protocol.StateImporting, protocol.StateReady:
		}
	}
	switch {
	case named.row.Epoch > best.row.Epoch && awaits(named.row, seats):
		r.owners[p] = placement.Ownership{Cell: named.row.Peer, Epoch: named.row.Epoch}
	case named.row.Epoch > best.row.Epoch:
		r.unclaimed = append(r.unclaimed, p)
		if _, read := rows[named.row.Peer]; read {
			r.contested = append(r.contested, fmt.Sprintf("partition %d was handed over by %s to %s, which does not have it", p, named.cell, named.row.Peer))
		} else {
			r.missing = append(r.missing, named.row.Peer)
		}
	case best.cell == "":
		r.unclaimed = append(r.unclaimed, p)
	default:
		r.owners[p] = placement.Ownership{Cell: best.cell, Epoch: best.row.Epoch}
	}
}

// awaits: the cell to which the row has handed over is ready for this very move.
func awaits(moved protocol.Row, seats []seat) bool {
	return slices.ContainsFunc(seats, func(s seat) bool {
		return s.cell == moved.Peer && s.row.State == protocol.StateReady && s.row.Busy(moved.Move) && s.row.MoveEpoch == moved.Epoch
	})
}

// lostCluster is the identity of the cluster that the instances belong to, as their schemas have it.
func lostCluster(list []registry.Instance) (registry.Cluster, error) {
	c := registry.Cluster{Hash: placement.HashName, Ring: placement.RingName}
	for _, in := range list {
		switch {
		case c.ID == "":
			c.ID, c.Partitions = in.ClusterID, in.Partitions
		case in.ClusterID != c.ID || in.Partitions != c.Partitions:
			return c, fmt.Errorf("%w: %s with %d partitions, and that of %s: %s with %d", errTwoClusters,
				c.ID, c.Partitions, in.ID, in.ClusterID, in.Partitions)
		}
	}
	if c.ID == "" {
		return c, registry.ErrNotFound
	}
	return c, nil
}

// ownerless lists the partitions that the map gives to nobody.
func ownerless(m *placement.Map) []placement.Partition {
	var list []placement.Partition
	for p := range placement.Partition(m.Partitions()) {
		if owner, _ := m.Owner(p); owner == "" {
			list = append(list, p)
		}
	}
	return list
}

// ranges writes partitions, in ascending order, for people: "3, 7-9".
func ranges(list []placement.Partition) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		part := fmt.Sprint(list[i])
		if j > i {
			part = fmt.Sprintf("%d-%d", list[i], list[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	const told = 20
	if len(parts) > told {
		parts = append(parts[:told], fmt.Sprintf("and %d more", len(parts)-told))
	}
	return strings.Join(parts, ", ")
}
