package mover

import (
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// The explorer walks through every state that one move can come to: leaders that die at any moment and are
// replaced, answers that are lost, commands that arrive late or twice, fences that open by themselves, targets
// that own on the source's word, and journals that are told to undo at any time.

const (
	maxTokens   = 2
	maxFences   = 2
	maxAttempts = 2
)

// order is a command that some leader has sent; it may arrive at any later time, any number of times.
type order struct {
	verb             protocol.Verb
	token            uint64
	fenceNo, attempt int64
}

// world is one state. Slices in rows are never set here, and a row is compared by its key.
type world struct {
	journal        registry.MoveState
	source, target rowKey
	seenS, seenT   rowKey // what the present leader has read
	phase          int    // of the present leader: 0 knows nothing, 1 has adopted the target, 2 both
	token          uint64
	sent           [4]uint64 // orders, as a set
	version        int       // of the source's content: rises whenever it opens again
	pulled         int       // the version that the target took
}

// rowKey is a row that can be compared.
type rowKey struct {
	state              protocol.State
	busy, swept        bool
	epoch, high        uint64
	token              uint64
	fenceNo, fenceHigh int64
	attempt            int64
	begun, copied      bool
	checked            bool
}

func keyOf(r modelRow) rowKey {
	return rowKey{
		state: r.State, busy: r.Move != "", swept: r.Swept, epoch: uint64(r.Epoch), high: uint64(r.HighEpoch),
		token: r.Token, fenceNo: r.FenceNo, fenceHigh: r.fenceHigh, attempt: r.Attempt,
		begun: r.Batch > 0, copied: r.Copied, checked: r.Checked,
	}
}

func (k rowKey) row() modelRow {
	r := modelRow{fenceHigh: k.fenceHigh, Row: protocol.Row{
		State: k.state, Swept: k.swept, Epoch: placement.Epoch(k.epoch), HighEpoch: placement.Epoch(k.high),
		Token: k.token, FenceNo: k.fenceNo, Attempt: k.attempt, Copied: k.copied, Checked: k.checked,
	}}
	if k.begun {
		r.Batch = 1
	}
	if k.busy {
		r.Move, r.MoveEpoch = mvID, mvEpoch
	}
	return r
}

// explorer numbers the orders, and keeps what was found.
type explorer struct {
	t      *testing.T
	orders []order
	number map[order]int
	from   map[world][]world // the states that lead to a state
	queue  []world
}

func (x *explorer) numberOf(o order) int {
	n, ok := x.number[o]
	if !ok {
		n = len(x.orders)
		x.number[o], x.orders = n, append(x.orders, o)
	}
	return n
}

func (x *explorer) reach(from, to world) {
	_, seen := x.from[to]
	x.from[to] = append(x.from[to], from)
	if !seen {
		x.queue = append(x.queue, to)
	}
}

// arrive is the world after an order has come to its cell; ok says whether the cell did it.
func (x *explorer) arrive(w world, o order) (next world, ok bool) {
	cmd := protocol.Command{
		Move: mvID, Epoch: mvEpoch, Token: o.token, FenceNo: o.fenceNo, Attempt: o.attempt,
		Receipt: &protocol.Receipt{To: "cell-b"},
	}
	next = w
	if toSource(o.verb) {
		row, problem := w.source.row().apply("cell-a", o.verb, cmd, time.Time{})
		if row.fenceHigh > maxFences {
			return w, false
		}
		if o.verb == protocol.VerbRelease && w.source.state == protocol.StateFenced && problem == nil {
			next.version++
		}
		next.source = keyOf(row)
		return next, problem == nil
	}
	if o.verb == protocol.VerbCopy && !w.source.row().leaving(cmd) {
		return w, false
	}
	if o.verb == protocol.VerbPull && w.target.state == protocol.StateImporting &&
		(w.source.state != protocol.StateFenced || w.source.fenceNo != o.fenceNo || !w.source.busy) {
		return w, false // the source gives no rows
	}
	row, problem := w.target.row().apply("cell-b", o.verb, cmd, time.Time{})
	if row.Attempt > maxAttempts {
		return w, false
	}
	if o.verb == protocol.VerbPull && w.target.state == protocol.StateImporting && problem == nil {
		next.pulled = w.version
	}
	next.target = keyOf(row)
	return next, problem == nil
}

func toSource(verb protocol.Verb) bool {
	switch verb {
	case protocol.VerbRecord, protocol.VerbFence, protocol.VerbHandover, protocol.VerbCompare, protocol.VerbSweep, protocol.VerbRelease:
		return true
	}
	return false
}

// lead goes on with the present leader: it reads, or does what is next.
func (x *explorer) lead(w world) {
	switch w.phase {
	case 0:
		row, problem := w.target.row().apply("cell-b", protocol.VerbAdopt, protocol.Command{Token: w.token}, time.Time{})
		if problem == nil {
			next := w
			next.target, next.seenT, next.phase = keyOf(row), keyOf(row), 1
			x.reach(w, next)
		}
		return
	case 1:
		row, problem := w.source.row().apply("cell-a", protocol.VerbAdopt, protocol.Command{Token: w.token}, time.Time{})
		if problem == nil {
			next := w
			next.source, next.seenS, next.phase = keyOf(row), keyOf(row), 2
			x.reach(w, next)
		}
		return
	}
	mv := registry.Move{ID: mvID, Epoch: mvEpoch, State: w.journal}
	step := Next(mv, w.seenS.row().Row, w.seenT.row().Row)
	next := w
	switch step.Do {
	case ActHalt:
		x.t.Fatalf("halt: %s\n%+v", step.Why, w)
	case ActFlip:
		next.journal = registry.MoveFlipped
	case ActUndo:
		next.journal = registry.MoveUndoing
	case ActDone:
		next.journal = registry.MoveDone
	case ActUndone:
		next.journal = registry.MoveUndone
	case ActNone:
		return
	default:
		x.send(w, step.Do)
		return
	}
	x.reach(w, next)
}

// send is a step by command: it is done and answered, or the answer is lost and it arrives later, or never.
func (x *explorer) send(w world, action Action) {
	o := order{verb: protocol.Verb(action), token: w.token}
	switch action {
	case ActCopy:
		o.attempt = w.seenT.attempt
	case ActCheck:
		o.verb = protocol.VerbCompare // what the target counts is not modelled
	case ActPull:
		o.fenceNo, o.attempt = w.seenS.fenceNo, w.seenT.attempt
	case ActHandover, ActOwn:
		o.fenceNo = w.seenT.fenceNo
	case ActClear:
		if w.seenT.busy {
			o.attempt = w.seenT.attempt
		}
	}
	lost := w
	lost.phase = 0
	n := x.numberOf(o) // actions and verbs have the same words; receipt is the target's here
	lost.sent[n/64] |= 1 << (n % 64)
	x.reach(w, lost)
	done, ok := x.arrive(lost, o)
	if !ok {
		return
	}
	if action == ActCopy && !w.target.copied { // it broke off
		part := lost
		part.target = keyOf(w.target.row().partly())
		x.reach(w, part)
	}
	done.phase = 2
	if toSource(o.verb) {
		done.seenS = done.source
	} else {
		done.seenT = done.target
	}
	x.reach(w, done)
}

// happen is all that goes on beside the leader: late orders, self-release, self-own, the next leader, a person's or a limit's undo.
func (x *explorer) happen(w world) {
	for n, o := range x.orders {
		if w.sent[n/64]&(1<<(n%64)) != 0 {
			if next, ok := x.arrive(w, o); ok && next != w {
				x.reach(w, next)
			}
		}
	}
	if w.source.state == protocol.StateFenced {
		next := w
		next.source = keyOf(w.source.row().selfRelease())
		next.version++
		x.reach(w, next)
	}
	if w.target.state == protocol.StateReady && w.source.state == protocol.StateMoved && w.source.epoch == uint64(mvEpoch) {
		row, problem := w.target.row().apply("cell-b", protocol.VerbOwn, protocol.Command{Move: mvID, Epoch: mvEpoch, Token: w.target.token}, time.Time{})
		if problem != nil {
			x.t.Fatalf("the target cannot own on the source's word: %v\n%+v", problem, w)
		}
		next := w
		next.target = keyOf(row)
		x.reach(w, next)
	}
	if w.token < maxTokens {
		next := w
		next.token, next.phase = w.token+1, 0
		x.reach(w, next)
	}
	if w.journal == registry.MoveOpen {
		next := w
		next.journal = registry.MoveUndoing
		x.reach(w, next)
	}
}

// must checks what has to be true in every state.
func (x *explorer) must(w world) {
	sourceHas := w.source.state == protocol.StateOwned || w.source.state == protocol.StateFenced
	targetHas := w.target.state == protocol.StateOwned
	switch {
	case sourceHas == targetHas && (sourceHas || w.target.state != protocol.StateReady):
		x.t.Fatalf("two owners, or the rows are nowhere\n%+v", w)
	case !sourceHas && w.pulled != w.version:
		x.t.Fatalf("the target has version %d, the source handed over %d\n%+v", w.pulled, w.version, w)
	case w.journal == registry.MoveUndone && (w.source.state != protocol.StateOwned || w.source.busy || w.target.busy):
		x.t.Fatalf("undone, but not as before\n%+v", w)
	case w.journal == registry.MoveDone && (!targetHas || w.target.busy || !w.source.swept):
		x.t.Fatalf("done, but not all of it\n%+v", w)
	case w.source.swept && w.journal != registry.MoveFlipped && w.journal != registry.MoveDone:
		x.t.Fatalf("swept before the flip\n%+v", w)
	}
}

func TestNext_in_every_state_that_a_move_can_come_to(t *testing.T) {
	x := &explorer{t: t, number: map[order]int{}, from: map[world][]world{}}
	first := world{
		journal: registry.MoveOpen, token: 1,
		source: keyOf(modelRow{Row: protocol.Row{State: protocol.StateOwned, Epoch: lowEpoch, HighEpoch: lowEpoch}}),
		target: keyOf(modelRow{Row: protocol.Row{State: protocol.StateAbsent}}),
	}
	x.from[first], x.queue = nil, []world{first}
	for len(x.queue) > 0 {
		w := x.queue[len(x.queue)-1]
		x.queue = x.queue[:len(x.queue)-1]
		x.must(w)
		x.lead(w)
		x.happen(w)
	}
	x.everyStateHasAWayToAnEnd()
}

// everyStateHasAWayToAnEnd walks back from the ends; a state that is not met is a trap.
func (x *explorer) everyStateHasAWayToAnEnd() {
	good := map[world]bool{}
	var queue []world
	ends := map[registry.MoveState]int{}
	for w := range x.from {
		if w.journal.Ended() {
			ends[w.journal]++
			good[w] = true
			queue = append(queue, w)
		}
	}
	for len(queue) > 0 {
		w := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, before := range x.from[w] {
			if !good[before] {
				good[before] = true
				queue = append(queue, before)
			}
		}
	}
	for w := range x.from {
		if !good[w] {
			x.t.Fatalf("no way to an end from %+v", w)
		}
	}
	x.t.Logf("%d states, %d orders, ends %v", len(x.from), len(x.orders), ends)
	if len(x.from) < 1000 || ends[registry.MoveDone] == 0 || ends[registry.MoveUndone] == 0 {
		x.t.Errorf("%d states, ends %v: the explorer did not go far", len(x.from), ends)
	}
}
