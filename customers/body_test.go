package customers

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestBrokenBodiesChangeNothing(t *testing.T) {
	s := start(t)
	s.do("POST", "/api/customers/old", alice).want(t, 201, "", "")
	for name, rest := range map[string]string{
		"shorter than announced":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(alice)+10, alice),
		"broken chunk size":       fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nzz\r\n", len(alice), alice),
		"chunks without an end":   fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(alice), alice),
		"chunk longer than named": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(alice)-5, alice),
	} {
		for _, request := range []string{"POST /api/customers/new", "PUT /api/customers/old", "DELETE /api/customers/old"} {
			t.Run(name+"/"+request, func(t *testing.T) {
				if status := rawRequest(t, s.url, request+" HTTP/1.1\r\nHost: x\r\n"+rest); status != http.StatusBadRequest {
					t.Errorf("status %d", status)
				}
			})
		}
	}
	if n := s.count("SELECT count(*) FROM customers WHERE customer_id = 'old' AND created_at = updated_at"); n != 1 {
		t.Error("the customer was changed")
	}
	if n := s.count("SELECT count(*) FROM customers"); n != 1 {
		t.Errorf("%d customers, want 1", n)
	}
}

func TestBodyOverTheLimitInChunks(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxBody = 10 })
	request := "POST /api/customers/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	if status := rawRequest(t, s.url, request+"b\r\n{\"name\":\"A\"\r\n0\r\n\r\n"); status != http.StatusRequestEntityTooLarge {
		t.Errorf("11 bytes: status %d", status)
	}
	if status := rawRequest(t, s.url, request+"a\r\n{\"name\":1}\r\n0\r\n\r\n"); status != http.StatusBadRequest {
		t.Errorf("10 bytes: status %d", status)
	}
}

// rawRequest sends these bytes and no more, and returns the status of the answer.
func rawRequest(t *testing.T, base, text string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
