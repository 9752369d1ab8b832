package gate

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/cellway/cellway/internal/protocol"
)

// errWithheld is what the application gets for writing an answer that came too late.
var errWithheld = errors.New("the cell's lease lapsed while the request was in flight: the answer is held back")

// keptBuffer is the largest buffer that is kept for the next answer.
const keptBuffer = 64 << 10

// answer holds the application's answer until it is whole, and lets it out only under the lease that its request
// was admitted under. Trailers and connections taken over (101) are not supported.
type answer struct {
	gate   *Gate
	visit  *visit
	w      http.ResponseWriter
	r      *http.Request
	header http.Header
	status int // 0 until the application has said it
	buffer *bytes.Buffer

	streams  bool // the head is out: the rest follows as it comes
	withheld bool // nothing more goes out
}

func (g *Gate) newAnswer(w http.ResponseWriter, r *http.Request, v *visit) *answer {
	buffer, ok := g.buffers.Get().(*bytes.Buffer)
	if !ok {
		buffer = new(bytes.Buffer)
	}
	return &answer{gate: g, visit: v, w: w, r: r, header: http.Header{}, buffer: buffer}
}

// free gives the buffer back.
func (a *answer) free() {
	if a.buffer.Cap() <= keptBuffer {
		a.buffer.Reset()
		a.gate.buffers.Put(a.buffer)
	}
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter. Informational ones (1xx) are dropped.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !a.streams && !a.withheld && a.buffer.Len()+len(b) <= a.gate.cfg.AnswerLimit {
		return a.buffer.Write(b)
	}
	if !a.stream() {
		return 0, errWithheld
	}
	return a.w.Write(b)
}

// Flush implements http.Flusher: what has been written goes out now.
func (a *answer) Flush() {
	a.WriteHeader(http.StatusOK)
	if !a.stream() {
		return
	}
	// A connection that cannot be flushed still gets everything at the end.
	_ = http.NewResponseController(a.w).Flush()
}

// stream lets out what is held and whatever follows, if the lease has not lapsed.
func (a *answer) stream() bool {
	if a.withheld || !a.gate.holds(a.visit.lease) {
		a.withheld = true
		return false
	}
	if !a.streams {
		a.streams = true
		a.release()
	}
	return true
}

// release sends the head and what is held.
func (a *answer) release() {
	h := a.w.Header()
	maps.Copy(h, a.header)
	h.Set(protocol.HeaderCell, a.gate.cfg.Cell)
	a.w.WriteHeader(a.status)
	// A client that is gone is found out by the server.
	_, _ = a.w.Write(a.buffer.Bytes())
}

// finish comes after the application has returned.
func (a *answer) finish() {
	a.WriteHeader(http.StatusOK)
	lapsed := a.withheld || !a.gate.holds(a.visit.lease)
	switch {
	case lapsed && a.streams:
		// Part of it is out: only a broken connection tells the client that it is not the whole.
		a.gate.counts[Withheld].Add(1)
		panic(http.ErrAbortHandler)
	case lapsed:
		a.gate.refuse(a.w, a.r, heldBack(a.visit.write))
	case !a.streams:
		if a.r.Method != http.MethodHead && bodyAllowed(a.status) && a.header.Get("Content-Length") == "" {
			a.header.Set("Content-Length", strconv.Itoa(a.buffer.Len()))
		}
		a.release()
	}
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
