package registrytest

import (
	"slices"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var journalTests = []test{
	{"an opened move is complete and listed by partition", moveOpened},
	{"one move is open per partition", moveOnce},
	{"epochs rise, also after undone moves and above what is named", epochsRise},
	{"a move that has an epoch keeps it, and later ones are above", epochKept},
	{"a record is updated by who has read it last", moveUpdated},
	{"an ended move leaves the open ones for the history", moveEnded},
	{"impossible records are refused", moveInvalid},
}

// open opens a move of the partition from cell-a to cell-b.
func open(t *testing.T, r registry.Registry, term registry.Term, p placement.Partition) registry.Move {
	t.Helper()
	return must[registry.Move](t)(r.OpenMove(t.Context(), term, registry.Move{Partition: p, From: "cell-a", To: "cell-b", AskedBy: "join"}, 0))
}

func end(t *testing.T, r registry.Registry, term registry.Term, mv registry.Move, state registry.MoveState) {
	t.Helper()
	mv.State = state
	ok(t, r.EndMove(t.Context(), term, mv))
}

func wantOpen(t *testing.T, r registry.Registry, want ...registry.Move) {
	t.Helper()
	if got := must[[]registry.Move](t)(r.OpenMoves(t.Context())); !slices.Equal(got, want) {
		t.Errorf("open moves\n%+v, want\n%+v", got, want)
	}
}

func moveOpened(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	ten, nine := open(t, r, l.term, 10), open(t, r, l.term, 9)
	if ten.ID == "" || ten.Epoch == 0 || ten.Version == 0 || ten.CreatedAt.IsZero() || ten.State != registry.MoveOpen {
		t.Errorf("opened move %+v, want an ID, an epoch, a version, a time and state open", ten)
	}
	equal(t, "who asked", ten.AskedBy, "join")
	wantOpen(t, client(t), nine, ten)
}

func moveOnce(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	mv := open(t, r, l.term, 3)
	_, err := r.OpenMove(t.Context(), l.term, registry.Move{Partition: 3, From: "cell-a", To: "cell-c"}, 0)
	wantError(t, "a second move of the partition", err, registry.ErrConflict)
	wantOpen(t, r, mv)
	if next := open(t, r, l.term, 4); next.Epoch <= mv.Epoch {
		t.Errorf("epoch %d after %d", next.Epoch, mv.Epoch)
	}
}

func epochsRise(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	ok(t, r.CreateMap(t.Context(), l.term, firstMap(t, 30)))
	first := open(t, r, l.term, 3)
	if first.Epoch <= firstMap(t, 30).Epoch() {
		t.Errorf("epoch %d, want above the map's", first.Epoch)
	}
	end(t, r, l.term, first, registry.MoveUndone)
	l.stop()

	later := client(t)
	next := lead(t, later, "mover-2")
	second := open(t, later, next.term, 3)
	if second.Epoch <= first.Epoch {
		t.Errorf("epoch %d after an undone move of epoch %d", second.Epoch, first.Epoch)
	}
	above := second.Epoch + 1000
	third := must[registry.Move](t)(later.OpenMove(t.Context(), next.term, registry.Move{Partition: 4, From: "cell-a", To: "cell-b"}, above))
	if third.Epoch <= above {
		t.Errorf("epoch %d, want above %d", third.Epoch, above)
	}
	if fourth := open(t, later, next.term, 5); fourth.Epoch <= third.Epoch {
		t.Errorf("epoch %d after %d", fourth.Epoch, third.Epoch)
	}
}

func epochKept(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	lost := registry.Move{ID: "lost", Partition: 3, From: "cell-a", To: "cell-b", Epoch: 500, State: registry.MoveUndoing}
	found := must[registry.Move](t)(r.OpenMove(t.Context(), l.term, lost, 0))
	equal(t, "epoch", found.Epoch, 500)
	equal(t, "state", found.State, registry.MoveUndoing)
	equal(t, "ID", found.ID, "lost")
	older := must[registry.Move](t)(r.OpenMove(t.Context(), l.term, registry.Move{Partition: 4, From: "cell-a", To: "cell-b", Epoch: 7}, 0))
	equal(t, "epoch", older.Epoch, 7)
	if next := open(t, r, l.term, 5); next.Epoch <= 500 {
		t.Errorf("epoch %d after one of 500 was found", next.Epoch)
	}
}

func moveUpdated(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	opened := open(t, r, l.term, 3)
	change := opened
	change.State, change.Error, change.Tries = registry.MoveUndoing, "writes in flight", 4
	updated := must[registry.Move](t)(r.UpdateMove(t.Context(), l.term, change))
	change.Version = updated.Version
	equal(t, "updated record", updated, change)
	if updated.Version == opened.Version {
		t.Error("the version has not changed")
	}
	_, err := r.UpdateMove(t.Context(), l.term, opened)
	wantError(t, "update of an old version", err, registry.ErrConflict)
	wantOpen(t, client(t), updated)
}

func moveEnded(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	var moves []registry.Move
	for p := range placement.Partition(5) {
		moves = append(moves, open(t, r, l.term, p))
	}
	stale := moves[0]
	stale.State, stale.Version = registry.MoveDone, stale.Version+1000
	wantError(t, "end of another version", r.EndMove(t.Context(), l.term, stale), registry.ErrConflict)
	for i, mv := range moves[:4] {
		end(t, r, l.term, mv, []registry.MoveState{registry.MoveDone, registry.MoveUndone}[i%2])
	}
	wantOpen(t, r, moves[4])

	history := must[[]registry.Move](t)(client(t).History(t.Context(), 3))
	equal(t, "moves of the history", len(history), 3)
	for i, mv := range history {
		equal(t, "ID", mv.ID, moves[3-i].ID)
		if !mv.State.Ended() || mv.EndedAt.IsZero() {
			t.Errorf("ended move %+v, want a state that has ended and a time", mv)
		}
	}
	end(t, r, l.term, moves[0], registry.MoveDone) // an answer that was lost
	again := moves[0]
	again.State = registry.MoveUndone
	wantError(t, "another end of an ended move", r.EndMove(t.Context(), l.term, again), registry.ErrConflict)
	equal(t, "moves of the history", len(must[[]registry.Move](t)(r.History(t.Context(), 100))), 4)
	open(t, r, l.term, 0) // the partition is free again
}

func moveInvalid(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	for _, mv := range []registry.Move{
		{Partition: -1, From: "cell-a", To: "cell-b"},
		{Partition: 1, From: "cell-a", To: "cell-a"},
		{Partition: 1, From: "../x", To: "cell-b"},
		{Partition: 1, From: "cell-a", To: "cell-b", State: registry.MoveDone},
	} {
		_, err := r.OpenMove(t.Context(), l.term, mv, 0)
		wantError(t, "OpenMove", err, registry.ErrInvalid)
	}
	opened := open(t, r, l.term, 1)
	wantError(t, "EndMove of an open state", r.EndMove(t.Context(), l.term, opened), registry.ErrInvalid)
	opened.State = registry.MoveDone
	_, err := r.UpdateMove(t.Context(), l.term, opened)
	wantError(t, "UpdateMove to an ended state", err, registry.ErrInvalid)
}
