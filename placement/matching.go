package placement

// nobody is the source of a partition that is unassigned.
const nobody = -1

// matching decides which partitions leave their owners, and where each goes. Cells are places in seats.
type matching struct {
	seats   []seat
	owner   []int // by partition; nobody where unassigned
	wish    []int // by partition: the cell that the ring proposes
	surplus []int // by cell: partitions that still must leave it
	room    []int // by cell: partitions that it still must get
	target  []int // by partition: where it goes; stays what it was, nobody, where it stays
}

func newMatching(m *Map, seats []seat, ring *Ring) *matching {
	n := m.Partitions()
	x := &matching{
		seats:   seats,
		owner:   make([]int, n),
		wish:    make([]int, n),
		surplus: make([]int, len(seats)),
		room:    make([]int, len(seats)),
		target:  make([]int, n),
	}
	for i, s := range seats {
		x.surplus[i] = max(0, s.owned-s.quota)
		x.room[i] = max(0, s.quota-s.owned)
	}
	mapSeat, ringSeat := places(m.cells, seats), places(ring.cells, seats)
	for p := range n {
		x.owner[p], x.target[p] = nobody, nobody
		if i := m.owners[p]; i > 0 {
			x.owner[p] = mapSeat[i-1]
		}
		x.wish[p] = ringSeat[ring.owners[p]]
	}
	return x
}

// places translates a sorted list of cells into their seats. Every one has a seat.
func places(cells []string, seats []seat) []int {
	at := make([]int, len(cells))
	for i, cell := range cells {
		at[i], _ = findSeat(seats, cell)
	}
	return at
}

// moves carries the rule out, by ascending partition number each time: first the partitions that the ring
// proposes to a cell with room; then, from each cell that must still give, its lowest numbers, to the cells with
// room in turn.
func (x *matching) moves() []Move {
	for p, to := range x.wish {
		if x.mayLeave(p) && x.room[to] > 0 {
			x.send(p, to)
		}
	}
	next := 0
	for p := range x.owner {
		if x.target[p] != nobody || !x.mayLeave(p) {
			continue
		}
		for x.room[next] == 0 { // ends: the rooms add up to what must leave
			next = (next + 1) % len(x.room)
		}
		x.send(p, next)
		next = (next + 1) % len(x.room)
	}
	return x.ordered()
}

func (x *matching) mayLeave(p int) bool {
	return x.owner[p] == nobody || x.surplus[x.owner[p]] > 0
}

func (x *matching) send(p, to int) {
	x.target[p] = to
	x.room[to]--
	if from := x.owner[p]; from != nobody {
		x.surplus[from]--
	}
}
