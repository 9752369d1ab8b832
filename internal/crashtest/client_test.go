package crashtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// operation is one line of a case's history.
type operation struct {
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

// recorder is the client's transport: it keeps every operation of the case, and the client from wasting the machine
// while nobody answers.
type recorder struct {
	next  http.RoundTripper
	pace  *rate.Limiter
	mu    sync.Mutex
	lines bytes.Buffer
}

func newRecorder(perSecond float64) *recorder {
	return &recorder{next: &http.Transport{MaxIdleConnsPerHost: 16}, pace: rate.NewLimiter(rate.Limit(perSecond), 4)}
}

// RoundTrip sends one request. A connection that is refused (the router is dead) is the one failure of which is known
// that nothing was done: it becomes a 503.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := r.pace.Wait(req.Context()); err != nil {
		return nil, err
	}
	op := operation{At: time.Now(), Method: req.Method, Path: req.URL.Path}
	if req.GetBody != nil {
		if body, err := req.GetBody(); err == nil {
			sent, _ := io.ReadAll(body)
			op.Sent = string(sent)
		}
	}
	resp, err := r.exchange(req, &op)
	op.Took = time.Since(op.At)
	r.note(op)
	return resp, err
}

func (r *recorder) exchange(req *http.Request, op *operation) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		op.Error = err.Error()
		if errors.Is(err, syscall.ECONNREFUSED) {
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		}
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

func (r *recorder) note(line any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = json.NewEncoder(&r.lines).Encode(line) // plain values into memory
}

// take returns what was kept since the last call.
func (r *recorder) take() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := bytes.Clone(r.lines.Bytes())
	r.lines.Reset()
	return out
}
