package forward

import (
	"net/http/httptrace"
	"sync"
)

// trail follows one request over the connections that Transport gives it.
type trail struct {
	mu      sync.Mutex
	conn    *countingConn
	start   int64 // what conn had written when the request got it
	written bool  // on an earlier connection
}

func (t *trail) clientTrace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.written = t.written || t.wroteNow()
		t.conn, _ = info.Conn.(*countingConn)
		if t.conn != nil {
			t.start = t.conn.written.Load()
		}
	}}
}

// connected says whether the request ever got a connection.
func (t *trail) connected() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn != nil
}

// wrote says whether a byte of the request was written anywhere.
func (t *trail) wrote() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written || t.wroteNow()
}

func (t *trail) wroteNow() bool { return t.conn != nil && t.conn.written.Load() != t.start }
