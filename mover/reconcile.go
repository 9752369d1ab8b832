package mover

import (
	"fmt"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// reconcileAsker is in asked_by of moves that the journal had lost.
const reconcileAsker = "reconcile"

// claim is a cell's word that it owns a partition since an epoch.
type claim struct {
	cell  string
	epoch placement.Epoch
}

// findings is what one cell's rows say that journal and map may not know.
type findings struct {
	highest map[placement.Partition]placement.Epoch // of every row that has seen one
	claims  map[placement.Partition]claim
	orphans []registry.Move // moves that rows name and the journal does not have
	strange []string        // what no protocol can have left, for people
}

// examine reads a cell's rows. known are the IDs of all moves that the journal has or had during this term.
func examine(cell string, rows []protocol.Row, known map[string]bool) findings {
	f := findings{highest: map[placement.Partition]placement.Epoch{}, claims: map[placement.Partition]claim{}}
	for _, row := range rows {
		if high := max(row.Epoch, row.HighEpoch); high > 0 {
			f.highest[row.Partition] = high
		}
		if row.State == protocol.StateOwned || row.State == protocol.StateFenced {
			f.claims[row.Partition] = claim{cell: cell, epoch: row.Epoch}
		}
		if row.Move == "" || known[row.Move] {
			continue
		}
		if row.Peer == "" || row.Peer == cell || row.MoveEpoch == 0 {
			f.strange = append(f.strange, fmt.Sprintf("%s: partition %d names move %s without its other cell", cell, row.Partition, row.Move))
			continue
		}
		f.orphans = append(f.orphans, orphan(cell, row))
	}
	return f
}

// orphan rebuilds the journal's record of a move from a row that names it. It is open only where the row proves
// that the source has handed over; else it is undone, unless the other row proves it later.
func orphan(cell string, row protocol.Row) registry.Move {
	mv := registry.Move{
		ID: row.Move, Partition: row.Partition, Epoch: row.MoveEpoch,
		From: cell, To: row.Peer, State: registry.MoveUndoing, AskedBy: reconcileAsker,
	}
	switch row.State {
	case protocol.StateMoved:
		mv.State = registry.MoveOpen
	case protocol.StateImporting, protocol.StateReady:
		mv.From, mv.To = row.Peer, cell
	case protocol.StateOwned:
		if row.Epoch == row.MoveEpoch { // it came here by this move
			mv.From, mv.To, mv.State = row.Peer, cell, registry.MoveOpen
		}
	case protocol.StateFenced, protocol.StateAbsent:
	}
	return mv
}

// corrected returns the map with every claim that is above it, or nil if there is none. Partitions with a move in
// progress are left to their move.
func corrected(m *placement.Map, claims map[placement.Partition]claim, moving func(placement.Partition) bool) (*placement.Map, error) {
	next := m
	for p, c := range claims {
		if _, epoch := m.Owner(p); c.epoch <= epoch || moving(p) {
			continue
		}
		with, err := next.WithOwner(p, c.cell, c.epoch)
		if err != nil {
			return nil, fmt.Errorf("correct map from the row of %s: %w", c.cell, err)
		}
		next = with
	}
	if next == m {
		return nil, nil
	}
	return next, nil
}

// unassigned lists the partitions of the first map that the cell does not know it owns: the leader that made the
// map did not live to tell it.
func unassigned(m *placement.Map, cell string, rows []protocol.Row) []placement.Partition {
	seen := map[placement.Partition]bool{}
	for _, row := range rows {
		seen[row.Partition] = row.State != protocol.StateAbsent || row.HighEpoch > 0
	}
	var missing []placement.Partition
	for _, p := range m.Owned(cell) {
		if _, epoch := m.Owner(p); epoch == firstEpoch && !seen[p] {
			missing = append(missing, p)
		}
	}
	return missing
}
