package explore

import (
	"github.com/cellway/cellway/registry"
)

const (
	maxCells   = 3
	maxLeaders = 3
	maxLate    = 3
	maxCopies  = 2
	tables     = 2
)

// state is one state of everything. It has no pointers and no gaps, so that it is its own canonical key.
type state struct {
	rows    [maxCells]rowID
	late    [maxLate]uint16 // numbers of orders, ascending; 0 is none
	leaders [maxLeaders]leader
	copies  [maxCopies]transfer
	data    [maxCells]data
	truth   [tables]uint8 // what acknowledged writes have made of each table
	shown   uint8         // the writes that are committed: what a snapshot shows
	written uint8         // the writes that were begun
	open    write         // the write that is open, if any
	journal journal
	begun   uint8 // leaders that have begun
}

// journal is the registry: the move in progress, and the map.
type journal struct {
	move     uint8 // the number of the newest move; its epoch follows from it
	stage    stage
	from, to uint8
	owner    uint8 // the map
	epoch    uint8 // the number of the move that made owner the owner; 0 for the first
}

type stage uint8

const (
	noMove stage = iota
	moveOpen
	moveUndoing
	moveFlipped
	moveDone
	moveUndone
)

var stages = [...]registry.MoveState{
	"", registry.MoveOpen, registry.MoveUndoing, registry.MoveFlipped, registry.MoveDone, registry.MoveUndone,
}

func (g stage) ended() bool { return g == noMove || g == moveDone || g == moveUndone }

// leader is what a leader knows.
type leader struct {
	source, target rowID // as it has read them
	known          journal
	phase          phase
}

type phase uint16 // two bytes: no gap in leader

const (
	lost    phase = iota // nothing
	halfway              // the journal, and the target's row
	reading              // both rows: it does what is next
	waiting              // the same, and it waits for a copy
)

// data is what one cell's database has of the partition: in each of two tables one row, as the number of the write
// that put it there, or 0; and what was noted while the partition's row named a move.
type data struct {
	value   [tables]uint8
	touched [tables]uint8 // the write that put the row last
	gone    [tables]uint8 // the write that deleted it last: a tombstone
}

// write is an open transaction. It holds the partition's row: no step changes that meanwhile.
type write struct {
	number uint8 // 0: none
	cell   uint8
	table  uint8
	remove uint8
}

// transfer is a copy or a pull that a target carries out: between its transactions anything happens.
type transfer struct {
	order                    uint16 // 0: none
	at                       leg
	answers                  uint8 // the leader that waits for it, from 1
	before, base, mark, next uint8
	value                    [tables]uint8 // what the stream brings: all rows of its snapshot
	change                   [tables]uint8 // and what has changed: bits
}

// The bits of a change.
const (
	deleted uint8 = 1
	put     uint8 = 2
)

type leg uint8

const (
	idle leg = iota
	openAll
	firstBatch
	lastBatch
	openWhole
	wholeRound
	countWhole
	openRound
	oneRound
	openPull
	seal
)

// order is a command as it was sent: to which cell, and with what.
type order struct {
	act    act
	from   uint8 // copy, pull: the source
	values [tables]uint8
	except [tables]bool // compare: tables that are not compared
	second bool         // handover: the half after the gates have been asked
}
