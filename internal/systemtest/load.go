package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Load is a client that writes and reads without pause. Each worker has customers of its own, one operation at a
// time, so that it knows what every answer has to be.
type Load struct {
	URL    string
	Model  *Model
	Client *http.Client

	mu    sync.Mutex
	stats Stats
}

// Stats is what the client saw.
type Stats struct {
	Operations int
	ByStatus   map[int]int    // 0: no answer
	Failed     map[string]int // 5xx and no answer, by the cell that owned the customer when last seen
	Wrong      []string       // answers that the request did not deserve, wrong values, at most 50
	Longest    time.Duration
}

// NewLoad speaks to the router at url.
func NewLoad(url string, m *Model) *Load {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	return &Load{
		URL: url, Model: m,
		Client: &http.Client{Transport: transport, Timeout: 15 * time.Second},
		stats:  newStats(),
	}
}

func newStats() Stats {
	return Stats{ByStatus: map[int]int{}, Failed: map[string]int{}}
}

// Take returns what was seen since the last Take.
func (l *Load) Take() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	l.stats = newStats()
	return s
}

func (l *Load) operations() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats.Operations
}

func (s Stats) String() string {
	return fmt.Sprintf("%d operations, by status %v, failed by cell %v, longest %v", s.Operations, s.ByStatus, s.Failed,
		s.Longest.Round(time.Millisecond))
}

// Fill creates count customers named prefix-00000... with the given number of workers.
func (l *Load) Fill(ctx context.Context, prefix string, count, workers int) error {
	g, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < count; i += workers {
				c := l.Model.Customer(fmt.Sprintf("%s-%05d", prefix, i))
				if err := l.create(ctx, c); err != nil {
					return err
				}
				if !c.exists {
					return fmt.Errorf("create customer %s: refused; %s", c.id, strings.Join(l.Take().Wrong, "; "))
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// Run writes and reads until ctx is done: per worker, over its share of the customers named prefix-..., a change,
// a read, and now and then a creation and a deletion.
func (l *Load) Run(ctx context.Context, prefix string, count, workers int) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; ctx.Err() == nil; i += workers {
				l.turn(ctx, l.Model.Customer(fmt.Sprintf("%s-%05d", prefix, i%count)), i)
			}
		})
	}
	wg.Wait()
}

// turn is one customer's turn. Operations are not cut off in the middle when the load ends: their outcome counts.
func (l *Load) turn(ctx context.Context, c *Customer, i int) {
	ctx = context.WithoutCancel(ctx)
	if c.States()[0].Exists {
		_ = l.change(ctx, c)
	} else {
		_ = l.create(ctx, c)
	}
	l.get(ctx, c)
	if i%17 == 0 {
		_ = l.remove(ctx, c)
		l.get(ctx, c)
	}
}

func (l *Load) create(ctx context.Context, c *Customer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n + 1
	if c.maybe {
		n = max(n, c.maybeN+1)
	}
	body := fmt.Sprintf(`{"name":"Customer %s","email":"%s@example.org","profile":{"n":%d}}`, c.id, c.id, n)
	status, _ := l.do(ctx, http.MethodPost, c, body, http.StatusCreated, c.otherwise(http.StatusConflict))
	c.wrote(outcome(status, http.StatusCreated), Expected{true, n})
	return ctx.Err()
}

func (l *Load) change(ctx context.Context, c *Customer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := max(c.n, c.maybeN) + 1
	status, _ := l.do(ctx, http.MethodPut, c, fmt.Sprintf(`{"profile":{"n":%d}}`, n), http.StatusOK, c.otherwise(http.StatusNotFound))
	c.wrote(outcome(status, http.StatusOK), Expected{true, n})
	return ctx.Err()
}

func (l *Load) remove(ctx context.Context, c *Customer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.exists {
		return nil
	}
	status, _ := l.do(ctx, http.MethodDelete, c, "", http.StatusNoContent, c.otherwise(http.StatusNotFound))
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
	status, raw := l.do(ctx, http.MethodGet, c, "", want, also)
	if status != http.StatusOK && status != http.StatusNotFound {
		return
	}
	var body struct {
		Profile struct {
			N int `json:"n"`
		} `json:"profile"`
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(raw, &body); err != nil {
			l.wrong(fmt.Sprintf("GET %s: %v in %.200s", c.id, err, raw))
			return
		}
	}
	if err := c.read(Expected{status == http.StatusOK, body.Profile.N}); err != nil {
		l.wrong(err.Error())
	}
}

// do sends one request and books the answer. A failure is booked on the cell that answered the customer before.
func (l *Load) do(ctx context.Context, method string, c *Customer, body string, deserved, also int) (int, []byte) {
	start := time.Now()
	status, answered, raw := l.send(ctx, method, c.id, body)
	took := time.Since(start)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Operations++
	l.stats.ByStatus[status]++
	l.stats.Longest = max(l.stats.Longest, took)
	id, cell := c.id, c.cell
	if answered != "" {
		c.cell = answered
	}
	switch {
	case status == deserved || status == also:
	case status == 0 || status >= http.StatusInternalServerError:
		l.stats.Failed[cell]++
		l.note(fmt.Sprintf("%s %s (%s): status %d after %v: %.300s", method, id, cell, status, took.Round(time.Millisecond), raw))
	default:
		l.note(fmt.Sprintf("%s %s: status %d, deserved %d: %.300s", method, id, status, deserved, raw))
		l.stats.Failed["undeserved"]++
	}
	return status, raw
}

func (l *Load) send(ctx context.Context, method, id, body string) (status int, cell string, raw []byte) {
	req, err := http.NewRequestWithContext(ctx, method, l.URL+"/api/customers/"+id, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", []byte(err.Error())
	}
	resp, err := l.Client.Do(req)
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

func (l *Load) wrong(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Failed["wrong"]++
	l.note(what)
}

func (l *Load) note(what string) {
	if len(l.stats.Wrong) < 50 {
		l.stats.Wrong = append(l.stats.Wrong, what)
	}
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
