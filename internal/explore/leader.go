package explore

import (
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/mover"
	"github.com/cellway/cellway/registry"
)

func recordOf(j journal) registry.Move {
	return registry.Move{ID: moveName(j.move), From: cellName(j.from), To: cellName(j.to), Epoch: epochOf(j.move), State: stages[j.stage]}
}

// lead goes on with every leader that is there.
func (x *explorer) lead(s *state) {
	for n := range s.begun {
		if n+1 == s.begun || x.Zombies {
			x.leaderGoesOn(s, n)
		}
	}
	if s.begun < uint8(x.Leaders) {
		next := *s
		next.begun++
		if !x.Zombies {
			next.leaders[s.begun-1] = leader{}
			x.nobodyWaits(&next, s.begun-1)
		}
		x.reach(&next, "a leader begins", false)
	}
}

func (x *explorer) leaderGoesOn(s *state, n uint8) {
	l := &s.leaders[n]
	newest := n+1 == s.begun
	if l.phase != lost {
		next := *s
		x.loses(&next, n)
		x.reach(&next, "a leader loses what it knows", newest)
	}
	if newest {
		x.journals(s, n)
	}
	switch l.phase {
	case lost:
		x.adoptsTarget(s, n)
	case halfway:
		x.adoptsSource(s, n)
	case reading:
		x.takesStep(s, n)
	}
}

// loses: the leader's attempt has ended with an error, or it has crashed and came again within its term.
func (x *explorer) loses(s *state, n uint8) {
	s.leaders[n] = leader{}
	x.nobodyWaits(s, n)
}

func (x *explorer) nobodyWaits(s *state, n uint8) {
	for i := range s.copies {
		if s.copies[i].answers == n+1 {
			s.copies[i].answers = 0
		}
	}
}

// journals is what the newest leader may do to the registry without looking at rows: begin a move, or turn one back.
func (x *explorer) journals(s *state, n uint8) {
	j := s.journal
	if j.stage == moveOpen {
		next := *s
		next.journal.stage = moveUndoing
		x.loses(&next, n)
		x.reach(&next, "undo", true)
	}
	if !j.stage.ended() || j.move >= uint8(x.Moves) {
		return
	}
	for to := range uint8(x.Cells) {
		if to == j.owner {
			continue
		}
		next := *s
		next.journal.move, next.journal.stage = j.move+1, moveOpen
		next.journal.from, next.journal.to = j.owner, to
		x.loses(&next, n)
		x.reach(&next, "open", false)
	}
}

func (x *explorer) adopts(s *state, n, cell uint8) (rowID, bool) {
	if s.held(cell) {
		return 0, false
	}
	got := x.rows.ask(s.rows[cell], act{verb: adopt, cell: cell, token: n + 1})
	return got.row, got.done
}

func (x *explorer) adoptsTarget(s *state, n uint8) {
	j := s.journal
	if j.stage.ended() {
		return
	}
	if row, ok := x.adopts(s, n, j.to); ok {
		next := *s
		next.rows[j.to] = row
		next.leaders[n] = leader{known: j, target: row, phase: halfway}
		x.reach(&next, "adopt target", true)
	}
}

func (x *explorer) adoptsSource(s *state, n uint8) {
	from := s.leaders[n].known.from
	if row, ok := x.adopts(s, n, from); ok {
		next := *s
		next.rows[from] = row
		next.leaders[n].source, next.leaders[n].phase = row, reading
		x.reach(&next, "adopt source", true)
	}
}

// takesStep asks the shipping Next.
func (x *explorer) takesStep(s *state, n uint8) {
	l := s.leaders[n]
	step := mover.Next(recordOf(l.known), *x.rows.row(l.source), *x.rows.row(l.target))
	switch step.Do {
	case mover.ActHalt:
		if n+1 == s.begun {
			x.fail(s, "halt: %s", step.Why)
		}
	case mover.ActNone:
	case mover.ActFlip, mover.ActUndo, mover.ActDone, mover.ActUndone:
		x.writesJournal(s, n, step.Do)
	default:
		x.commands(s, n, step.Do)
	}
}

// writesJournal is a compare-and-set by whoever leads.
func (x *explorer) writesJournal(s *state, n uint8, do mover.Action) {
	l := s.leaders[n]
	if n+1 != s.begun || l.known != s.journal {
		return // refused; that it then knows nothing is a step of its own
	}
	next := *s
	j := &next.journal
	switch do {
	case mover.ActFlip:
		if j.owner != j.from || j.epoch >= j.move {
			x.fail(s, "the map cannot be flipped: it has cell %d since move %d", j.owner, j.epoch)
			return
		}
		j.stage, j.owner, j.epoch = moveFlipped, j.to, j.move
	case mover.ActUndo:
		j.stage = moveUndoing
	case mover.ActDone:
		j.stage = moveDone
	case mover.ActUndone:
		j.stage = moveUndone
	}
	next.leaders[n].known = *j
	if j.stage.ended() {
		next.leaders[n] = leader{}
	}
	x.reach(&next, string(do), true)
}

// commands sends what a step wants: an order, of which the answer may be lost, and which may stay on its way.
func (x *explorer) commands(s *state, n uint8, do mover.Action) {
	l := s.leaders[n]
	source, target := x.rows.row(l.source), x.rows.row(l.target)
	a := act{move: l.known.move, token: n + 1, cell: l.known.from, peer: l.known.to}
	at := act{move: l.known.move, token: n + 1, cell: l.known.to, peer: l.known.from}
	switch do {
	case mover.ActRecord:
		a.verb = record
	case mover.ActImport:
		a, a.verb = at, importing
	case mover.ActCopy:
		a, a.verb, a.tries = at, copying, uint8(target.Attempt)
	case mover.ActFence:
		a.verb = fence
	case mover.ActPull:
		a, a.verb, a.tries, a.fence = at, pull, uint8(target.Attempt), uint8(source.FenceNo)
	case mover.ActHandover:
		a.verb, a.fence = handover, uint8(target.FenceNo)
	case mover.ActOwn:
		a, a.verb, a.fence = at, own, uint8(source.FenceNo)
	case mover.ActReceipt:
		a, a.verb = at, receipt
	case mover.ActCheck:
		x.checks(s, n)
		return
	case mover.ActSweep:
		a.verb = sweep
	case mover.ActRelease:
		a.verb = release
	case mover.ActClear:
		a, a.verb = at, clearing
		if target.Busy(moveName(l.known.move)) {
			a.tries = uint8(target.Attempt)
		}
	}
	x.send(s, n, order{act: a, from: l.known.from})
}

// checks has the target counted, as it was when it was ready or without what was written since, and sends that.
func (x *explorer) checks(s *state, n uint8) {
	j := s.leaders[n].known
	row := x.rows.row(s.rows[j.to])
	arrived := row.State == protocol.StateOwned && row.Epoch == epochOf(j.move)
	if !row.Busy(moveName(j.move)) || row.State != protocol.StateReady && !arrived {
		return
	}
	o := order{act: act{verb: compare, move: j.move, token: n + 1, cell: j.from, peer: j.to}, values: s.data[j.to].value}
	for t := range tables {
		if s.data[j.to].touched[t] != 0 || s.data[j.to].gone[t] != 0 {
			o.except[t], o.values[t] = true, 0
		}
	}
	x.send(s, n, o)
}

func (x *explorer) send(s *state, n uint8, o order) {
	number := x.number(o)
	kept, room := s.keeping(number, x.Late)
	if room {
		lost := kept
		x.loses(&lost, n)
		x.reach(&lost, "an order is on its way", false)
	}
	x.arrives(s, number, n+1, "")
	if room && kept.late != s.late {
		x.arrives(&kept, number, n+1, "and stays on its way: ")
	}
}

// keeping is the state with an order on its way, if there is room for it or it is there.
func (s *state) keeping(number uint16, room int) (state, bool) {
	next := *s
	for i := range room {
		switch next.late[i] {
		case number:
			return next, true
		case 0:
			next.late[i] = number
			for ; i > 0 && next.late[i] < next.late[i-1]; i-- {
				next.late[i], next.late[i-1] = next.late[i-1], next.late[i]
			}
			return next, true
		}
	}
	return next, false
}
