package gate

import (
	"net/http"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

func TestDoor_admits_by_state(t *testing.T) {
	for _, c := range []struct {
		row         protocol.Row
		read, write int
		marked      bool // refusals carry Cellway-Fenced
	}{
		{protocol.Row{State: protocol.StateOwned}, 200, 200, false},
		{protocol.Row{State: protocol.StateFenced, FenceNo: 3}, 200, 503, true},
		{protocol.Row{State: protocol.StateFenced, FenceNo: 3, ReadFence: 3}, 503, 503, true},
		{protocol.Row{State: protocol.StateImporting}, 503, 503, true},
		{protocol.Row{State: protocol.StateReady}, 503, 503, true},
		{protocol.Row{State: protocol.StateMoved, Peer: "cell-b", Epoch: 9}, 421, 421, false},
		{protocol.Row{State: protocol.StateAbsent}, 421, 421, false},
	} {
		t.Run(string(c.row.State), func(t *testing.T) {
			f := serving(t)
			f.know(c.row)
			for method, want := range map[string]int{
				"GET": c.read, "HEAD": c.read, "OPTIONS": c.read,
				"POST": c.write, "PUT": c.write, "PATCH": c.write, "DELETE": c.write, "QUERY": c.write,
			} {
				w := f.ask(method, 0)
				wantStatus(t, method, w, want)
				if marked := w.Header().Get(protocol.HeaderFenced) == "1"; marked != (c.marked && want == 503) {
					t.Errorf("%s: fenced mark %v", method, marked)
				}
			}
			if c.read == 200 && c.write == 200 {
				return
			}
			if len(f.refused) == 0 || f.refused[0] != c.row.State {
				t.Errorf("OnRefused heard %v", f.refused)
			}
		})
	}
}

func TestDoor_names_the_new_owner_where_it_is_known(t *testing.T) {
	f := serving(t)
	f.know(protocol.Row{State: protocol.StateMoved, Peer: "cell-b", Epoch: 9})
	w := f.ask("GET", 0)
	owner, epoch, err := protocol.ParseOwner(w.Header().Get(protocol.HeaderOwner))
	if err != nil || owner != "cell-b" || epoch != 9 {
		t.Errorf("owner %q, epoch %d, %v", owner, epoch, err)
	}
	if body := bodyOf(t, w); body.Code != CodeNotOwned || body.RequestID != "req-1" {
		t.Errorf("body %+v", body)
	}
	f.know(protocol.Row{State: protocol.StateAbsent})
	if w := f.ask("GET", 0); w.Header().Get(protocol.HeaderOwner) != "" {
		t.Errorf("an owner that nobody knows: %v", w.Header())
	}
}

func TestDoor_refusal_comes_before_the_application(t *testing.T) {
	f := serving(t)
	f.know(protocol.Row{State: protocol.StateFenced, FenceNo: 1})
	f.askApp("PUT", "/k/"+keyOf(0), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the application ran")
	}))
}

func TestDoor_concerns_one_partition(t *testing.T) {
	f := serving(t)
	f.know(protocol.Row{Partition: 1, State: protocol.StateAbsent})
	f.CloseWrites(2, time.Now().Add(time.Hour))
	f.CloseReads(3, 1)
	for p, want := range []int{200, 421, 503, 503} {
		wantStatus(t, "write", f.ask("PUT", placement.Partition(p)), want)
	}
}

func TestGate_request_without_a_key(t *testing.T) {
	f := serving(t)
	app := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	wantStatus(t, "open path", f.askApp("GET", "/open", app), http.StatusTeapot)
	wantStatus(t, "other path", f.askApp("GET", "/closed", app), http.StatusNotFound)
	w := f.askApp("GET", "/k/", app)
	wantStatus(t, "bad key", w, http.StatusBadRequest)
	if body := bodyOf(t, w); body.Details != errTestKey.Error() {
		t.Errorf("body %+v", body)
	}
	if n := f.Counts(); n[Admitted] != 1 || n[BadRequest] != 2 {
		t.Errorf("counts %v", n)
	}
}

func TestGate_refuses_writes_when_told(t *testing.T) {
	f := serving(t)
	f.RefuseWrites("the database is another")
	wantStatus(t, "read", f.ask("GET", 0), 200)
	w := f.ask("PUT", 0)
	wantStatus(t, "write", w, 503)
	if body := bodyOf(t, w); body.Details != "the database is another" || w.Header().Get(protocol.HeaderFenced) != "" {
		t.Errorf("body %+v, headers %v", body, w.Header())
	}
}
