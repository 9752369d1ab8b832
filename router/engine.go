package router

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/router/forward"
	"github.com/cellway/cellway/router/route"
	"github.com/cellway/cellway/router/view"
)

// engine carries requests out: it asks package route what to do, does it, and keeps the counts.
type engine struct {
	view    *view.Keeper
	client  *forward.Client
	metrics *metrics
	budget  time.Duration
	held    chan struct{} // a place for each request that may be held
}

// result is what a request came to: the cell's answer, or the router's own refusal.
type result struct {
	answer  forward.Answer
	refusal *route.Refusal
	cell    string // asked last; "" if none was
	tries   int
	err     error // what went wrong last, for the log
}

// do has the call answered. It returns when there is an answer, or when the client (ctx) has left
// and that changes nothing.
func (e *engine) do(ctx context.Context, key string, call *forward.Call) result {
	req := route.Request{Key: key, Write: call.Write, Spread: rand.Uint32()}
	h := hold{engine: e}
	defer h.end()
	var res result
	for {
		snap := e.view.Snapshot()
		act := req.Next(snap.Table, h.left(req), rand.Float64())
		switch act.Kind {
		case route.Send:
			res.answer = e.client.Send(ctx, act.Cell, act.Address, call)
			res.cell, res.err = act.Cell, res.answer.Err
			res.tries++
			e.metrics.attempts.WithLabelValues(res.answer.Outcome.String()).Inc()
			if ctx.Err() != nil && !call.Write && res.answer.Outcome != route.Answered {
				res.refusal = clientLeft()
				return res
			}
			req = req.After(res.answer.Attempt)
		case route.Follow:
			e.view.Remember(act.Partition, act.Owner)
			req = req.Followed()
		case route.Hold:
			if res.refusal = h.wait(ctx, act, req.Last().Outcome); res.refusal != nil {
				return res
			}
			req = req.Again()
		case route.Pass:
			return res
		case route.Refuse:
			res.refusal = &act.Refusal
			return res
		}
	}
}

// clientLeft is for a client that only looks gone (it may have closed one half of its connection), and for the
// counts. What is answered so was a read, or was refused by its cell: nothing was done.
func clientLeft() *route.Refusal {
	return &route.Refusal{
		Status: 503, Code: codeClientLeft, Error: "Client has left", Details: "the connection was closed before there was an answer", RetryAfter: 1,
	}
}

// hold is one request's holding: the place that it takes, and when it began to be refused.
type hold struct {
	engine *engine
	since  time.Time
	placed bool
}

// left is what is left of the request's budget, which runs from its first refusal.
func (h *hold) left(req route.Request) time.Duration {
	if o := req.Last().Outcome; h.since.IsZero() && (o == route.Refused || o == route.Fenced) {
		h.since = time.Now()
	}
	if h.since.IsZero() {
		return h.engine.budget
	}
	return h.engine.budget - time.Since(h.since)
}

// wait holds the request as the action says; the refusal says why not, or not any longer.
func (h *hold) wait(ctx context.Context, act route.Action, why route.Outcome) *route.Refusal {
	e := h.engine
	if !h.placed {
		select {
		case e.held <- struct{}{}:
			h.placed = true
			e.metrics.held.Inc()
		default:
			full := route.QueueFull(act.Cell)
			return &full
		}
	}
	e.metrics.holds.WithLabelValues(why.String()).Inc()
	if act.Owner != (route.Owner{}) {
		e.view.Remember(act.Partition, act.Owner)
	}
	if act.Reread {
		e.view.Reread()
	}
	if !e.pause(ctx, act.Pause, act.Partition, act.Cell) {
		return clientLeft()
	}
	return nil
}

func (h *hold) end() {
	if h.placed {
		<-h.engine.held
		h.engine.metrics.held.Dec()
	}
}

// pause waits for d, or until the partition belongs to another cell than the one that refused; false if ctx ended.
func (e *engine) pause(ctx context.Context, d time.Duration, p placement.Partition, refused string) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		snap := e.view.Snapshot()
		if snap.Table.Owner(p).Cell != refused {
			return ctx.Err() == nil
		}
		select {
		case <-snap.Outdated:
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}
