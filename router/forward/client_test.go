package forward

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/router/route"
)

func TestSend_passes_on_what_the_cell_answers(t *testing.T) {
	address := cell(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery+" "+r.Header.Get(protocol.HeaderKey)+" "+string(body))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	})
	c := call(http.MethodPut, "tea")
	c.RawQuery = "x=1"
	a := send(t, client(t, Config{}), address, c)
	want(t, a, route.Answered)
	if a.Status != http.StatusTeapot || string(a.Body) != "short and stout" || a.Header.Get("X-Seen") != "PUT /api/customers/a?x=1 a tea" {
		t.Errorf("got %d %q %q", a.Status, a.Body, a.Header)
	}
}

func TestSend_reads_refusals(t *testing.T) {
	cases := map[string]struct {
		status  int
		headers map[string]string
		outcome route.Outcome
		owner   route.Owner
	}{
		"not mine, and whose":          {421, map[string]string{protocol.HeaderOwner: "cell-b; epoch=7"}, route.Refused, route.Owner{Cell: "cell-b", Epoch: 7}},
		"not mine":                     {421, nil, route.Refused, route.Owner{}},
		"not mine, garbled":            {421, map[string]string{protocol.HeaderOwner: "nonsense"}, route.Refused, route.Owner{}},
		"fenced":                       {503, map[string]string{protocol.HeaderFenced: "1"}, route.Fenced, route.Owner{}},
		"the cell's own 503":           {503, map[string]string{"Retry-After": "7"}, route.Answered, route.Owner{}},
		"fenced is said with 503":      {500, map[string]string{protocol.HeaderFenced: "1"}, route.Answered, route.Owner{}},
		"an answer longer than passed": {200, map[string]string{"X-Long": "1"}, route.TooLarge, route.Owner{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			address := cell(t, func(w http.ResponseWriter, r *http.Request) {
				for k, v := range c.headers {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				if c.headers["X-Long"] != "" {
					_, _ = io.WriteString(w, strings.Repeat("x", 2000))
				}
			})
			a := send(t, client(t, Config{MaxAnswer: 1000}), address, call(http.MethodGet, ""))
			want(t, a, c.outcome)
			if a.Owner != c.owner {
				t.Errorf("the owner is %+v, want %+v", a.Owner, c.owner)
			}
		})
	}
}

func TestSend_knows_what_was_sent(t *testing.T) {
	silent := func(_ *rawCell, _ int, _ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }
	hangUp := func(c *rawCell, _ int, _ net.Conn, r *bufio.Reader) { c.readRequest(r) }
	cases := map[string]struct {
		serve   func(c *rawCell, n int, conn net.Conn, r *bufio.Reader)
		outcome route.Outcome
	}{
		"a cell that does not answer":       {silent, route.TimedOut},
		"a cell that dies with the request": {hangUp, route.Lost},
		"a cell that dies within its answer": {func(c *rawCell, _ int, conn net.Conn, r *bufio.Reader) {
			c.readRequest(r)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
		}, route.Lost},
		"a cell that stops within its answer": {func(c *rawCell, _ int, conn net.Conn, r *bufio.Reader) {
			c.readRequest(r)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, r)
		}, route.TimedOut},
		"a cell that talks nonsense": {func(c *rawCell, _ int, conn net.Conn, r *bufio.Reader) {
			c.readRequest(r)
			_, _ = io.WriteString(conn, "I beg your pardon?\r\n\r\n")
		}, route.Lost},
		"a cell that switches protocols": {func(c *rawCell, _ int, conn net.Conn, r *bufio.Reader) {
			c.readRequest(r)
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			_, _ = io.Copy(io.Discard, r)
		}, route.Lost},
	}
	for name, c := range cases {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			t.Run(name+" "+method, func(t *testing.T) {
				raw := newRawCell(t, c.serve)
				body := map[string]string{http.MethodPut: "body"}[method]
				want(t, send(t, client(t, Config{Answer: 100 * time.Millisecond}), raw.address, call(method, body)), c.outcome)
			})
		}
	}
}

func TestSend_a_dial_that_fails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	want(t, send(t, client(t, Config{}), l.Addr().String(), call(http.MethodPut, "x")), route.DialFailed)
	want(t, send(t, client(t, Config{}), "no-such-host.invalid:80", call(http.MethodGet, "")), route.DialFailed)
}

func TestSend_goes_only_where_it_may(t *testing.T) {
	reached := false
	address := cell(t, func(http.ResponseWriter, *http.Request) { reached = true })
	elsewhere := client(t, Config{AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	a := send(t, elsewhere, address, call(http.MethodGet, ""))
	want(t, a, route.DialFailed)
	if reached {
		t.Error("a forbidden address was reached")
	}
	_, port, _ := net.SplitHostPort(address)
	want(t, send(t, client(t, Config{}), "localhost:"+port, call(http.MethodGet, "")), route.Answered)
}

func TestSend_bounds_what_a_cell_has_in_flight(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	address := cell(t, func(http.ResponseWriter, *http.Request) {
		began <- struct{}{}
		<-release
	})
	c := client(t, Config{InFlight: 1})
	done := make(chan Answer)
	go func() { done <- c.Send(context.Background(), "cell-a", address, call(http.MethodGet, "")) }()
	<-began
	want(t, send(t, c, address, call(http.MethodGet, "")), route.Busy)
	if n := c.InFlight("cell-a"); n != 1 {
		t.Errorf("%d in flight", n)
	}
	close(release)
	want(t, <-done, route.Answered)
	go func() { <-began }()
	want(t, send(t, c, address, call(http.MethodGet, "")), route.Answered)
}

func TestSend_a_client_that_leaves_ends_a_read_and_not_a_write(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	address := cell(t, func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	c := client(t, Config{})
	for method, o := range map[string]route.Outcome{http.MethodGet: route.Lost, http.MethodPut: route.Answered} {
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan Answer)
		go func() { done <- c.Send(ctx, "cell-a", address, call(method, "")) }()
		<-began
		leave()
		if method == http.MethodPut {
			release <- struct{}{}
		}
		want(t, <-done, o)
	}
}

func TestGet(t *testing.T) {
	address := cell(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("Accept"))
	})
	c := client(t, Config{})
	if raw, err := c.Get(t.Context(), address, "/metrics", 100); err != nil || string(raw) != "application/json" {
		t.Errorf("got %q, %v", raw, err)
	}
	if _, err := c.Get(t.Context(), address, "/none", 100); err == nil {
		t.Error("a 404 is no error")
	}
}
