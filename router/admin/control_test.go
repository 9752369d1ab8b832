package admin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cellway/cellway/registry"
)

func (s *stage) book() registry.OrderBook {
	s.t.Helper()
	b, err := s.reg.Orders(s.t.Context())
	s.must(nil, err)
	return b
}

func TestAPI_pause_and_resume(t *testing.T) {
	s := newStage(t, nil)
	code, body, _ := s.do("POST", "/admin/pause", "Cellway-Admin", "1", "Cellway-Operator", " Ann\x07 of the night shift ")
	if code != http.StatusAccepted || body["epoch"] != 1.0 {
		t.Fatalf("pause: %d %v", code, body)
	}
	if b := s.book(); b.Pause == nil || b.Pause.Who != "Ann of the night shift" || b.Pause.Since.IsZero() {
		t.Fatalf("kept: %+v", b.Pause)
	}
	s.order("POST", "/admin/pause")
	if b := s.book(); b.Pause == nil || b.Pause.Who != "Ann of the night shift" {
		t.Errorf("after a second pause: %+v", b.Pause)
	}
	if _, _, w := s.do("GET", "/admin/rebalance"); !strings.Contains(w.Body.String(), `"paused":{"who":"Ann of the night shift","since":"`) {
		t.Errorf("it does not show: %s", w.Body)
	}
	if code, _ := s.order("POST", "/admin/resume"); code != http.StatusAccepted || !s.book().Empty() {
		t.Errorf("resume: %d, kept %+v", code, s.book())
	}
	if _, body, _ := s.do("GET", "/admin/rebalance"); body["paused"] != nil {
		t.Errorf("it shows still: %v", body)
	}
	s.order("POST", "/admin/pause")
	if who := s.book().Pause.Who; who != "an operator at 192.0.2.1" {
		t.Errorf("nobody named is %q", who)
	}
}

func TestAPI_orders_about_moves_need_the_header(t *testing.T) {
	s := newStage(t, nil)
	for _, path := range []string{"/admin/pause", "/admin/resume", "/admin/moves/one/cancel", "/admin/rebalance/cancel", "/admin/rebalance/reverse"} {
		if code, body, _ := s.do("POST", path); code != http.StatusForbidden || body["code"] != "admin_refused" {
			t.Errorf("%s: %d %v", path, code, body)
		}
	}
	if !s.book().Empty() {
		t.Errorf("kept: %+v", s.book())
	}
}

func TestAPI_cancel_of_a_move(t *testing.T) {
	s := newStage(t, nil)
	s.carryOut("done-1", 0, "r")
	mv := s.begin("open-1", 1, "r")
	s.must3(s.reg.Flip(t.Context(), s.term, s.begin("flipped-1", 2, "r")))
	for _, c := range []struct {
		id, code string
		status   int
	}{{"none", "no_such_move", 404}, {"done-1", "move_ended", 409}, {"flipped-1", "past_point_of_no_return", 409}} {
		if status, body := s.order("POST", "/admin/moves/"+c.id+"/cancel"); status != c.status || body["code"] != c.code {
			t.Errorf("%s: %d %v", c.id, status, body)
		}
	}
	if !s.book().Empty() {
		t.Fatalf("what was refused is kept: %+v", s.book())
	}
	for range 2 {
		if status, body := s.order("POST", "/admin/moves/open-1/cancel"); status != http.StatusAccepted {
			t.Fatalf("%d %v", status, body)
		}
	}
	b := s.book()
	if len(b.Cancels) != 1 || b.Cancels[0].Move != mv.ID || b.Cancels[0].Partition != 1 || b.Cancels[0].From != mv.From {
		t.Errorf("cancels %+v", b.Cancels)
	}
	if b.Hold == nil || b.Hold.Everything || !b.Hold.Keeps(1) || b.Hold.Keeps(2) || len(b.Hold.Cells) != 2 {
		t.Errorf("hold %+v", b.Hold)
	}
}

func TestAPI_a_cancelled_rebalance_runs_no_more_until_it_is_asked_for(t *testing.T) {
	s := newStage(t, nil)
	if status, body := s.order("POST", "/admin/rebalance/cancel"); status != http.StatusConflict || body["code"] != "conflict" {
		t.Fatalf("nothing runs: %d %v", status, body)
	}
	s.must(nil, s.reg.SetDraining(t.Context(), "cell-b", true))
	running := func(want bool) {
		t.Helper()
		if _, body, w := s.do("GET", "/admin/rebalance"); body["running"] != want || (body["held"] == nil) != want {
			t.Errorf("it shows %s", w.Body)
		}
	}
	running(true)
	if status, body := s.order("POST", "/admin/rebalance/cancel"); status != http.StatusAccepted {
		t.Fatalf("cancel: %d %v", status, body)
	}
	if h := s.book().Hold; h == nil || !h.Everything || !h.Undo {
		t.Fatalf("hold %+v", h)
	}
	running(false)
	if _, body, w := s.do("GET", "/admin/plan"); body["moves"] != 8.0 {
		t.Errorf("the plan does not say what a rebalance would do: %s", w.Body)
	}
	for _, release := range []string{"/admin/rebalance", "/admin/cells/cell-a/undrain", "/admin/cells/cell-b/drain"} {
		if status, body := s.order("POST", release); status != http.StatusAccepted || s.book().Hold != nil {
			t.Errorf("%s: %d %v, hold %+v", release, status, body, s.book().Hold)
		}
		running(true)
		s.order("POST", "/admin/rebalance/cancel")
		running(false)
	}
	s.must(s.reg.AnnounceCell(t.Context(), "cell-c", "db-c", 1))
	running(true) // the hold is over, before the mover takes it out
}
