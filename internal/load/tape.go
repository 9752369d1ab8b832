package load

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// exchange is one line of the history.
type exchange struct {
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
	Method string        `json:"method"`
	Path   string        `json:"path"`
	Sent   string        `json:"sent,omitempty"`
	Status int           `json:"status,omitempty"`
	Cell   string        `json:"cell,omitempty"`
	Got    string        `json:"got,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// Tape is a client's transport for tests with faults: it keeps every operation as a JSON line, and the client from
// wasting the machine while nobody answers.
type Tape struct {
	next  *http.Transport
	pace  *rate.Limiter
	mu    sync.Mutex
	lines bytes.Buffer
}

// NewTape lets so many operations through per second; 0 is as many as there are.
func NewTape(perSecond float64) *Tape {
	r := &Tape{next: &http.Transport{MaxIdleConnsPerHost: 16}, pace: rate.NewLimiter(0, 4)}
	r.SetPace(perSecond)
	return r
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (r *Tape) CloseIdleConnections() { r.next.CloseIdleConnections() }

// RoundTrip sends one request.
func (r *Tape) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := r.pace.Wait(req.Context()); err != nil {
		return nil, err
	}
	op := exchange{At: time.Now(), Method: req.Method, Path: req.URL.Path}
	if req.GetBody != nil {
		if body, err := req.GetBody(); err == nil {
			sent, _ := io.ReadAll(body)
			op.Sent = string(sent)
		}
	}
	resp, err := r.send(req, &op)
	op.Took = time.Since(op.At)
	r.Note(op)
	return resp, err
}

func (r *Tape) send(req *http.Request, op *exchange) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		op.Error = err.Error()
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	op.Status, op.Cell, op.Got = resp.StatusCode, resp.Header.Get("Cellway-Cell"), string(got)
	if err != nil {
		op.Error = err.Error()
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	return resp, nil
}

// Note adds a line of the test's own.
func (r *Tape) Note(line any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = json.NewEncoder(&r.lines).Encode(line) // plain values into memory
}

// Take returns the lines since the last call.
func (r *Tape) Take() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := bytes.Clone(r.lines.Bytes())
	r.lines.Reset()
	return out
}

// SetPace changes what [NewTape] was told.
func (r *Tape) SetPace(perSecond float64) {
	limit := rate.Limit(perSecond)
	if perSecond == 0 {
		limit = rate.Inf
	}
	r.pace.SetLimit(limit)
}
