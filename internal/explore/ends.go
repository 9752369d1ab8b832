package explore

// everyStateHasAWayToAnEnd walks back from the states in which no move is in progress, over calm steps only: from
// everywhere, when nothing more goes wrong, the newest leader brings the move to its end. A state that is not met is a
// trap.
func (x *explorer) everyStateHasAWayToAnEnd() {
	first := make([]uint32, len(x.states)+1) // where a state's predecessors begin
	for _, e := range x.calm {
		first[e.to+1]++
	}
	for i := 1; i < len(first); i++ {
		first[i] += first[i-1]
	}
	before, next := make([]uint32, len(x.calm)), append([]uint32(nil), first...)
	for _, e := range x.calm {
		before[next[e.to]] = e.from
		next[e.to]++
	}
	good := make([]bool, len(x.states))
	var queue []uint32
	for i := range x.states {
		if x.states[i].journal.stage.ended() {
			good[i] = true
			queue = append(queue, uint32(i))
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, from := range before[first[n]:first[n+1]] {
			if !good[from] {
				good[from] = true
				queue = append(queue, from)
			}
		}
	}
	for i := range x.states {
		if !good[i] {
			x.at = uint32(i)
			x.fail(&x.states[i], "a trap: no way leads from here to the end of the move")
			return
		}
	}
}
