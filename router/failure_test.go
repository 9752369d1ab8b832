package router

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/router/route"
)

func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestRouter_a_dead_cell_hurts_its_own_customers_alone(t *testing.T) {
	s := newScene(t)
	s.cell("cell-b", echo("cell-b"))
	s.instance("cell-a", deadAddress(t))
	s.serve("cell-a", Config{BreakerFailures: 2})
	for range 5 { // also through the open breaker
		r := s.customer(http.MethodPut, "x").want(t, 503, route.CodeUnavailable)
		if r.body["error"] != "Cell unavailable" || r.body["details"] == "" {
			t.Errorf("got %s", r.raw)
		}
	}
	s.own("cell-b")
	s.until("cell-b serves", func() bool { return s.customer(http.MethodPut, "x").status == 200 })
}

func TestRouter_tries_the_cells_next_instance(t *testing.T) {
	s := newScene(t)
	s.instance("cell-a", deadAddress(t))
	s.cell("cell-a", echo("cell-a"))
	s.serve("cell-a", Config{})
	s.until("both are known", func() bool { return len(s.router.view.Table().Instances("cell-a")) == 2 })
	for range 20 {
		if r := s.customer(http.MethodPut, "x"); r.status != 200 {
			t.Fatalf("got %+v", r)
		}
	}
}

// dying reads requests whole and breaks the connection without a word.
func dying(t *testing.T, requests *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}
}

func TestRouter_never_repeats_a_write_that_was_sent(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		for _, body := range []string{"", "x"} {
			s := newScene(t)
			var requests atomic.Int32
			s.cell("cell-a", dying(t, &requests))
			s.cell("cell-a", dying(t, &requests))
			s.serve("cell-a", Config{})
			s.customer(method, body, "Idempotency-Key", "k").want(t, 502, route.CodeOutcomeUnknown)
			if n := requests.Load(); n != 1 {
				t.Errorf("%s %q: the cells saw %d requests", method, body, n)
			}
		}
	}
}

func TestRouter_repeats_a_read_that_was_lost(t *testing.T) {
	s := newScene(t)
	var requests atomic.Int32
	s.cell("cell-a", dying(t, &requests))
	s.cell("cell-a", echo("cell-a"))
	s.serve("cell-a", Config{})
	s.until("both are known", func() bool { return len(s.router.view.Table().Instances("cell-a")) == 2 })
	for range 20 {
		if r := s.customer(http.MethodGet, ""); r.status != 200 {
			t.Fatalf("got %+v", r)
		}
	}
	if requests.Load() == 0 {
		t.Error("the dying instance was never tried: the test proves nothing")
	}
}

func TestRouter_a_read_that_is_lost_twice_is_refused(t *testing.T) {
	s := newScene(t)
	var requests atomic.Int32
	s.cell("cell-a", dying(t, &requests))
	s.serve("cell-a", Config{})
	s.customer(http.MethodGet, "").want(t, 503, route.CodeUnavailable)
}

func TestRouter_passes_on_a_cells_own_503(t *testing.T) {
	s := newScene(t)
	var requests atomic.Int32
	s.cell("cell-a", func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":"Service unavailable","code":"not_done"}`)
	})
	s.serve("cell-a", Config{})
	s.customer(http.MethodPut, "x").want(t, 503, "not_done")
	if requests.Load() != 1 {
		t.Errorf("the cell saw %d requests", requests.Load())
	}
}

func TestRouter_a_frozen_cell_leaves_the_others_alone(t *testing.T) {
	s := newScene(t)
	began, release := make(chan struct{}, 100), make(chan struct{})
	s.cell("cell-a", func(http.ResponseWriter, *http.Request) {
		began <- struct{}{}
		<-release
	})
	s.cell("cell-b", echo("cell-b"))
	s.serve("cell-a", Config{InFlight: 4, BreakerFailures: 100})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+customersPath+key, nil)
			if resp, err := s.client.Do(req); err == nil {
				resp.Body.Close()
			}
		})
	}
	for range 4 {
		<-began
	}
	s.customer(http.MethodPut, "x").want(t, 503, route.CodeBusy)
	s.own("cell-b")
	s.until("cell-b's customers are served", func() bool { return s.customer(http.MethodPut, "x").body["cell_id"] == "cell-b" })
	close(release)
	cancel()
	wg.Wait()
}

func TestRouter_a_cell_that_does_not_answer_in_time(t *testing.T) {
	s := newScene(t)
	release := make(chan struct{})
	s.cell("cell-a", func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	s.serve("cell-a", Config{Answer: 50 * time.Millisecond})
	s.customer(http.MethodPut, "x").want(t, 502, route.CodeOutcomeUnknown)
	s.customer(http.MethodGet, "").want(t, 503, route.CodeTimedOut)
}

func TestRouter_lets_requests_end_when_it_stops(t *testing.T) {
	s := newScene(t)
	began, release := make(chan struct{}), make(chan struct{})
	s.cell("cell-a", func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-release
		echo("cell-a")(w, r)
	})
	s.serve("cell-a", Config{Grace: 100 * time.Millisecond})
	got, stopped := make(chan reply), make(chan error)
	go func() { got <- s.customer(http.MethodPut, "x") }()
	<-began
	go func() { stopped <- s.stop() }()
	s.until("it says that it stops", func() bool { return s.router.stopping.Load() })
	close(release)
	if r := <-got; r.status != 200 {
		t.Errorf("the request in flight: %+v", r)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
