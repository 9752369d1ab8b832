package gate

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// lingering is a gate that keeps two requests at its doors for 50 ms.
func lingering(tb testing.TB) *fixture {
	tb.Helper()
	f := serving(tb)
	f.cfg.Linger, f.lingering = 50*time.Millisecond, make(chan struct{}, 2)
	return f
}

// askLater sends a request in the background, and returns when it lingers or has its answer.
func (f *fixture) askLater(method string, p placement.Partition) chan *httptest.ResponseRecorder {
	result := make(chan *httptest.ResponseRecorder, 1)
	go func() { result <- f.ask(method, p) }()
	synctest.Wait()
	return result
}

func TestLinger_goes_in_when_the_door_opens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lingering(t)
		f.CloseWrites(0, time.Now().Add(time.Second))
		began := time.Now()
		put := f.askLater("PUT", 0)
		if names, ok := f.WaitWrites(t.Context(), 0); !ok {
			t.Errorf("the close waits for who is not inside: %v", names)
		}
		pass(20 * time.Millisecond)
		f.Open(0)
		wantStatus(t, "write", <-put, http.StatusOK)
		if took := time.Since(began); took != 20*time.Millisecond {
			t.Errorf("after %v", took)
		}
		f.know(protocol.Row{Partition: 1, State: protocol.StateReady})
		get := f.askLater("GET", 1)
		f.know(protocol.Row{Partition: 1, State: protocol.StateOwned, Epoch: 2})
		wantStatus(t, "read", <-get, http.StatusOK)
	})
}

func TestLinger_is_told_who_has_the_customer_now(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lingering(t)
		f.CloseWrites(0, time.Now().Add(time.Second))
		put := f.askLater("PUT", 0)
		f.know(protocol.Row{State: protocol.StateFenced, FenceNo: 1})
		synctest.Wait()
		if len(put) > 0 {
			t.Fatal("a change from closed to fenced is none for a write")
		}
		f.know(protocol.Row{State: protocol.StateMoved, Peer: "cell-b", Epoch: 2})
		got := <-put
		wantStatus(t, "write", got, http.StatusMisdirectedRequest)
		if owner := got.Header().Get(protocol.HeaderOwner); owner != "cell-b; epoch=2" {
			t.Errorf("owner %q", owner)
		}
	})
}

func TestLinger_ends_with_its_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lingering(t)
		f.CloseWrites(0, time.Now().Add(time.Second))
		began := time.Now()
		wantFenced(t, "write", f.ask("PUT", 0))
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("refused after %v", took)
		}
		if len(f.lingering) != 0 {
			t.Error("its place is not given back")
		}
	})
}

func TestLinger_keeps_no_more_than_it_may(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lingering(t)
		f.CloseWrites(0, time.Now().Add(time.Second))
		one, two := f.askLater("PUT", 0), f.askLater("PUT", 0)
		three := f.askLater("PUT", 0)
		if len(three) != 1 || len(one)+len(two) != 0 {
			t.Fatalf("%d, %d and %d answers", len(one), len(two), len(three))
		}
		wantFenced(t, "the third", <-three)
		f.Open(0)
		wantStatus(t, "the first", <-one, http.StatusOK)
		wantStatus(t, "the second", <-two, http.StatusOK)
	})
}

func TestLinger_is_judged_under_the_lease_of_the_moment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lingering(t)
		f.CloseWrites(0, time.Now().Add(time.Second))
		put := f.askLater("PUT", 0)
		f.Lapse()
		f.Open(0)
		got := <-put
		wantStatus(t, "write", got, http.StatusServiceUnavailable)
		if body := bodyOf(t, got); body.Code != CodeUnavailable {
			t.Errorf("%+v", body)
		}
		f.acquire(time.Now().Add(5 * time.Second))
		f.know(protocol.Row{State: protocol.StateFenced, FenceNo: 1})
		put = f.askLater("PUT", 0)
		f.RefuseWrites("the database is a copy")
		f.know(protocol.Row{State: protocol.StateOwned})
		if got := <-put; got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "copy") {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	})
}

func TestLinger_ends_when_the_client_leaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lingering(t)
		f.CloseWrites(0, time.Now().Add(time.Second))
		ctx, leave := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r := httptest.NewRequestWithContext(ctx, "PUT", "/k/"+keyOf(0), http.NoBody)
			f.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") })).ServeHTTP(w, r)
		}()
		synctest.Wait()
		leave()
		<-done
		wantFenced(t, "write", w)
	})
}
