package registrytest

import (
	"context"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var electionTests = []test{
	{"one leads, and its name is known", oneLeads},
	{"a leader that is asked to stop hands over", handsOver},
	{"campaigning goes on after lead returns", campaignsOn},
	{"a candidate that is asked to stop stops", candidateStops},
	{"a term that is over writes nothing", overWritesNothing},
	{"a term of another store's making writes nothing", foreignTerm},
	{"a token catches up with what cells have seen, and later ones are above it", tokenRaised},
}

func oneLeads(t *testing.T, client Factory) {
	first, second := client(t), client(t)
	equal(t, "leader at first", must[string](t)(first.Leader(t.Context())), "")
	l := lead(t, first, "mover-1")
	others, _ := campaign(t, second, "mover-2")

	equal(t, "leader", must[string](t)(second.Leader(t.Context())), "mover-1")
	equal(t, "holder", l.term.Holder, "mover-1")
	if l.term.Token == 0 || l.term.Lock == "" {
		t.Errorf("term %+v, want a token and a lock", l.term)
	}
	ok(t, first.PutRebalance(t.Context(), l.term, registry.Rebalance{ID: "one"}))
	select {
	case other := <-others:
		t.Errorf("%s leads as well", other.term.Holder)
	default:
	}
	ok(t, l.ctx.Err())
}

func handsOver(t *testing.T, client Factory) {
	first, second := client(t), client(t)
	l := lead(t, first, "mover-1")
	others, _ := campaign(t, second, "mover-2")
	l.stop()
	next := receive(t, "mover-2 leads", others)

	if l.ctx.Err() == nil {
		t.Error("the context of a leader that was stopped has not ended")
	}
	if next.term.Token <= l.term.Token {
		t.Errorf("token %d after %d, want a higher one", next.term.Token, l.term.Token)
	}
	equal(t, "leader", must[string](t)(first.Leader(t.Context())), "mover-2")
	ok(t, second.PutRebalance(t.Context(), next.term, registry.Rebalance{ID: "two"}))
	wantError(t, "write of the first", first.PutRebalance(t.Context(), l.term, registry.Rebalance{ID: "one"}), registry.ErrNotLeader)
}

func campaignsOn(t *testing.T, client Factory) {
	terms := make(chan registry.Term, 16)
	r := client(t)
	background(t, func(ctx context.Context) error {
		return r.Lead(ctx, "mover-1", func(_ context.Context, term registry.Term) {
			select {
			case terms <- term:
			default:
			}
		}, nil)
	})
	first, second := receive(t, "first term", terms), receive(t, "second term", terms)
	if second.Token <= first.Token {
		t.Errorf("token %d after %d, want a higher one", second.Token, first.Token)
	}
}

func candidateStops(t *testing.T, client Factory) {
	l := lead(t, client(t), "mover-1")
	_, stop := campaign(t, client(t), "mover-2")
	stop()
	ok(t, l.ctx.Err())
}

func overWritesNothing(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	ok(t, r.CreateMap(t.Context(), l.term, firstMap(t, 1)))
	mv := open(t, r, l.term, 3)
	l.stop()

	refusesAll(t, r, l.term, mv)
	next := lead(t, client(t), "mover-2")
	refusesAll(t, r, l.term, mv)

	still := must[[]registry.Move](t)(r.OpenMoves(t.Context()))
	if len(still) != 1 || still[0] != mv {
		t.Errorf("open moves %+v, want %+v alone", still, mv)
	}
	equal(t, "map's epoch", must[*placement.Map](t)(r.Map(t.Context())).Epoch(), firstMap(t, 1).Epoch())
	equal(t, "history", len(must[[]registry.Move](t)(r.History(t.Context(), 10))), 0)
	equal(t, "rebalance", must[registry.Rebalance](t)(r.Rebalance(t.Context())), registry.Rebalance{})
	if drawn := open(t, r, next.term, 4); drawn.Epoch != mv.Epoch+1 {
		t.Errorf("epoch %d after %d: the refused writes have drawn some", drawn.Epoch, mv.Epoch)
	}
}

// refusesAll tries every write that takes a term.
func refusesAll(t *testing.T, r registry.Registry, over registry.Term, mv registry.Move) {
	t.Helper()
	ctx := t.Context()
	done := mv
	done.State = registry.MoveDone
	wantError(t, "CreateMap", r.CreateMap(ctx, over, firstMap(t, 9)), registry.ErrNotLeader)
	wantError(t, "CorrectMap", r.CorrectMap(ctx, over, firstMap(t, 1).Epoch(), firstMap(t, 99)), registry.ErrNotLeader)
	wantError(t, "CorrectMap of another epoch", r.CorrectMap(ctx, over, 7, firstMap(t, 99)), registry.ErrNotLeader)
	_, err := r.OpenMove(ctx, over, registry.Move{Partition: 5, From: "cell-a", To: "cell-b"}, 0)
	wantError(t, "OpenMove", err, registry.ErrNotLeader)
	_, err = r.UpdateMove(ctx, over, mv)
	wantError(t, "UpdateMove", err, registry.ErrNotLeader)
	_, _, err = r.Flip(ctx, over, mv)
	wantError(t, "Flip", err, registry.ErrNotLeader)
	elsewhere := mv
	elsewhere.From = "cell-c"
	_, _, err = r.Flip(ctx, over, elsewhere)
	wantError(t, "Flip that conflicts", err, registry.ErrNotLeader)
	wantError(t, "EndMove", r.EndMove(ctx, over, done), registry.ErrNotLeader)
	wantError(t, "PutRebalance", r.PutRebalance(ctx, over, registry.Rebalance{ID: "x"}), registry.ErrNotLeader)
}

func foreignTerm(t *testing.T, client Factory) {
	r := client(t)
	l := lead(t, r, "mover-1")
	for _, term := range []registry.Term{
		{},
		{Token: l.term.Token, Holder: l.term.Holder},
		{Token: l.term.Token + 1, Holder: "mover-1", Lock: "2f8d5b2e-9c9b-4f0c-8a51-6b0d5a3a7e11"},
	} {
		wantError(t, "PutRebalance", r.PutRebalance(t.Context(), term, registry.Rebalance{ID: "x"}), registry.ErrNotLeader)
	}
}

func tokenRaised(t *testing.T, client Factory) {
	first, second := client(t), client(t)
	l := lead(t, first, "mover-1")
	same := must[registry.Term](t)(first.RaiseToken(t.Context(), l.term, l.term.Token-1))
	equal(t, "term that was above already", same, l.term)

	const seen = 1 << 40
	raised := must[registry.Term](t)(first.RaiseToken(t.Context(), l.term, seen))
	if raised.Token <= seen {
		t.Errorf("token %d, want above %d", raised.Token, uint64(seen))
	}
	equal(t, "lock", raised.Lock, l.term.Lock)
	ok(t, first.CreateMap(t.Context(), raised, firstMap(t, 1))) // it leads on
	higher := must[registry.Term](t)(first.RaiseToken(t.Context(), raised, raised.Token))
	if higher.Token <= raised.Token {
		t.Errorf("token %d raised above itself is %d", raised.Token, higher.Token)
	}
	others, _ := campaign(t, second, "mover-2")
	l.stop()
	next := receive(t, "mover-2 leads", others)
	if next.term.Token <= higher.Token {
		t.Errorf("token %d after %d, want a higher one", next.term.Token, higher.Token)
	}
	_, err := first.RaiseToken(t.Context(), higher, next.term.Token)
	wantError(t, "raise by a leader of the past", err, registry.ErrNotLeader)
	_, err = first.RaiseToken(t.Context(), higher, 0)
	wantError(t, "raise by a leader of the past that is above already", err, registry.ErrNotLeader)
}
