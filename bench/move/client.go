package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cellway/cellway/placement"
)

// inFlight is how many requests may wait for their answers: at some hundred a second, seconds of a system that stands still.
const inFlight = 4096

// sample is one request of the open-loop client.
type sample struct {
	partition placement.Partition
	write     bool
	due       time.Time     // when it was to be sent, whether or not the client was able to
	took      time.Duration // from then to the end of its answer
	failed    string        // "" if it was answered with 200
}

// client sends at a constant rate, however long answers take. A request that is sent late is measured from when it was
// due, so a pause is seen by all that it delays (coordinated omission; Gil Tene).
type client struct {
	url        string
	perSecond  int // requests
	customers  int
	partitions int
	http       *http.Client
	moving     *follower

	mu      sync.Mutex
	samples []sample
}

func newClient(url string, perSecond, customers, partitions int, moving *follower) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight, MaxIdleConns: inFlight}
	return &client{url: url, perSecond: perSecond, customers: customers, partitions: partitions, moving: moving, http: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

// run sends until ctx ends, and waits for the answers. Every third request is a read, and every other write goes to a
// customer who is moving, where there is one.
func (c *client) run(ctx context.Context) error {
	every := time.Second / time.Duration(c.perSecond)
	slots := make(chan struct{}, inFlight)
	var sent sync.WaitGroup
	defer sent.Wait()
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * every)
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case slots <- struct{}{}:
		default:
			return errors.New("too weak: thousands of requests wait for an answer")
		}
		sent.Go(func() {
			c.keep(c.send(due, c.pick(n), n%3 != 2))
			<-slots
		})
	}
}

func (c *client) keep(s sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples = append(c.samples, s)
}

// take returns what was measured since the last call.
func (c *client) take() []sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.samples
	c.samples = nil
	return taken
}

func (c *client) pick(n int) (customer int) {
	if n%3 == 0 {
		if customer, ok := c.moving.customer(); ok {
			return customer
		}
	}
	return rand.IntN(c.customers)
}

func (c *client) send(due time.Time, customer int, write bool) sample {
	id := customerID(customer)
	s := sample{partition: placement.PartitionOf(id, c.partitions), write: write, due: due}
	method, body := http.MethodGet, io.Reader(nil)
	if write {
		method = http.MethodPut
		body = strings.NewReader(fmt.Sprintf(`{"name":"Changed at %d","email":"%s@example.org"}`, due.UnixNano(), id))
	}
	req, err := http.NewRequest(method, c.url+"/api/customers/"+id, body) //nolint:noctx // the client's own limit bounds it; the end of the run shall not
	if err != nil {
		s.failed = err.Error()
		return s
	}
	resp, err := c.http.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	s.took = time.Since(due)
	switch {
	case err != nil:
		s.failed = err.Error()
	case resp.StatusCode != http.StatusOK:
		s.failed = resp.Status
	}
	return s
}
