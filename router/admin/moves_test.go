package admin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// other is the cell that does not own the partition.
func (s *stage) other(p placement.Partition) (from, to string) {
	m, err := s.reg.Map(s.t.Context())
	s.must(nil, err)
	from, _ = m.Owner(p)
	return from, map[string]string{"cell-a": "cell-b", "cell-b": "cell-a"}[from]
}

// begin opens a move of the partition to the other cell.
func (s *stage) begin(id string, p placement.Partition, rebalance string) registry.Move {
	s.t.Helper()
	from, to := s.other(p)
	mv, err := s.reg.OpenMove(s.t.Context(), s.term, registry.Move{ID: id, Partition: p, From: from, To: to, Rebalance: rebalance}, 0)
	s.must(nil, err)
	return mv
}

// carryOut is a whole move.
func (s *stage) carryOut(id string, p placement.Partition, rebalance string) registry.Move {
	s.t.Helper()
	_, mv, err := s.reg.Flip(s.t.Context(), s.term, s.begin(id, p, rebalance))
	s.must(nil, err)
	mv.State, mv.Rows = registry.MoveDone, 7
	s.must(nil, s.reg.EndMove(s.t.Context(), s.term, mv))
	return mv
}

func (s *stage) listed(path string) string {
	s.t.Helper()
	_, _, w := s.do("GET", path)
	var got struct{ Moves []registry.Move }
	s.must(nil, json.Unmarshal(w.Body.Bytes(), &got))
	var b strings.Builder
	for _, mv := range got.Moves {
		b.WriteString(mv.ID + " ")
	}
	return b.String()
}

func TestAPI_moves_of_a_state(t *testing.T) {
	s := newStage(t, nil)
	s.carryOut("done-1", 0, "r")
	s.carryOut("done-2", 1, "r")
	s.begin("open-1", 2, "r")
	flipped := s.begin("flipped-1", 3, "r")
	s.must3(s.reg.Flip(t.Context(), s.term, flipped))
	for path, want := range map[string]string{
		"/admin/moves?state=done": "done-2 done-1 ", "/admin/moves?state=done&limit=1": "done-2 ", "/admin/moves?state=open": "open-1 ",
		"/admin/moves?state=flipped": "flipped-1 ", "/admin/moves?state=undone": "", "/admin/moves?limit=3": "open-1 flipped-1 done-2 ",
	} {
		if got := s.listed(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if code, body, _ := s.do("GET", "/admin/moves?state=lost"); code != 400 || body["field"] != "state" {
		t.Errorf("an unknown state: %d %v", code, body)
	}
}

func TestAPI_move(t *testing.T) {
	s := newStage(t, nil)
	s.carryOut("aaaa-done", 0, "r")
	s.begin("aabb-open", 1, "r")
	for id, want := range map[string]string{"aaaa-done": "aaaa-done", "aaaa": "aaaa-done", "aabb-open": "aabb-open"} {
		if code, body, _ := s.do("GET", "/admin/moves/"+id); code != http.StatusOK || body["id"] != want || body["rebalance"] != "r" {
			t.Errorf("%s: %d %v", id, code, body)
		}
	}
	for id, want := range map[string]int{"aa": 404, "cccc": 404, "aaaa-done-2": 404} {
		if code, body, _ := s.do("GET", "/admin/moves/"+id); code != want || body["code"] != "no_such_move" {
			t.Errorf("%s: %d %v", id, code, body)
		}
	}
	s.begin("aabb-also", 2, "r")
	if code, body, _ := s.do("GET", "/admin/moves/aabb"); code != 400 || body["code"] != "invalid_request" {
		t.Errorf("two moves that begin so: %d %v", code, body)
	}
}

func (s *stage) must3(_, _ any, err error) { s.t.Helper(); s.must(nil, err) }
