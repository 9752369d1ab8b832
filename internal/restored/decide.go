package restored

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// fenceLeap is how far the numbers of coming fencings are above those that the lost past may have drawn.
const fenceLeap = 1 << 20

// Action is what becomes of one partition's row.
type Action string

const (
	Keep   Action = "keep"   // it stays, with the highest epoch and token that anybody has seen
	Moved  Action = "moved"  // another cell owns the partition by now: the rows go
	Absent Action = "absent" // a half import: the rows go
	Refuse Action = "refuse" // a person has to look
)

// Facts is what is compared.
type Facts struct {
	Cell  string
	Own   []protocol.Row            // of the restored database
	Map   *placement.Map            // the registry's
	Peers map[string][]protocol.Row // of every other cell that the registry, the map or a row knows
	Open  map[string]bool           // IDs of the moves that the journal has open
}

// Decision is what becomes of one partition.
type Decision struct {
	Partition placement.Partition
	Do        Action
	Was, Row  protocol.Row // the row as it is, and as it shall be
	Why       string       // for people; empty where nothing is to be said
}

// Wipes says whether the partition's rows go.
func (d Decision) Wipes() bool { return d.Do == Moved || d.Do == Absent }

// others is what everybody else says about one partition.
type others struct {
	owner   placement.Ownership // the cell whose row is owned or fenced, at the highest epoch
	rivals  bool                // two cells own it
	handed  placement.Ownership // to whom a row has handed it over last
	ready   string              // the cell that is ready to take it from the restored one
	mapped  placement.Ownership
	highest placement.Epoch
	token   uint64
	fence   int64
}

// Decide compares, partition by partition. The decisions are in the order of the rows.
func Decide(f Facts) []Decision {
	peers := map[placement.Partition]map[string]protocol.Row{}
	for cell, rows := range f.Peers {
		for _, row := range rows {
			if peers[row.Partition] == nil {
				peers[row.Partition] = map[string]protocol.Row{}
			}
			peers[row.Partition][cell] = row
		}
	}
	out := make([]Decision, 0, len(f.Own))
	for _, row := range f.Own {
		o := hear(f.Cell, peers[row.Partition])
		o.mapped.Cell, o.mapped.Epoch = f.Map.Owner(row.Partition)
		o.highest = max(o.highest, o.mapped.Epoch)
		out = append(out, decide(f.Cell, row, o, f.Open[row.Move]))
	}
	return out
}

// hear sums up what the peers' rows of one partition say.
func hear(cell string, rows map[string]protocol.Row) others {
	var o others
	for _, peer := range slices.Sorted(maps.Keys(rows)) {
		row := rows[peer]
		o.highest = max(o.highest, row.Epoch, row.HighEpoch, row.MoveEpoch)
		o.token, o.fence = max(o.token, row.Token), max(o.fence, row.FenceNo)
		switch row.State {
		case protocol.StateOwned, protocol.StateFenced:
			o.rivals = o.rivals || o.owner.Cell != ""
			if row.Epoch > o.owner.Epoch || o.owner.Cell == "" {
				o.owner = placement.Ownership{Cell: peer, Epoch: row.Epoch}
			}
		case protocol.StateMoved:
			if row.Epoch > o.handed.Epoch {
				o.handed = placement.Ownership{Cell: row.Peer, Epoch: row.Epoch}
			}
		case protocol.StateReady:
			if row.Peer == cell {
				o.ready = peer
			}
		case protocol.StateAbsent, protocol.StateImporting:
		}
	}
	return o
}

// decide is the table of the package's documentation.
func decide(cell string, row protocol.Row, o others, open bool) Decision {
	d := Decision{Partition: row.Partition, Was: row, Do: Keep}
	owns := row.State == protocol.StateOwned || row.State == protocol.StateFenced
	later := max(epochOf(cell, o.mapped), epochOf(cell, o.handed)) // since when this cell last had it, as others know
	refuse := func(format string, args ...any) { d.Do, d.Why = Refuse, fmt.Sprintf(format, args...) }
	switch {
	case o.rivals:
		refuse("two other cells claim it, %s the last", o.owner.Cell)
	case o.owner.Cell != "" && o.owner.Epoch < later:
		refuse("%s owns it since epoch %d, but this cell is said to have it since %d", o.owner.Cell, o.owner.Epoch, later)
	case o.owner.Cell != "" && owns && o.owner.Epoch <= row.Epoch:
		refuse("%s owns it since epoch %d, this cell since %d", o.owner.Cell, o.owner.Epoch, row.Epoch)
	case o.owner.Cell != "":
		d.yield(o.owner, open)
	case o.ready != "" && owns:
		refuse("%s has a complete copy by a move, and may be about to own it", o.ready)
	case owns && later > row.Epoch:
		refuse("this cell had it again since epoch %d; the row is of epoch %d: what came later is lost", later, row.Epoch)
	case owns && max(o.mapped.Epoch, o.handed.Epoch) > row.Epoch:
		refuse("it is said to have gone to %s, which does not own it", newest(o.mapped, o.handed).Cell)
	case owns && o.mapped.Epoch == row.Epoch && o.mapped.Cell != cell:
		refuse("the map gives it to %s at the same epoch %d", o.mapped.Cell, row.Epoch)
	case owns:
	case row.State == protocol.StateReady && o.handed == (placement.Ownership{Cell: cell, Epoch: row.MoveEpoch}) && o.mapped.Epoch <= row.MoveEpoch:
		d.Why = "its source has handed it over: the move goes on"
	case row.State == protocol.StateReady || row.State == protocol.StateImporting:
		refuse("it is %s here, and no other cell owns it", row.State)
	case later > row.Epoch:
		refuse("this cell has had it since epoch %d, but here it is %s: the database is older than that", later, row.State)
	}
	d.Row = after(d, o)
	return d
}

// yield: another cell owns the partition, rightly. Rows that a move of the journal has still to compare stay for it.
func (d *Decision) yield(owner placement.Ownership, open bool) {
	switch s := d.Was.State; {
	case s == protocol.StateImporting || s == protocol.StateReady:
		d.Do, d.Why = Absent, fmt.Sprintf("%s owns it: a half import goes", owner.Cell)
	case s == protocol.StateOwned || s == protocol.StateFenced:
		d.Do, d.Why = Moved, fmt.Sprintf("%s owns it since epoch %d", owner.Cell, owner.Epoch)
	case s == protocol.StateMoved && !d.Was.Swept && !open:
		d.Do, d.Why = Moved, fmt.Sprintf("%s owns it since epoch %d: old rows go", owner.Cell, owner.Epoch)
	default:
		return
	}
	d.Row.Peer, d.Row.Epoch = owner.Cell, owner.Epoch
}

// after is the row as it shall be.
func after(d Decision, o others) protocol.Row {
	owner := d.Row
	row := d.Was
	if d.Do == Refuse {
		return row
	}
	row.HighEpoch = max(row.HighEpoch, row.Epoch, row.MoveEpoch, o.highest)
	row.Token = max(row.Token, o.token)
	if d.Do == Keep {
		if row.State == protocol.StateOwned {
			row.FenceNo = max(row.FenceNo, o.fence) + fenceLeap
		}
		return row
	}
	row = protocol.Row{
		Partition: row.Partition, State: protocol.StateAbsent, Epoch: row.Epoch, HighEpoch: row.HighEpoch, Token: row.Token,
		FenceNo: max(row.FenceNo, o.fence) + fenceLeap, Attempt: row.Attempt,
	}
	if d.Do == Moved {
		row.State, row.Peer, row.Epoch, row.Swept = protocol.StateMoved, owner.Peer, owner.Epoch, true
	} else {
		row.FenceNo = 0 // as a cleared import has it
	}
	return row
}

// epochOf is the epoch of the ownership, if it is the cell's.
func epochOf(cell string, o placement.Ownership) placement.Epoch {
	if o.Cell == cell {
		return o.Epoch
	}
	return 0
}

func newest(a, b placement.Ownership) placement.Ownership {
	if a.Epoch > b.Epoch {
		return a
	}
	return b
}
