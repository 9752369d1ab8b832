package customers

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cutter stands between a pool and its database and cuts the session when a COMMIT comes past, once it is armed:
// before the server sees it, or after, so that only the server's answer is lost.
type cutter struct {
	listener net.Listener
	server   string
	forward  bool // let the COMMIT through before cutting
	running  sync.WaitGroup

	mu    sync.Mutex
	armed bool
}

// newCutter returns a running cutter and the database's URL through it.
func newCutter(t *testing.T, dbURL string, forward bool) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(dbURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: listener, server: u.Host, forward: forward}
	u.Host = listener.Addr().String()
	c.running.Go(c.accept)
	t.Cleanup(func() { listener.Close(); c.running.Wait() })
	return c, u.String()
}

func (c *cutter) arm(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = on
}

func (c *cutter) cuts(packet []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.armed && bytes.Contains(packet, []byte("COMMIT\x00"))
}

func (c *cutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.running.Go(func() { c.carry(client) })
	}
}

func (c *cutter) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	c.running.Go(func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if c.cuts(buf[:n]) {
			client.Close() // first, so that no answer gets back
			if c.forward {
				_, _ = server.Write(buf[:n])
				_ = server.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, server)
			}
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}
