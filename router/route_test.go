package router

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/router/route"
)

// refusing answers 421, naming an owner, until open; then as next.
func refusing(open *atomic.Bool, owner string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if open.Load() {
			next(w, r)
			return
		}
		if owner != "" {
			w.Header().Set(protocol.HeaderOwner, owner)
		}
		w.WriteHeader(http.StatusMisdirectedRequest)
	}
}

func fencing(open *atomic.Bool, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if open.Load() {
			next(w, r)
			return
		}
		w.Header().Set(protocol.HeaderFenced, "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func TestRouter_sends_a_customer_to_the_owner(t *testing.T) {
	s := newScene(t)
	s.cell("cell-a", echo("cell-a"))
	s.cell("cell-b", echo("cell-b"))
	s.serve("cell-b", Config{})
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut, http.MethodDelete} {
		r := s.customer(method, `{"x":1}`)
		if r.status != 200 || r.body["cell_id"] != "cell-b" || r.body["method"] != method || r.body["body"] != `{"x":1}` || r.body["uri"] != "/api/customers/alice" {
			t.Errorf("%s: %+v", method, r)
		}
		if r.header.Get(protocol.HeaderCell) != "cell-b" || r.header.Get(protocol.HeaderRequestID) == "" {
			t.Errorf("%s: headers %v", method, r.header)
		}
	}
	head := s.customer(http.MethodHead, "")
	if head.status != 200 || head.raw != "" || head.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %+v", head)
	}
}

func TestRouter_follows_a_refusal_that_names_a_newer_owner(t *testing.T) {
	s := newScene(t)
	s.own("cell-a")
	newer := protocol.FormatOwner("cell-b", s.epochOf()+1)
	s.cell("cell-a", refusing(new(atomic.Bool), newer, nil))
	s.cell("cell-b", echo("cell-b"))
	s.start(Config{})
	s.until("both are known", func() bool {
		table := s.router.view.Table()
		return table.Map() != nil && len(table.Instances("cell-a")) > 0 && len(table.Instances("cell-b")) > 0
	})
	for range 2 {
		if r := s.customer(http.MethodPut, "x"); r.status != 200 || r.body["cell_id"] != "cell-b" {
			t.Errorf("got %+v", r)
		}
	}
	if n := s.router.view.Table().Overrides(); n != 1 {
		t.Errorf("%d owners remembered", n)
	}
}

func TestRouter_goes_on_with_a_held_request_the_moment_the_map_flips(t *testing.T) {
	for name, cell := range map[string]func() http.HandlerFunc{
		"fenced":                     func() http.HandlerFunc { return fencing(new(atomic.Bool), nil) },
		"refused, no owner named":    func() http.HandlerFunc { return refusing(new(atomic.Bool), "", nil) },
		"refused, stale owner named": func() http.HandlerFunc { return refusing(new(atomic.Bool), "cell-b; epoch=1", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			asked := make(chan struct{}, 1000)
			never := cell()
			s.cell("cell-a", func(w http.ResponseWriter, r *http.Request) {
				asked <- struct{}{}
				never(w, r)
			})
			s.cell("cell-b", echo("cell-b"))
			s.serve("cell-a", Config{HoldBudget: time.Minute, Write: 5 * time.Minute})
			got := make(chan reply)
			go func() { got <- s.customer(http.MethodPut, "x") }()
			for range 3 {
				<-asked
			}
			s.own("cell-b")
			if r := <-got; r.status != 200 || r.body["cell_id"] != "cell-b" || r.body["body"] != "x" {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestRouter_holds_a_request_until_the_partition_is_open_again(t *testing.T) {
	s := newScene(t)
	var open atomic.Bool
	var refused atomic.Int32
	s.cell("cell-a", func(w http.ResponseWriter, r *http.Request) {
		if refused.Add(1) == 5 {
			open.Store(true)
		}
		fencing(&open, echo("cell-a"))(w, r)
	})
	s.serve("cell-a", Config{})
	if r := s.customer(http.MethodPost, "x"); r.status != 200 || r.body["body"] != "x" || refused.Load() != 5 {
		t.Errorf("after %d tries: %+v", refused.Load(), r)
	}
}

func TestRouter_gives_up_holding_when_the_budget_is_spent(t *testing.T) {
	for name, cell := range map[string]func(*atomic.Bool) http.HandlerFunc{
		"fenced":  func(b *atomic.Bool) http.HandlerFunc { return fencing(b, nil) },
		"refused": func(b *atomic.Bool) http.HandlerFunc { return refusing(b, "", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			var never atomic.Bool
			s.cell("cell-a", cell(&never))
			s.serve("cell-a", Config{HoldBudget: 50 * time.Millisecond})
			r := s.customer(http.MethodPut, "x").want(t, 503, route.CodeHeldTooLong)
			for name := range r.header {
				if name == protocol.HeaderFenced || name == protocol.HeaderOwner {
					t.Errorf("the client sees %s", name)
				}
			}
			if r.body["error"] != "Cell unavailable" {
				t.Errorf("got %s", r.raw)
			}
		})
	}
}

func TestRouter_refuses_to_hold_more_than_it_may(t *testing.T) {
	s := newScene(t)
	var open atomic.Bool
	fenced := make(chan struct{}, 1000)
	s.cell("cell-a", func(w http.ResponseWriter, r *http.Request) {
		select {
		case fenced <- struct{}{}:
		default:
		}
		fencing(&open, echo("cell-a"))(w, r)
	})
	s.serve("cell-a", Config{MaxHeld: 1, HoldBudget: time.Minute, Write: 5 * time.Minute})
	first := make(chan reply)
	go func() { first <- s.customer(http.MethodPut, "first") }()
	<-fenced
	<-fenced // tried twice: it is held
	s.customer(http.MethodPut, "second").want(t, 503, route.CodeQueueFull)
	open.Store(true)
	if r := <-first; r.status != 200 {
		t.Errorf("the held one: %+v", r)
	}
}

func TestRouter_without_a_map_says_so_and_serves_the_moment_one_comes(t *testing.T) {
	s := newScene(t)
	s.cell("cell-a", echo("cell-a"))
	s.start(Config{})
	s.customer(http.MethodGet, "").want(t, 503, route.CodeNoMap)
	if r := s.do(http.MethodGet, s.url+"/health", ""); r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("health: %+v", r)
	}
	s.own("cell-a")
	s.until("it serves", func() bool { return s.customer(http.MethodGet, "").status == 200 })
	r := s.do(http.MethodGet, s.url+"/health", "")
	m, _ := r.body["map"].(map[string]any)
	if r.status != 200 || r.body["status"] != "healthy" || r.body["service"] != "cell-router" || r.body["source"] != "live" || m["source"] != "live" || m["epoch"] != r.body["epoch"] {
		t.Errorf("health: %s", r.raw)
	}
}

func TestRouter_starts_from_disk_while_the_registry_is_down(t *testing.T) {
	file := t.TempDir() + "/view"
	s := newScene(t)
	s.cell("cell-a", echo("cell-a"))
	s.serve("cell-a", Config{StateFile: file})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.store.SetDown(true)
	s.start(Config{StateFile: file})
	if r := s.customer(http.MethodPut, "x"); r.status != 200 || r.body["cell_id"] != "cell-a" {
		t.Errorf("from disk: %+v", r)
	}
	if r := s.do(http.MethodGet, s.url+"/health", ""); r.status != 200 || r.body["source"] != "disk" {
		t.Errorf("health: %s", r.raw)
	}
	if r := s.do(http.MethodGet, s.admin+"/admin/map", ""); r.status != 200 || r.body["source"] != "disk" {
		t.Errorf("map: %s", r.raw)
	}
	s.do(http.MethodGet, s.admin+"/admin/cells", "").want(t, 503, "registry_unavailable")
	s.store.SetDown(false)
	s.until("the map is live", func() bool { return s.do(http.MethodGet, s.url+"/health", "").body["source"] == "live" })
}

func TestRouter_goes_on_when_the_registry_loses_the_instances(t *testing.T) {
	s := newScene(t)
	server := s.cell("cell-a", echo("cell-a"))
	s.serve("cell-a", Config{})
	for _, in := range s.router.view.Table().Instances("cell-a") {
		if in.Address != server.Listener.Addr().String() || !in.Healthy {
			t.Fatalf("instance %+v", in)
		}
		s.store.SetDown(true)
		if r := s.customer(http.MethodPut, "x"); r.status != 200 {
			t.Errorf("registry down: %+v", r)
		}
		s.store.SetDown(false)
	}
}
