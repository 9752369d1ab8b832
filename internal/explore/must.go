package explore

import "github.com/cellway/cellway/internal/protocol"

// must checks what has to be true in every state.
func (x *explorer) must(s *state) {
	owner, owners := uint8(0), 0
	for cell := range uint8(x.Cells) {
		row := x.rows.row(s.rows[cell])
		switch row.State {
		case protocol.StateOwned, protocol.StateFenced:
			owner, owners = cell, owners+1
		case protocol.StateAbsent:
			x.mustBeEmpty(s, cell)
		case protocol.StateMoved:
			if row.Swept {
				x.mustBeEmpty(s, cell)
			}
		}
	}
	switch {
	case owners > 1:
		x.fail(s, "two rows own")
	case owners == 0:
		x.mustBeHandedOver(s)
	case s.data[owner].value != s.truth:
		x.fail(s, "acknowledged writes are lost: cell %d has %v, customers were told %v", owner, s.data[owner].value, s.truth)
	}
	x.mustFit(s)
}

func (x *explorer) mustBeEmpty(s *state, cell uint8) {
	if s.data[cell].value != [tables]uint8{} {
		x.fail(s, "cell %d has rows that it should not", cell)
	}
}

// mustBeHandedOver: nobody owns only between steps 8 and 9, and then both sides have everything.
func (x *explorer) mustBeHandedOver(s *state) {
	for to := range uint8(x.Cells) {
		target := x.rows.row(s.rows[to])
		if target.State != protocol.StateReady || s.data[to].value != s.truth {
			continue
		}
		for from := range uint8(x.Cells) {
			source := x.rows.row(s.rows[from])
			if from != to && source.State == protocol.StateMoved && !source.Swept && source.Epoch == target.MoveEpoch && s.data[from].value == s.truth {
				return
			}
		}
	}
	x.fail(s, "nobody owns, and nobody has been given, what customers were told (%v)", s.truth)
}

// mustFit: map and journal say nothing that the rows do not.
func (x *explorer) mustFit(s *state) {
	j := s.journal
	if j.epoch > 0 && x.rows.row(s.rows[j.owner]).Epoch < epochOf(j.epoch) {
		x.fail(s, "the map was flipped before the target owned")
	}
	source, target := x.rows.row(s.rows[j.from]), x.rows.row(s.rows[j.to])
	switch {
	case j.stage == moveUndone && (source.State != protocol.StateOwned || source.Move != "" || target.Move != ""):
		x.fail(s, "undone, but not as before")
	case j.stage == moveDone && (target.State != protocol.StateOwned || target.Move != "" || !source.Swept):
		x.fail(s, "done, but not all of it")
	}
}

// mustHaveArrived is asked when a source's rows go: somebody has owned them since.
func (x *explorer) mustHaveArrived(s *state, cell uint8) {
	row := x.rows.row(s.rows[cell])
	for other := range uint8(x.Cells) {
		if other != cell && x.rows.row(s.rows[other]).Epoch >= row.Epoch {
			return
		}
	}
	x.fail(s, "swept before the target owned")
}
