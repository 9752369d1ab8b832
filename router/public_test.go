package router

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counting is a cell that counts what reaches it.
func counting(n *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		echo("cell-a")(w, r)
	}
}

// raw sends bytes as they are and returns the first answer.
func (s *scene) raw(request string) reply {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.router.PublicAddr())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatalf("answer to %.100q: %v", request, err)
	}
	return s.readReply(resp)
}

func TestPublic_malformed_requests_reach_no_cell(t *testing.T) {
	s := newScene(t)
	var reached atomic.Int32
	s.cell("cell-a", counting(&reached))
	s.serve("cell-a", Config{})
	long := strings.Repeat("a", 129)
	cases := []struct {
		name, target string
		status       int
		code         string
	}{
		{"no ID", "/api/customers/", 400, "invalid_id"},
		{"an encoded slash", "/api/customers/a%2Fb", 400, "invalid_id"},
		{"an encoded slash and dots", "/api/customers/A%2F..%2FB", 400, "invalid_id"},
		{"a trailing slash", "/api/customers/a/", 400, "invalid_id"},
		{"an empty segment", "/api/customers/a//notes", 400, "invalid_id"},
		{"a trailing slash below", "/api/customers/a/notes/", 400, "invalid_id"},
		{"an encoded slash below", "/api/customers/a/notes%2F1", 400, "invalid_id"},
		{"dots below", "/api/customers/a/../b", 400, "invalid_id"},
		{"encoded dots below", "/api/customers/a/notes/%2e%2e", 400, "invalid_id"},
		{"NUL below", "/api/customers/a/notes/1%00", 400, "invalid_id"},
		{"a double encoding below", "/api/customers/a/notes/%2561", 400, "invalid_id"},
		{"too deep a path", "/api/customers/a" + strings.Repeat("/b", 9), 400, "invalid_id"},
		{"a backslash", "/api/customers/a%5Cb", 400, "invalid_id"},
		{"NUL", "/api/customers/a%00", 400, "invalid_id"},
		{"CR LF", "/api/customers/a%0D%0AX:y", 400, "invalid_id"},
		{"dot segments", "/api/customers/../admin", 400, "invalid_id"},
		{"encoded dot segments", "/api/customers/%2e%2e", 400, "invalid_id"},
		{"a double encoding", "/api/customers/%2561", 400, "invalid_id"},
		{"half an escape", "/api/customers/a%2", 400, ""},
		{"a space", "/api/customers/a%20b", 400, "invalid_id"},
		{"invalid UTF-8", "/api/customers/a%ff", 400, "invalid_id"},
		{"a letter beyond ASCII", "/api/customers/%C3%A4", 400, "invalid_id"},
		{"too long an ID", "/api/customers/" + long, 400, "invalid_id"},
		{"a dot first", "/api/customers/.a", 400, "invalid_id"},
		{"a semicolon", "/api/customers/a;b", 400, "invalid_id"},
		{"another path", "/api/customer/a", 404, "no_such_path"},
		{"no path", "/", 404, "no_such_path"},
		{"no slash", "/api/customers", 404, "no_such_path"},
		{"two slashes", "/api//customers/a", 404, "no_such_path"},
		{"the operators' API", "/admin/cells", 404, "no_such_path"},
		{"a query beyond ASCII", "/api/customers/a?x=\xff", 400, "invalid_query"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := s.raw("GET " + c.target + " HTTP/1.1\r\nHost: x\r\n\r\n")
			if code, _ := r.body["code"].(string); r.status != c.status || code != c.code {
				t.Errorf("status %d, want %d %q: %s", r.status, c.status, c.code, r.raw)
			}
			if c.code != "" && (r.body["error"] == "" || r.body["request_id"] == "") {
				t.Errorf("the body says too little: %s", r.raw)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d malformed requests reached the cell", n)
	}
	for _, good := range []string{"a", "A1._~@+-z", strings.Repeat("a", 128), "%61lice", "a%2Bb", "a/notes", "a/notes/0190a", "a/orders/1/lines"} {
		if r := s.raw("GET /api/customers/" + good + " HTTP/1.1\r\nHost: x\r\n\r\n"); r.status != 200 {
			t.Errorf("%s: %+v", good, r)
		}
	}
}

func TestPublic_the_ID_is_decoded_once_and_sent_plain(t *testing.T) {
	s := newScene(t)
	s.cell("cell-a", echo("cell-a"))
	s.serve("cell-a", Config{})
	for sent, arrives := range map[string]string{
		"%61lice%40x": "alice@x", "a%2Bb": "a+b", "a+b": "a+b", "%61lice/n%6Ftes/%31%2B": "alice/notes/1+",
	} {
		r := s.raw("GET /api/customers/" + sent + "?q=%20 HTTP/1.1\r\nHost: x\r\n\r\n")
		headers, _ := r.body["headers"].(map[string]any)
		id, _, _ := strings.Cut(arrives, "/")
		if r.body["uri"] != "/api/customers/"+arrives+"?q=%20" || fmt.Sprint(headers["Cellway-Key"]) != "["+id+"]" {
			t.Errorf("%s arrives as %v with key %v", sent, r.body["uri"], headers["Cellway-Key"])
		}
	}
}

func TestPublic_other_methods_are_405(t *testing.T) {
	s := newScene(t)
	s.cell("cell-a", echo("cell-a"))
	s.serve("cell-a", Config{})
	for _, c := range [][2]string{{"PATCH", customersPath + key}, {"OPTIONS", customersPath + key}, {"TRACE", customersPath + key}, {"BREW", customersPath + key}, {"POST", "/health"}} {
		r := s.do(c[0], s.url+c[1], "").want(t, 405, "method_not_allowed")
		if r.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c[0], c[1])
		}
	}
	if r := s.raw("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"); r.status != 404 {
		t.Errorf("OPTIONS *: %+v", r)
	}
}

func TestPublic_headers(t *testing.T) {
	s := newScene(t)
	s.cell("cell-a", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cellway-Inner", "secret")
		w.Header().Set("X-Request-Id", "the cell's")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "x")
		echo("cell-a")(w, r)
	})
	s.serve("cell-a", Config{})
	r := s.raw("GET /api/customers/alice HTTP/1.1\r\nHost: shop.example\r\nX-Request-Id: mine-1\r\nCellway-Key: bob\r\nCellway_Key: bob\r\n" +
		"X-Forwarded-For: 1.2.3.4\r\nX-Real-Ip: 1.2.3.4\r\nX-HTTP-Method-Override: DELETE\r\nConnection: close, X-Mine\r\nX-Mine: x\r\nTE: trailers\r\nUpgrade: h2c\r\nAccept: text/x\r\n\r\n")
	headers, _ := r.body["headers"].(map[string]any)
	for name, want := range map[string]string{
		"Cellway-Key": "[alice]", "X-Forwarded-For": "[127.0.0.1]", "X-Real-Ip": "[127.0.0.1]", "X-Forwarded-Host": "[shop.example]",
		"X-Forwarded-Proto": "[http]", "X-Request-Id": "[mine-1]", "Accept": "[text/x]",
	} {
		if got := fmt.Sprint(headers[name]); got != want {
			t.Errorf("the cell sees %s: %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"Cellway_Key", "X-Http-Method-Override", "X-Mine", "Te", "Upgrade", "User-Agent", "Accept-Encoding"} {
		if _, there := headers[name]; there {
			t.Errorf("the cell sees %s: %v", name, headers[name])
		}
	}
	if r.header.Get("X-Request-Id") != "mine-1" || r.header.Get("Cellway-Cell") != "cell-a" || r.header.Get("Cellway-Inner") != "" || r.header.Get("X-Hop") != "" {
		t.Errorf("the client sees %v", r.header)
	}
	for _, bad := range []string{strings.Repeat("x", 65), "a b", "a\"b", "<script>"} {
		r := s.customer(http.MethodGet, "", "X-Request-Id", bad)
		if id := r.header.Get("X-Request-Id"); id == bad || len(id) != 36 {
			t.Errorf("for the request ID %q the answer has %q", bad, id)
		}
	}
}

func TestPublic_bodies(t *testing.T) {
	s := newScene(t)
	var reached atomic.Int32
	s.cell("cell-a", counting(&reached))
	s.serve("cell-a", Config{MaxBody: 1000})
	head := "PUT /api/customers/alice HTTP/1.1\r\nHost: x\r\n"
	cases := []struct {
		name, rest string
		status     int
		code       string
	}{
		{"declared too long", "Content-Length: 1001\r\n\r\n" + strings.Repeat("x", 1001), 413, "body_too_large"},
		{"chunked and too long", "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + strings.Repeat("x", 1001) + "\r\n0\r\n\r\n", 413, "body_too_large"},
		{"a bad chunk", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 400, "invalid_body"},
		{"a chunk without an end", "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n", 400, "invalid_body"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { s.raw(head+c.rest).want(t, c.status, c.code) })
	}
	conn, err := net.Dial("tcp", s.router.PublicAddr())
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, head+"Content-Length: 10\r\n\r\nshort")
	if half, ok := conn.(*net.TCPConn); err != nil || !ok || half.CloseWrite() != nil {
		t.Fatal("the connection cannot be closed by halves")
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.readReply(resp).want(t, 400, "invalid_body")
	conn.Close()
	if n := reached.Load(); n != 0 {
		t.Errorf("%d broken bodies reached the cell", n)
	}
	if r := s.customer(http.MethodPut, strings.Repeat("x", 1000)); r.status != 200 {
		t.Errorf("as long as may be: %+v", r)
	}
	if r := s.raw(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"); r.body["body"] != "hello" {
		t.Errorf("chunked: %+v", r)
	}
}

func TestPublic_a_slow_client_is_not_waited_for(t *testing.T) {
	s := newScene(t)
	s.cell("cell-a", echo("cell-a"))
	s.serve("cell-a", Config{ReadHeader: 50 * time.Millisecond, Read: 50 * time.Millisecond})
	for _, slow := range []string{"GET /api/cust", "PUT /api/customers/alice HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nslow"} {
		conn, err := net.Dial("tcp", s.router.PublicAddr())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, slow); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(conn)
		if err != nil || strings.Contains(string(raw), "200 OK") {
			t.Errorf("%.20q: %v, %q", slow, err, raw)
		}
		conn.Close()
	}
}
