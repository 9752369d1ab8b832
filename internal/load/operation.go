package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"
)

func (l *Load) create(ctx context.Context, c *Customer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n + 1
	if c.maybe {
		n = max(n, c.maybeN+1)
	}
	status, _ := l.do(ctx, KindCreate, c, n, http.StatusCreated, c.otherwise(http.StatusConflict))
	c.wrote(outcome(status, http.StatusCreated), Expected{true, n})
	return ctx.Err()
}

func (l *Load) change(ctx context.Context, c *Customer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := max(c.n, c.maybeN) + 1
	status, _ := l.do(ctx, KindWrite, c, n, http.StatusOK, c.otherwise(http.StatusNotFound))
	c.wrote(outcome(status, http.StatusOK), Expected{true, n})
	return ctx.Err()
}

func (l *Load) remove(ctx context.Context, c *Customer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.exists {
		return nil
	}
	status, _ := l.do(ctx, KindDelete, c, 0, http.StatusNoContent, c.otherwise(http.StatusNotFound))
	c.wrote(outcome(status, http.StatusNoContent), Expected{false, max(c.n, c.maybeN)})
	return ctx.Err()
}

// otherwise is a status that is deserved too while a former outcome is unknown; else one that never comes.
func (c *Customer) otherwise(status int) int {
	if c.maybe {
		return status
	}
	return -1
}

// get reads the customer and checks the answer.
func (l *Load) get(ctx context.Context, c *Customer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want := http.StatusOK
	if !c.exists {
		want = http.StatusNotFound
	}
	also := c.otherwise(http.StatusOK + http.StatusNotFound - want)
	status, raw := l.do(ctx, KindRead, c, 0, want, also)
	if status != want && status != also { // booked already
		return
	}
	n := 0
	if status == http.StatusOK {
		var err error
		if n, err = readN(raw); err != nil {
			l.wrong(status, fmt.Sprintf("GET %s: %v in %.200s", c.id, err, raw))
			return
		}
	}
	if err := c.read(Expected{status == http.StatusOK, n}); err != nil {
		l.wrong(status, err.Error())
	}
}

// request is the method and the body of an operation.
func request(kind Kind, id string, n int) (method, body string) {
	switch kind {
	case KindCreate:
		return http.MethodPost, fmt.Sprintf(`{"name":"Customer %s","email":"%s@example.org","profile":{"n":%d}}`, id, id, n)
	case KindWrite:
		return http.MethodPut, fmt.Sprintf(`{"profile":{"n":%d}}`, n)
	case KindDelete:
		return http.MethodDelete, ""
	default:
		return http.MethodGet, ""
	}
}

// readN is the value that a read found.
func readN(raw []byte) (int, error) {
	var body struct {
		Profile struct {
			N int `json:"n"`
		} `json:"profile"`
	}
	err := json.Unmarshal(raw, &body)
	return body.Profile.N, err
}

// do sends one request and books the answer. A failure is booked on the cell that answered the customer before.
func (l *Load) do(ctx context.Context, kind Kind, c *Customer, n, deserved, also int) (int, []byte) {
	method, body := request(kind, c.id, n)
	start := time.Now()
	status, answered, raw := l.Send(ctx, method, c.id, body)
	took := time.Since(start)
	op := Operation{Customer: c.id, Kind: kind, N: n, Status: status}
	if kind == KindRead && status == http.StatusOK {
		op.Read, _ = readN(raw) // get says what cannot be read
	}
	l.record(start, op)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.count(status, took)
	id, cell := c.id, c.cell
	if answered != "" {
		c.cell = answered
	}
	switch {
	case status == deserved || status == also:
	case status == 0 || status >= http.StatusInternalServerError:
		l.stats.note(status, cell, fmt.Sprintf("%s %s (%s): status %d after %v: %.300s", method, id, cell, status, took.Round(time.Millisecond), raw))
	default:
		l.stats.note(status, "undeserved", fmt.Sprintf("%s %s: status %d, deserved %d: %.300s", method, id, status, deserved, raw))
	}
	return status, raw
}

// Send sends one request about a customer and books nothing. Status 0 is no answer; raw then says why. A connection that
// is refused (nobody listens) is the one failure of which is known that nothing was sent: it counts as a 503.
func (l *Load) Send(ctx context.Context, method, id, body string) (status int, cell string, raw []byte) {
	req, err := http.NewRequestWithContext(ctx, method, l.URL+"/api/customers/"+id, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", []byte(err.Error())
	}
	resp, err := l.Client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return http.StatusServiceUnavailable, "", []byte(err.Error())
	}
	if err != nil {
		return 0, "", []byte(err.Error())
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", []byte(err.Error())
	}
	return resp.StatusCode, resp.Header.Get("Cellway-Cell"), raw
}

// wrong books an answer whose status was deserved and whose content was not.
func (l *Load) wrong(status int, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.note(status, "wrong", what)
}

// outcome reads a status: only 502 and no answer at all leave it open whether the write was done.
func outcome(status, success int) Outcome {
	switch status {
	case success:
		return OutcomeDone
	case 0, http.StatusBadGateway:
		return OutcomeUnknown
	default:
		return OutcomeNotDone
	}
}
