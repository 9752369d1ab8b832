package cell

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// link stands between an instance and its database, and can be cut while the database serves others.
type link struct {
	listener net.Listener
	carrying sync.WaitGroup

	mu     sync.Mutex
	server string // where it leads
	cut    bool
	open   map[net.Conn]bool
}

func newLink(t *testing.T, dbURL string) *link {
	t.Helper()
	u, err := url.Parse(dbURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, server: u.Host, open: map[net.Conn]bool{}}
	l.carrying.Go(l.accept)
	t.Cleanup(func() {
		listener.Close()
		l.setCut(true)
		l.carrying.Wait()
	})
	return l
}

// through is the same database, by way of the link.
func (l *link) through(t *testing.T, dbURL string) string {
	t.Helper()
	u, err := url.Parse(dbURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.listener.Addr().String()
	return u.String()
}

// setCut breaks all connections and lets none come, until it is set to false.
func (l *link) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for c := range l.open {
		if cut {
			c.Close()
		}
	}
}

// lead makes what comes from now on go to another server.
func (l *link) lead(t *testing.T, dbURL string) {
	t.Helper()
	u, err := url.Parse(dbURL)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = u.Host
}

func (l *link) target() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server
}

// keep remembers the connection, unless the link is cut.
func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.open[c] = true
	}
	return !l.cut
}

func (l *link) forget(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.carrying.Go(func() { l.carry(client) })
	}
}

func (l *link) carry(client net.Conn) {
	defer client.Close()
	if !l.keep(client) {
		return
	}
	defer l.forget(client)
	server, err := net.Dial("tcp", l.target())
	if err != nil {
		return
	}
	defer server.Close()
	l.carrying.Go(func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
	})
	_, _ = io.Copy(server, client)
}
