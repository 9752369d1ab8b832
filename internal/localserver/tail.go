package localserver

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// tailSize is how much of a server's last output an error may quote, in bytes.
const tailSize = 4 << 10

// tail passes everything on to next (which may be nil) and keeps the end of it, to quote when a server fails.
type tail struct {
	mu   sync.Mutex
	next io.Writer
	last []byte
}

// Write never fails: a server must not die of its log.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, b...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	if t.next != nil {
		_, _ = t.next.Write(b)
	}
	return len(b), nil
}

// lines returns the last n lines, in one.
func (t *tail) lines(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := strings.Split(string(bytes.TrimSpace(t.last)), "\n")
	return strings.Join(all[max(0, len(all)-n):], " | ")
}

func (t *tail) contains(s string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.last, []byte(s))
}
