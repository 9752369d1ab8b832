package forward

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/cellway/cellway/router/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, cfg Config) *Client {
	t.Helper()
	c := NewClient(cfg)
	t.Cleanup(c.Close)
	return c
}

// cell is a cell's instance that answers with handler; its address is returned.
func cell(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func call(method, body string) *Call {
	return &Call{
		Method: method, Write: method != http.MethodGet, Path: "/api/customers/a", Body: []byte(body),
		Header: RequestHeader(http.Header{}, Inbound{Key: "a", RequestID: "r"}),
	}
}

func send(t *testing.T, c *Client, address string, call *Call) Answer {
	t.Helper()
	return c.Send(t.Context(), "cell-a", address, call)
}

func want(t *testing.T, a Answer, o route.Outcome) {
	t.Helper()
	if a.Outcome != o {
		t.Fatalf("the outcome is %v (%v), want %v", a.Outcome, a.Err, o)
	}
}

// rawCell is an instance on bare TCP. serve is called for each connection, numbered from 0.
type rawCell struct {
	address string
	mu      sync.Mutex
	heads   []string // request lines read so far
}

func newRawCell(t *testing.T, serve func(c *rawCell, n int, conn net.Conn, r *bufio.Reader)) *rawCell {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &rawCell{address: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(c, n, conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return c
}

// readRequest reads one request whole; false at the end of the connection.
func (c *rawCell) readRequest(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads = append(c.heads, req.Method+" "+req.URL.Path)
	return true
}

func (c *rawCell) requests() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.heads, ", ")
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
