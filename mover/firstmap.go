package mover

import (
	"fmt"
	"strings"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// firstEpoch is the epoch of every partition in a first map.
const firstEpoch = placement.Epoch(1)

// guard refuses to plan for a cluster that was made with another hash, ring or partition count than this binary
// has: it would look for customers in the wrong place, or move most of them for nothing.
func guard(c registry.Cluster) string {
	switch {
	case c.Hash != placement.HashName:
		return fmt.Sprintf("the cluster places keys by %q, this binary by %q: run the binary that made it", c.Hash, placement.HashName)
	case c.Ring != "" && c.Ring != placement.RingName:
		return fmt.Sprintf("the cluster was made with ring %q, this binary has %q: ask for a plan before changing it", c.Ring, placement.RingName)
	case placement.ValidatePartitionCount(c.Partitions) != nil:
		return fmt.Sprintf("the cluster has %d partitions, which is no power of two", c.Partitions)
	}
	return ""
}

// readyForFirstMap says what is missing for the first map, "" if nothing: enough settled cells, and the rows of
// every known cell. None of these has ever seen an epoch (else the map is rebuilt). rows has the cells that were read.
func readyForFirstMap(e electorate, initial int, cells []registry.Cell, rows map[string][]protocol.Row) string {
	settled := 0
	for _, m := range e.members {
		if !m.Draining {
			settled++
		}
	}
	if settled < initial {
		return fmt.Sprintf("%d of %d cells for the first map have settled", settled, initial)
	}
	var unread []string
	for _, c := range cells {
		if _, ok := rows[c.Name]; !ok && !c.Removed {
			unread = append(unread, c.Name)
		}
	}
	if len(unread) > 0 {
		return fmt.Sprintf("%s have not been asked whether they hold partitions: out of reach", strings.Join(unread, ", "))
	}
	return ""
}
