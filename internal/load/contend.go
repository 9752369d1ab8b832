package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Contention is a load in which all clients write and read the same customers at once. No client knows what its
// answers have to be: whether there is an order of the operations that explains them all is for the Recorder's owner
// to judge.
type Contention struct {
	Prefix  string
	Count   int           // of customers; those of Fill and Run have another prefix
	Clients int           // at work at once
	Pause   time.Duration // of a client between two operations

	next atomic.Int64 // the value last written: none is written twice
}

// pauseAfterFailure keeps clients from doing nothing but fail while a part of the system is away.
const pauseAfterFailure = 20 * time.Millisecond

// Contend runs the load until ctx is done. Statuses are counted; only one that no request of these can deserve is
// noted as wrong, and 5xx are noted on the cell that answered the customer last.
func (l *Load) Contend(ctx context.Context, c *Contention) {
	var wg sync.WaitGroup
	for client := range c.Clients {
		wg.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				// Two clients take the same customer in the same turn; a turn later other two do.
				id := ID(c.Prefix, (turn+client/2)%c.Count)
				if l.contend(context.WithoutCancel(ctx), c, client+1, id, contendedKind(turn/c.Count, client)) {
					pause(ctx, c.Pause)
				} else {
					pause(ctx, max(c.Pause, pauseAfterFailure))
				}
			}
		})
	}
	wg.Wait()
}

// contendedKind mixes: half reads, most others writes, and now and then the customer goes and comes.
func contendedKind(round, client int) Kind {
	switch (round*3 + client*5) % 16 {
	case 3:
		return KindDelete
	case 1, 9:
		return KindCreate
	case 0, 5, 7, 11, 13:
		return KindWrite
	default:
		return KindRead
	}
}

func (l *Load) contend(ctx context.Context, c *Contention, client int, id string, kind Kind) (served bool) {
	op := Operation{Client: client, Customer: id, Kind: kind}
	if kind == KindCreate || kind == KindWrite {
		op.N = int(c.next.Add(1))
	}
	method, body := request(kind, id, op.N)
	start := time.Now()
	status, answered, raw := l.Send(ctx, method, id, body)
	took := time.Since(start)
	op.Status = status
	var err error
	if kind == KindRead && status == http.StatusOK {
		op.Read, err = readN(raw)
	}
	l.record(start, op)
	cell := l.Model.Customer(id).answeredBy(answered)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.count(status, took)
	switch {
	case err != nil:
		l.stats.note(status, "wrong", fmt.Sprintf("GET %s: %v in %.200s", id, err, raw))
	case status == 0 || status >= http.StatusInternalServerError:
		l.stats.note(status, cell, fmt.Sprintf("%s %s (%s): status %d after %v: %.300s", method, id, cell, status, took.Round(time.Millisecond), raw))
	case status != http.StatusOK && status != http.StatusCreated && status != http.StatusNoContent &&
		status != http.StatusNotFound && status != http.StatusConflict:
		l.stats.note(status, "undeserved", fmt.Sprintf("%s %s: status %d: %.300s", method, id, status, raw))
	default:
		return true
	}
	return false
}

// Settle reads every customer of the contention once, which must be at rest, and books what it finds as what the
// databases have to hold.
func (l *Load) Settle(ctx context.Context, c *Contention) error {
	for i := range c.Count {
		id := ID(c.Prefix, i)
		start := time.Now()
		status, answered, raw := l.Send(ctx, http.MethodGet, id, "")
		l.Model.Customer(id).answeredBy(answered)
		op := Operation{Client: c.Clients + 1, Customer: id, Kind: KindRead, Status: status}
		var err error
		switch status {
		case http.StatusOK:
			op.Read, err = readN(raw)
		case http.StatusNotFound:
		default:
			err = fmt.Errorf("status %d: %.300s", status, raw)
		}
		if err != nil {
			return fmt.Errorf("read customer %s at rest: %w", id, err)
		}
		l.record(start, op)
		l.Model.Customer(id).Acknowledge(Expected{Exists: status == http.StatusOK, N: op.Read})
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
