package admin

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// rebalanced is a stage on which a weight was raised and the plan for it carried out as rebalance "r".
func rebalanced(t *testing.T) (*stage, []registry.Move) {
	t.Helper()
	s := newStage(t, nil)
	s.must(s.reg.AnnounceCell(t.Context(), "cell-a", "db-cell-a", 3))
	m, err := s.reg.Map(t.Context())
	s.must(nil, err)
	plan, err := placement.MakePlan(m, []placement.Member{{Name: "cell-a", Weight: 3}, {Name: "cell-b", Weight: 1}})
	s.must(nil, err)
	var moves []registry.Move
	for _, mv := range plan.Moves {
		moves = append(moves, s.carryOut("move-"+string('a'+rune(mv.Partition)), mv.Partition, "r"))
	}
	if len(moves) != 4 {
		t.Fatalf("%d moves, want 4", len(moves))
	}
	s.must(nil, s.reg.PutRebalance(t.Context(), s.term, registry.Rebalance{ID: "r", Done: len(moves)}))
	return s, moves
}

func TestAPI_reverse_of_the_last_rebalance(t *testing.T) {
	s, moves := rebalanced(t)
	s.carryOut("later", moves[0].Partition, "")
	s.hold()
	status, body := s.order("POST", "/admin/rebalance/reverse")
	if status != http.StatusAccepted || body["rebalance"] != "r" || body["moves"] != 3.0 {
		t.Fatalf("%d %v", status, body)
	}
	if alone := body["left_alone"].([]any); len(alone) != 0 {
		t.Errorf("what is where it was is not left alone: %v", alone)
	}
	b := s.book()
	if b.Reverse == nil || len(b.Reverse.Legs) != 1 || b.Reverse.Legs[0].From != "cell-a" || b.Reverse.Legs[0].To != "cell-b" || len(b.Reverse.Legs[0].Partitions) != 3 {
		t.Fatalf("reverse %+v", b.Reverse)
	}
	if b.Hold == nil || !b.Hold.Everything || b.Hold.Undo {
		t.Errorf("hold %+v", b.Hold)
	}
	if _, body, w := s.do("GET", "/admin/rebalance"); body["running"] != true {
		t.Errorf("it does not run: %s", w.Body)
	}
	if status, body := s.order("POST", "/admin/rebalance/reverse?rebalance=r"); status != http.StatusConflict {
		t.Errorf("while it runs: %d %v", status, body)
	}
}

func TestAPI_reverse_is_refused_with_the_reason(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(s *stage)
		query  string
		status int
		code   string
	}{
		"unknown": {func(*stage) {}, "?rebalance=x", 404, "no_such_rebalance"},
		"running": {func(s *stage) { s.begin("open", 0, "r2") }, "", 409, "conflict"},
		"trimmed": {func(s *stage) {
			s.must(nil, s.reg.PutRebalance(s.t.Context(), s.term, registry.Rebalance{ID: "r", Done: 5}))
		}, "", 409, "conflict"},
		"the cell is removed": {func(s *stage) { s.must(nil, s.reg.RemoveCell(s.t.Context(), "cell-b")); s.hold() }, "", 409, "conflict"},
		"the cell drains":     {func(s *stage) { s.must(nil, s.reg.SetDraining(s.t.Context(), "cell-b", true)); s.hold() }, "", 409, "conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := rebalanced(t)
			c.spoil(s)
			before := s.book()
			if status, body := s.order("POST", "/admin/rebalance/reverse"+c.query); status != c.status || body["code"] != c.code || body["details"] == "" {
				t.Errorf("%d %v", status, body)
			}
			if !reflect.DeepEqual(s.book(), before) {
				t.Errorf("something is kept: %+v", s.book())
			}
		})
	}
}

// hold stops the rebalance that a drain or a removal has begun.
func (s *stage) hold() { s.order("POST", "/admin/rebalance/cancel") }
