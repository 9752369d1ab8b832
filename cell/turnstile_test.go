package cell

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A server that takes connections and says nothing sees few of them at a time, however many are wanted.
func TestAServerThatAnswersLateIsNotFlooded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open, most, all atomic.Int64
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Add(1)
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
			serving.Go(func() {
				// Each is let wait for a little: whoever else may come is there by then.
				_, _ = conn.Read(make([]byte, 1024))
				_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
				_, _ = conn.Read(make([]byte, 1024))
				open.Add(-1)
				_ = conn.Close()
			})
		}
	})
	pool, err := newPool(t.Context(), "AppURL", "postgres://nobody:secret@"+l.Addr().String()+"/none?sslmode=disable", "cell-a", 40, "1s", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wanting sync.WaitGroup
	for range 40 {
		wanting.Go(func() {
			if conn, err := pool.Acquire(ctx); err == nil {
				conn.Release()
				t.Error("a silent server gave a session")
			}
		})
	}
	wanting.Wait()
	pool.Close()
	l.Close()
	serving.Wait()
	// An attempt may consist of several connections, the last of which this server may not have seen the end of.
	if n := most.Load(); n > 3*connectsAtOnce || all.Load() < 40 {
		t.Errorf("%d connections at once, of %d, want about %d", n, all.Load(), connectsAtOnce)
	}
}
