package consul

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/time/rate"
)

// A watch asks at most this often, whatever happens in Consul; bursts of flips are seen as a few steps.
const (
	watchRate  = 10 // queries a second
	watchBurst = 10
)

// errOldState: a Consul that is starting, and has no leader yet, answered with less than it knows.
var errOldState = errors.New("consul shows an older state than before, or has no leader and shows nothing")

// answer is one answer to a blocking query. empty: nothing is stored under that name; show hands the value on.
type answer struct {
	meta  *api.QueryMeta
	empty bool
	show  func() error
}

// watch repeats a blocking query until ctx is done. Only answers that can be trusted are shown, and showing is
// where they are compared: a return of the query is no proof of a change.
func (r *Registry) watch(ctx context.Context, act string, ask func(*api.QueryOptions) (answer, error), onError func(error)) {
	limiter := rate.NewLimiter(watchRate, watchBurst)
	pauses := newBackoff()
	var index uint64
	for sleep(ctx, limiter.Reserve().Delay()) {
		next, err := r.watchOnce(ctx, act, index, ask)
		if ctx.Err() != nil {
			return
		}
		index = next
		if err == nil {
			pauses.reset()
			continue
		}
		if onError != nil {
			onError(err)
		}
		if !sleep(ctx, pauses.pause()) {
			return
		}
	}
}

// watchOnce asks once, waiting for a change since index, and returns the index to ask with next.
func (r *Registry) watchOnce(ctx context.Context, act string, index uint64, ask func(*api.QueryOptions) (answer, error)) (uint64, error) {
	bounded, cancel := context.WithTimeout(ctx, r.watchBound(index))
	defer cancel()
	got, err := ask((&api.QueryOptions{AllowStale: true, WaitIndex: index, WaitTime: r.cfg.WatchWait}).WithContext(bounded))
	if err != nil {
		return 0, failed(ctx, act, err)
	}
	next, trusted := nextIndex(index, got)
	if !trusted {
		return next, failed(ctx, act, errOldState)
	}
	return next, got.show()
}

// watchBound is after what time a query that waits for a change since index (0: for nothing) gets no answer any
// more.
func (r *Registry) watchBound(index uint64) time.Duration {
	if index == 0 {
		return r.cfg.RequestTimeout
	}
	// Consul adds up to a sixteenth to the wait, so that watchers spread.
	return r.cfg.RequestTimeout + r.cfg.WatchWait + r.cfg.WatchWait/16
}

// nextIndex returns the index to wait for after an answer to a query that waited for index (0: it did not
// wait), and whether the answer may be shown.
//
// An index that went back means a Consul that was restarted or restored: its answer is dropped once and asked
// for again from the start, because a server that has just come up may answer before it has read its own log.
// Without a leader an empty answer means nothing at all.
func nextIndex(index uint64, got answer) (next uint64, trusted bool) {
	last := got.meta.LastIndex
	if got.empty && !got.meta.KnownLeader {
		return 0, false
	}
	if last < index {
		return 0, false
	}
	return max(last, 1), true
}
