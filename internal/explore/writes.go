package explore

// writes begins a customer's write at a cell that owns: nothing but the row is asked, wherever a router sent it.
func (x *explorer) writes(s *state, cell uint8) {
	if s.written >= firstWrites+uint8(x.Writes) {
		return
	}
	for table := range uint8(tables) {
		if s.open.number != 0 && s.open.table == table {
			continue // it waits for the other's row
		}
		for remove := range uint8(2) {
			if remove == 1 && (!x.Deletes || s.data[cell].value[table] == 0) {
				continue
			}
			w := write{number: s.written + 1, cell: cell, table: table, remove: remove}
			next := *s
			next.written++
			commit(x, &next, w)
			x.reach(&next, "write", false)
			if x.Open && s.open.number == 0 {
				held := *s
				held.written++
				held.open = w
				x.reach(&held, "a write begins", false)
			}
		}
	}
}

// openWrite ends the open write: it is committed, and acknowledged, or taken back.
func (x *explorer) openWrite(s *state) {
	if s.open.number == 0 {
		return
	}
	next := *s
	commit(x, &next, s.open)
	next.open = write{}
	x.reach(&next, "a write commits", true)
	back := *s
	back.open = write{}
	x.reach(&back, "a write is taken back", true)
}

// commit puts a write in place, and notes it where the row names a move (cellway_touched, cellway_tombstones).
func commit(x *explorer, s *state, w write) {
	d := &s.data[w.cell]
	noted := x.rows.row(s.rows[w.cell]).Move != ""
	s.shown |= 1 << (w.number - 1)
	if w.remove == 1 {
		d.value[w.table], s.truth[w.table] = 0, 0
		if noted {
			d.gone[w.table] = w.number
		}
		return
	}
	d.value[w.table], s.truth[w.table] = w.number, w.number
	if noted {
		d.touched[w.table] = w.number
	}
}
