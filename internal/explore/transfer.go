package explore

import "github.com/cellway/cellway/internal/protocol"

// beginsTransfer reads the target's row and says where to begin.
func (x *explorer) beginsTransfer(s *state, number uint16, answered uint8, how string) {
	o := &x.orders[number]
	row := x.rows.row(s.rows[o.act.cell])
	c := transfer{order: number, answers: answered, before: uint8(row.Batch), base: shownBy(row.Base), mark: shownBy(row.Mark)}
	probe := o.act
	switch {
	case o.act.verb == pull && row.State == protocol.StateReady:
		probe.mark, probe.next = c.mark, c.mark
		if got := x.rows.ask(s.rows[o.act.cell], probe); got.done {
			next := *s
			x.settle(&next, o.act.cell, got)
			x.answer(&next, o, answered)
			x.reach(&next, how+"pull, again", answered != 0)
		}
		return
	case o.act.verb == pull:
		c.at, probe.mark, probe.next = openPull, c.mark, c.mark
	case row.Copied:
		c.at, probe.part, probe.before, probe.mark = openRound, round, c.before, c.mark
	default:
		c.at, probe.part = openAll, batch
	}
	if !x.rows.ask(s.rows[o.act.cell], probe).done {
		return
	}
	for i := range x.Copies {
		if s.copies[i].order == 0 {
			next := *s
			next.copies[i] = c
			if answered != 0 {
				next.leaders[answered-1].phase = waiting
			}
			x.reach(&next, how+string(verbs[o.act.verb])+" begins", answered != 0)
			return
		}
	}
}

// transferGoesOn does the next transaction of a copy or a pull; it may also die between any two.
func (x *explorer) transferGoesOn(s *state, i int) {
	dead := *s
	x.ends(&dead, i)
	x.reach(&dead, "a copy dies", true)

	c := s.copies[i]
	o := &x.orders[c.order]
	a := o.act
	next := *s
	t := &next.copies[i]
	switch c.at {
	case openAll, openWhole, openRound, openPull:
		if x.gives(s, o) {
			x.opens(s, t, o)
			t.at++
			x.reach(&next, "a stream is opened", true)
		}
		return
	case firstBatch, lastBatch:
		a.part, a.before, a.base = batch, c.before, c.base
		if c.at == lastBatch {
			a.part = last
		}
	case wholeRound, oneRound:
		a.part, a.before, a.mark, a.next = round, c.before, c.mark, c.next
	case countWhole:
		a.part, a.before, a.mark = counted, c.before, c.mark
	case seal:
		a.mark, a.next = c.mark, c.next
	}
	got := x.rows.ask(s.rows[a.cell], a)
	if !got.done || x.beyond(got.row) {
		return
	}
	if !x.takesIn(&next, t, a.cell) {
		return
	}
	x.settle(&next, a.cell, got)
	row := x.rows.row(got.row)
	t.before, t.mark, t.base = uint8(row.Batch), shownBy(row.Mark), shownBy(row.Base)
	t.at++
	if c.at == countWhole || c.at == oneRound || c.at == seal {
		answered := c.answers
		next.copies[i] = transfer{}
		x.answer(&next, o, answered)
	}
	x.reach(&next, "a transaction of a "+string(verbs[a.verb]), true)
}

// ends gives a copy up, with its leader's hope for an answer.
func (x *explorer) ends(s *state, i int) {
	if n := s.copies[i].answers; n != 0 {
		s.leaders[n-1] = leader{}
	}
	s.copies[i] = transfer{}
}

// opens reads the source in one snapshot: all rows, or what has changed since the mark.
func (x *explorer) opens(s *state, t *transfer, o *order) {
	d := &s.data[o.from]
	t.value, t.next = d.value, s.shown
	if t.at == openAll {
		t.base = s.shown
		return
	}
	for n := range tables {
		t.change[n] = 0
		if d.gone[n] != 0 && t.mark&(1<<(d.gone[n]-1)) == 0 {
			t.change[n] |= deleted
		}
		if d.value[n] != 0 && d.touched[n] == d.value[n] && t.mark&(1<<(d.value[n]-1)) == 0 {
			t.change[n] |= put
		}
	}
}

// takesIn writes what the stream has brought, and forgets it.
func (x *explorer) takesIn(s *state, t *transfer, cell uint8) bool {
	d := &s.data[cell]
	switch t.at {
	case firstBatch, lastBatch:
		n := int(t.at - firstBatch)
		if d.value[n] != 0 {
			x.fail(s, "a batch comes upon rows that are there")
			return false
		}
		d.value[n] = t.value[n]
		t.value[n] = 0
		return true
	case countWhole:
		if d.value != t.value {
			x.fail(s, "the copy has %v where the source had %v at that mark", d.value, t.value)
			return false
		}
	default:
		for n := range tables {
			if t.change[n]&deleted != 0 {
				d.value[n] = 0
			}
			if t.change[n]&put != 0 {
				d.value[n] = t.value[n]
			}
			t.change[n] = 0
		}
	}
	return true
}
