package registrytest

import (
	"sync"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var flipTests = []test{
	{"a flip changes map and record together", flipBoth},
	{"a flip that is repeated succeeds and changes nothing", flipAgain},
	{"a flip of an older record changes nothing", flipOldRecord},
	{"a flip is refused where the partition is not what the move expects", flipConflicts},
	{"flips of many partitions at the same time all happen", flipsConcurrent},
	{"a flip after another leader's flips builds on them", flipAfterOthers},
	{"a flip finds a map that was corrected already", flipCorrected},
}

func flip(t *testing.T, r registry.Registry, term registry.Term, mv registry.Move) (*placement.Map, registry.Move) {
	t.Helper()
	m, flipped, err := r.Flip(t.Context(), term, mv)
	ok(t, err)
	return m, flipped
}

// wantFlipped says that the move is in the map.
func wantFlipped(t *testing.T, m *placement.Map, mv registry.Move) {
	t.Helper()
	if owner, since := m.Owner(mv.Partition); owner != mv.To || since != mv.Epoch {
		t.Errorf("partition %d belongs to %s since epoch %d, want %s since %d", mv.Partition, owner, since, mv.To, mv.Epoch)
	}
}

// ready leads over a first map.
func ready(t *testing.T, r registry.Registry) leadership {
	t.Helper()
	l := lead(t, r, "mover-1")
	ok(t, r.CreateMap(t.Context(), l.term, firstMap(t, 1)))
	return l
}

func flipBoth(t *testing.T, client Factory) {
	r := client(t)
	l := ready(t, r)
	mv := open(t, r, l.term, 3)
	mv.Rows, mv.Checksum, mv.PauseMS = 12, "abc", 3.5
	m, flipped := flip(t, r, l.term, mv)
	wantFlipped(t, m, mv)
	want := mv
	want.State, want.Version = registry.MoveFlipped, flipped.Version
	equal(t, "record", flipped, want)
	if flipped.Version == mv.Version {
		t.Error("the version has not changed")
	}
	wantMap(t, client(t), m)
	wantOpen(t, client(t), flipped)
	end(t, r, l.term, flipped, registry.MoveDone)
	wantOpen(t, r)
}

func flipAgain(t *testing.T, client Factory) {
	r := client(t)
	l := ready(t, r)
	mv := open(t, r, l.term, 3)
	first, flipped := flip(t, r, l.term, mv)
	other := client(t)
	for _, again := range []registry.Move{mv, flipped} {
		for _, caller := range []registry.Registry{r, other} {
			m, record := flip(t, caller, l.term, again)
			equal(t, "map's epoch", m.Epoch(), first.Epoch())
			equal(t, "state", record.State, registry.MoveFlipped)
			wantOpen(t, caller, record)
		}
	}
	wantMap(t, r, first)
}

func flipOldRecord(t *testing.T, client Factory) {
	r := client(t)
	l := ready(t, r)
	old := open(t, r, l.term, 3)
	undoing := old
	undoing.State = registry.MoveUndoing
	undoing = must[registry.Move](t)(r.UpdateMove(t.Context(), l.term, undoing))
	_, _, err := r.Flip(t.Context(), l.term, old)
	wantError(t, "Flip", err, registry.ErrConflict)
	wantMap(t, r, firstMap(t, 1))
	wantOpen(t, r, undoing)

	end(t, r, l.term, undoing, registry.MoveUndone)
	_, _, err = r.Flip(t.Context(), l.term, undoing)
	wantError(t, "Flip of an ended move", err, registry.ErrConflict)
	wantMap(t, r, firstMap(t, 1))
}

func flipConflicts(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	mv := open(t, r, l.term, 3)
	_, _, err := r.Flip(t.Context(), l.term, mv)
	wantError(t, "Flip without a map", err, registry.ErrConflict)
	ok(t, r.CreateMap(t.Context(), l.term, firstMap(t, 100)))
	_, _, err = r.Flip(t.Context(), l.term, mv)
	wantError(t, "Flip below the partition's epoch", err, registry.ErrConflict)

	wrong := must[registry.Move](t)(r.OpenMove(t.Context(), l.term, registry.Move{Partition: 4, From: "cell-c", To: "cell-b"}, 0))
	_, _, err = r.Flip(t.Context(), l.term, wrong)
	wantError(t, "Flip from another owner", err, registry.ErrConflict)
	wantMap(t, r, firstMap(t, 100))
	wantOpen(t, r, mv, wrong)
}

func flipsConcurrent(t *testing.T, client Factory) {
	r := client(t)
	l := ready(t, r)
	var all sync.WaitGroup
	for p := range placement.Partition(partitions) {
		all.Go(func() {
			mv, err := r.OpenMove(t.Context(), l.term, registry.Move{Partition: p, From: "cell-a", To: "cell-b"}, 0)
			if err != nil {
				t.Error(err)
				return
			}
			if _, _, err = r.Flip(t.Context(), l.term, mv); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	m := must[*placement.Map](t)(client(t).Map(t.Context()))
	equal(t, "partitions of cell-b", m.Counts()["cell-b"], partitions)
	epochs := map[placement.Epoch]bool{}
	for p := range placement.Partition(partitions) {
		_, epoch := m.Owner(p)
		epochs[epoch] = true
	}
	equal(t, "different epochs", len(epochs), partitions)
}

func flipAfterOthers(t *testing.T, client Factory) {
	first, second := client(t), client(t)
	l := ready(t, first)
	one := open(t, first, l.term, 1)
	flip(t, first, l.term, one)
	l.stop()
	other := lead(t, second, "mover-2")
	two := open(t, second, other.term, 2)
	flip(t, second, other.term, two)
	other.stop()
	l = lead(t, first, "mover-1")
	three := open(t, first, l.term, 3)
	if three.Epoch <= two.Epoch {
		t.Errorf("epoch %d after another leader's %d", three.Epoch, two.Epoch)
	}
	m, _ := flip(t, first, l.term, three)
	for _, mv := range []registry.Move{one, two, three} {
		wantFlipped(t, m, mv)
	}
}

func flipCorrected(t *testing.T, client Factory) {
	r := client(t)
	l := ready(t, r)
	mv := open(t, r, l.term, 3)
	corrected := must[*placement.Map](t)(firstMap(t, 1).WithOwner(3, "cell-b", mv.Epoch))
	ok(t, r.CorrectMap(t.Context(), l.term, firstMap(t, 1).Epoch(), corrected))
	m, flipped := flip(t, r, l.term, mv)
	equal(t, "map's epoch", m.Epoch(), corrected.Epoch())
	equal(t, "state", flipped.State, registry.MoveFlipped)
	wantOpen(t, r, flipped)
}
