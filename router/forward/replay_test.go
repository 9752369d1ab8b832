package forward

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/cellway/cellway/router/route"
)

// TestSend_never_repeats_a_write: the second request on a kept-alive connection is read whole, and the connection
// is closed without a word. net/http's Transport would send it again on a new connection if it took it for
// idempotent; the cell may have done it.
func TestSend_never_repeats_a_write(t *testing.T) {
	cases := map[string]struct {
		method, body string
		header       http.Header
	}{
		"POST with a body":                {http.MethodPost, "body", nil},
		"POST, empty":                     {http.MethodPost, "", nil},
		"PUT, empty":                      {http.MethodPut, "", nil},
		"DELETE":                          {http.MethodDelete, "", nil},
		"DELETE with an idempotency key":  {http.MethodDelete, "", http.Header{"Idempotency-Key": {"k"}}},
		"POST, empty, with a key":         {http.MethodPost, "", http.Header{"Idempotency-Key": {"k"}}},
		"POST, empty, with the older key": {http.MethodPost, "", http.Header{"X-Idempotency-Key": {"k"}}},
		"POST with body and key":          {http.MethodPost, "body", http.Header{"Idempotency-Key": {"k"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			raw := newRawCell(t, func(cell *rawCell, n int, conn net.Conn, r *bufio.Reader) {
				for i := 0; cell.readRequest(r); i++ {
					if n == 0 && i == 1 {
						return
					}
					_, _ = io.WriteString(conn, fine)
				}
			})
			cl := client(t, Config{})
			want(t, send(t, cl, raw.address, call(http.MethodGet, "")), route.Answered)
			write := call(c.method, c.body)
			write.Header = RequestHeader(c.header, Inbound{Key: "a"})
			want(t, send(t, cl, raw.address, write), route.Lost)
			if got := raw.requests(); got != "GET /api/customers/a, "+c.method+" /api/customers/a" {
				t.Errorf("the cell read %s", got)
			}
		})
	}
}

// TestSend_a_connection_closed_while_idle_costs_no_write: the cell closes the kept-alive connection before the
// write; nothing of it was sent, and that is known.
func TestSend_a_connection_closed_while_idle_costs_no_write(t *testing.T) {
	for _, body := range []string{"", "body"} {
		closed := make(chan struct{}, 1)
		raw := newRawCell(t, func(cell *rawCell, n int, conn net.Conn, r *bufio.Reader) {
			for cell.readRequest(r) {
				_, _ = io.WriteString(conn, fine)
				if n == 0 {
					conn.Close()
					closed <- struct{}{}
					return
				}
			}
		})
		cl := client(t, Config{})
		want(t, send(t, cl, raw.address, call(http.MethodGet, "")), route.Answered)
		<-closed
		// Whether Transport has noticed yet is up to the scheduler: either way the write is done once.
		a := send(t, cl, raw.address, call(http.MethodPost, body))
		if a.Outcome == route.Unsent {
			a = send(t, cl, raw.address, call(http.MethodPost, body))
		}
		if a.Outcome == route.Lost { // the kernel took the write before it knew of the close: rightly unknown
			continue
		}
		want(t, a, route.Answered)
		if got := raw.requests(); got != "GET /api/customers/a, POST /api/customers/a" {
			t.Errorf("the cell read %s", got)
		}
	}
}

// TestSend_the_idempotency_key_arrives: it travels under another spelling, which HTTP does not care about.
func TestSend_the_idempotency_key_arrives(t *testing.T) {
	var got string
	address := cell(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Idempotency-Key") })
	c := call(http.MethodPost, "")
	c.Header = RequestHeader(http.Header{"Idempotency-Key": {"k-1"}}, Inbound{})
	want(t, send(t, client(t, Config{}), address, c), route.Answered)
	if got != "k-1" {
		t.Errorf("the cell got the key %q", got)
	}
}
