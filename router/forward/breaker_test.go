package forward

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/router/route"
)

func TestBreaker_opens_after_failures_in_a_row_and_closes_when_the_instance_is_back(t *testing.T) {
	// Not one of those that outgoing connections get: it must be free again below.
	port, err := localserver.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(localserver.Loopback, strconv.Itoa(port))
	var opened atomic.Int32
	c := client(t, Config{BreakerFailures: 2, BreakerPause: 50 * time.Millisecond, BreakerOpened: func(cell string) {
		if cell == "cell-a" {
			opened.Add(1)
		}
	}})
	for range 2 {
		want(t, send(t, c, address, call(http.MethodPut, "")), route.DialFailed)
	}
	want(t, send(t, c, address, call(http.MethodPut, "")), route.BreakerOpen)
	if opened.Load() != 1 {
		t.Errorf("told %d times that it opened", opened.Load())
	}

	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	deadline := time.After(10 * time.Second)
	for send(t, c, address, call(http.MethodPut, "")).Outcome != route.Answered {
		select {
		case <-deadline:
			t.Fatal("the breaker never closed")
		case <-time.After(5 * time.Millisecond):
		}
	}
	want(t, send(t, c, address, call(http.MethodPut, "")), route.Answered)
}

func TestVerdict_a_client_that_left_says_nothing_of_the_instance(t *testing.T) {
	for o, failed := range map[route.Outcome]bool{
		route.DialFailed: true, route.TimedOut: true, route.Answered: false, route.Lost: false, route.Refused: false, route.Fenced: false,
	} {
		a := Answer{Attempt: route.Attempt{Outcome: o}}
		if got := verdict(a, false); errors.Is(got, errFailed) != failed {
			t.Errorf("%v: %v", o, got)
		}
		if got := verdict(a, true); !errors.Is(got, errNothing) {
			t.Errorf("%v, client gone: %v", o, got)
		}
	}
}
