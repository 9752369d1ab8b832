package load

import (
	"context"
	"fmt"
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
	// Recorder keeps the operations; default: none are kept. Not to be changed while the load runs.
	Recorder Recorder
	// Pause is how long a worker of Run waits after each customer's turn; default: not at all.
	Pause time.Duration

	mu    sync.Mutex
	stats Stats
}

// New speaks to the router at url.
func New(url string, m *Model) *Load {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	return &Load{
		URL: url, Model: m,
		Client: &http.Client{Transport: transport, Timeout: 15 * time.Second},
		stats:  newStats(),
	}
}

// ID is the customer's ID: those of Fill and Run are numbered from 0.
func ID(prefix string, number int) string { return fmt.Sprintf("%s-%05d", prefix, number) }

// Fill creates count customers named prefix-00000... with the given number of workers. It ends at the first that is
// refused.
func (l *Load) Fill(ctx context.Context, prefix string, count, workers int) error {
	g, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < count; i += workers {
				c := l.Model.Customer(ID(prefix, i))
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

// Visit reads each customer named prefix-... once: after it, a failure is booked on the cell that has the customer now.
func (l *Load) Visit(ctx context.Context, prefix string, count, workers int) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < count && ctx.Err() == nil; i += workers {
				l.get(ctx, l.Model.Customer(ID(prefix, i)))
			}
		})
	}
	wg.Wait()
}

// Run writes and reads until ctx is done: per worker, over its share of the customers named prefix-..., a change,
// a read, and now and then a creation and a deletion. A share is no other worker's, whatever the numbers: else one
// would see what another has just done.
func (l *Load) Run(ctx context.Context, prefix string, count, workers int) {
	var wg sync.WaitGroup
	for w := range min(workers, count) {
		share := (count - w + workers - 1) / workers
		wg.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				l.turn(ctx, l.Model.Customer(ID(prefix, w+turn%share*workers)), w+turn*workers)
				pause(ctx, l.Pause)
			}
		})
	}
	wg.Wait()
}

// turn is one customer's turn. Operations are not cut off in the middle when the load ends: their outcome counts.
// While a write's outcome is unknown the customer is only read: after two unknown ones there would be three possible states.
func (l *Load) turn(ctx context.Context, c *Customer, i int) {
	ctx = context.WithoutCancel(ctx)
	if c.unsettled() {
		l.get(ctx, c)
		return
	}
	if c.States()[0].Exists {
		_ = l.change(ctx, c)
	} else {
		_ = l.create(ctx, c)
	}
	l.get(ctx, c)
	if i%17 == 0 && !c.unsettled() {
		_ = l.remove(ctx, c)
		l.get(ctx, c)
	}
}
