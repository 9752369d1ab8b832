package explore

import (
	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
)

// happen is what goes on without any leader: orders that arrive late, copies, fences that open, targets that own on the
// source's word, and customers' writes.
func (x *explorer) happen(s *state) {
	for i, number := range s.late {
		if number != 0 && (i == 0 || s.late[i-1] != number) {
			x.arrives(s, number, 0, "late: ")
		}
	}
	for i := range s.copies {
		if s.copies[i].order != 0 {
			x.transferGoesOn(s, i)
		}
	}
	for cell := range uint8(x.Cells) {
		row := x.rows.row(s.rows[cell])
		switch row.State {
		case protocol.StateFenced:
			next := *s
			next.rows[cell] = x.rows.id(selfReleased(*row))
			x.reach(&next, "a fence opens", false)
		case protocol.StateReady:
			x.claims(s, cell, *row)
		case protocol.StateOwned:
			x.writes(s, cell)
		}
	}
	x.openWrite(s)
}

// held: an open write holds the partition's row in this cell.
func (s *state) held(cell uint8) bool { return s.open.number != 0 && s.open.cell == cell }

// claims is step 9 on the source's word (cell/claim.go).
func (x *explorer) claims(s *state, cell uint8, row protocol.Row) {
	move := uint8(row.MoveEpoch - firstEpoch)
	for from := range uint8(x.Cells) {
		source := x.rows.row(s.rows[from])
		if from == cell || source.State != protocol.StateMoved || !source.Busy(row.Move) || source.Epoch != row.MoveEpoch ||
			source.FenceNo != row.FenceNo || source.Peer != cellName(cell) {
			continue
		}
		got := x.rows.ask(s.rows[cell], act{verb: own, cell: cell, move: move, token: uint8(row.Token), fence: uint8(row.FenceNo)})
		if !got.done {
			x.fail(s, "the target cannot own on the source's word")
			return
		}
		next := *s
		x.settle(&next, cell, got)
		x.reach(&next, "own on the source's word", true)
	}
}

// settle writes a row and does what belongs to it.
func (x *explorer) settle(s *state, cell uint8, got judged) {
	was, d := x.rows.row(s.rows[cell]), &s.data[cell]
	if got.empty && d.value != [tables]uint8{} {
		x.fail(s, "cell %d imports over rows that are there", cell)
	}
	if got.wipe {
		if was.State == protocol.StateMoved {
			x.mustHaveArrived(s, cell)
		}
		d.value = [tables]uint8{}
	}
	if got.forget {
		d.touched, d.gone = [tables]uint8{}, [tables]uint8{}
	}
	s.rows[cell] = got.row
}

// arrives is an order at its cell. answered is the leader that waits for its answer, from 1; 0 is nobody.
func (x *explorer) arrives(s *state, number uint16, answered uint8, how string) {
	o := &x.orders[number]
	cell := o.act.cell
	switch {
	case s.held(cell):
		return
	case o.act.verb == copying || o.act.verb == pull:
		x.beginsTransfer(s, number, answered, how)
		return
	case o.act.verb == handover && !o.second:
		x.closesReads(s, number, answered, how)
		return
	case o.act.verb == compare && !x.same(s, o):
		return
	}
	got := x.rows.ask(s.rows[cell], o.act)
	if !got.done || x.beyond(got.row) {
		return
	}
	next := *s
	x.settle(&next, cell, got)
	x.answer(&next, o, answered)
	x.reach(&next, how+string(verbs[o.act.verb]), answered != 0)
}

// answer takes the row to the leader that waits for it.
func (x *explorer) answer(s *state, o *order, answered uint8) {
	if answered == 0 {
		return
	}
	l := &s.leaders[answered-1]
	if o.act.cell == l.known.from {
		l.source = s.rows[o.act.cell]
	} else {
		l.target = s.rows[o.act.cell]
	}
	l.phase = reading
}

// beyond says that a row is out of the bounds.
func (x *explorer) beyond(id rowID) bool {
	r := x.rows.row(id)
	return r.FenceNo > int64(x.Fencings) || r.Attempt > int64(x.Attempts) || r.Batch > int64(x.Batches)
}

// closesReads is the first half of step 8; the second follows at once, or at any later time.
func (x *explorer) closesReads(s *state, number uint16, answered uint8, how string) {
	o := x.orders[number]
	first := o.act
	first.part = reads
	next := *s
	got := x.rows.ask(s.rows[o.act.cell], first)
	row := x.rows.row(s.rows[o.act.cell])
	if !got.done && (row.State != protocol.StateMoved || row.Epoch != epochOf(o.act.move)) {
		return
	}
	if got.done {
		x.settle(&next, o.act.cell, got)
	}
	o.second = true
	second := x.number(o)
	if kept, room := next.keeping(second, x.Late); room {
		if answered != 0 {
			x.loses(&kept, answered-1)
		}
		x.reach(&kept, how+"close reads", false)
	}
	x.arrives(&next, second, answered, how)
}

// same compares the frozen rows with what the target has counted. A difference is a fault of the protocol.
func (x *explorer) same(s *state, o *order) bool {
	row := x.rows.row(s.rows[o.act.cell])
	if row.State != protocol.StateMoved || row.Epoch != epochOf(o.act.move) || row.Swept || row.Checked {
		return true
	}
	for t := range tables {
		if !o.except[t] && o.values[t] != s.data[o.act.cell].value[t] {
			x.fail(s, "after the hand-over the source has %v and the target had %v", s.data[o.act.cell].value, o.values)
			return false
		}
	}
	return true
}

// gives asks the source's ledger whether it opens a stream.
func (x *explorer) gives(s *state, o *order) bool {
	wanted := protocol.Wanted{Move: moveName(o.act.move)}
	if o.act.verb == pull {
		wanted.FenceNo = int64(o.act.fence)
	}
	return ledger.Gives(*x.rows.row(s.rows[o.from]), wanted) == nil
}
