package consul

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/time/rate"

	"github.com/cellway/cellway/registry"
)

// steadyAfter is how long a leadership lasts before a new campaign begins without a growing pause.
const steadyAfter = time.Second

// Lead implements registry.Elector.
func (r *Registry) Lead(ctx context.Context, name string, lead func(context.Context, registry.Term), onError func(error)) error {
	if name == "" {
		return fmt.Errorf("campaign: %w: no name", registry.ErrInvalid)
	}
	c := &campaign{registry: r, name: name, lead: lead, onError: oneAtATime(onError)}
	pauses := newBackoff()
	for ctx.Err() == nil {
		began := time.Now()
		err := c.run(ctx)
		if err != nil && ctx.Err() == nil {
			c.onError(err)
		}
		if err == nil && time.Since(began) > steadyAfter {
			pauses.reset()
		}
		sleep(ctx, pauses.pause())
	}
	return nil
}

// Leader implements registry.Elector.
func (r *Registry) Leader(ctx context.Context) (string, error) {
	pair, err := r.get(ctx, "read the leader", r.keys.leader())
	if err != nil || pair == nil || pair.Session == "" {
		return "", err
	}
	return string(pair.Value), nil
}

// oneAtATime makes a callback safe to call from several goroutines, and nil safe to call.
func oneAtATime(fn func(error)) func(error) {
	if fn == nil {
		return func(error) {}
	}
	var mu sync.Mutex
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		fn(err)
	}
}

// campaign is one process's standing for election, over any number of terms.
type campaign struct {
	registry *Registry
	name     string
	lead     func(context.Context, registry.Term)
	onError  func(error)
}

// run waits until nobody leads, tries to take the lock and leads until that is over. It returns nil if somebody
// else was faster, or if Consul's lock delay is not over yet.
func (c *campaign) run(ctx context.Context) error {
	if err := c.awaitVacancy(ctx); err != nil {
		return err
	}
	s, err := c.registry.openSession(ctx, c.name)
	if err != nil {
		return err
	}
	term, acquired, err := c.acquire(ctx, s)
	if err != nil || !acquired {
		c.dismiss(ctx, s) // an acquisition of which we got no answer may have happened
		return err
	}
	c.serve(ctx, s, term)
	return nil
}

// awaitVacancy blocks while somebody holds the lock.
func (c *campaign) awaitVacancy(ctx context.Context) error {
	limiter := rate.NewLimiter(watchRate, watchBurst)
	var index uint64
	for sleep(ctx, limiter.Reserve().Delay()) {
		pair, next, err := c.registry.watchLock(ctx, index)
		if err != nil {
			return err
		}
		if pair == nil || pair.Session == "" {
			return nil
		}
		index = next
	}
	return ctx.Err()
}

// acquire takes the lock for the session, if it is free, and learns the term's token.
func (c *campaign) acquire(ctx context.Context, s *session) (registry.Term, bool, error) {
	const act = "take the leader's lock"
	lock := &api.KVTxnOp{Verb: api.KVLock, Key: c.registry.keys.leader(), Value: []byte(c.name), Session: s.id}
	bounded, cancel := c.registry.bounded(ctx)
	defer cancel()
	ok, reply, _, err := c.registry.client.Txn().Txn(api.TxnOps{{KV: lock}}, read(bounded))
	if err != nil {
		return registry.Term{}, false, failed(ctx, act, err)
	}
	if !ok {
		return registry.Term{}, false, nil
	}
	if len(reply.Results) != 1 || reply.Results[0].KV == nil || reply.Results[0].KV.LockIndex == 0 {
		return registry.Term{}, false, fmt.Errorf("%s: consul did not say how often it was taken", act)
	}
	base, _, err := c.registry.tokenBase(ctx, act) // after the lock: whoever had it before writes it no more
	if err != nil {
		return registry.Term{}, false, err
	}
	return registry.Term{Token: base + reply.Results[0].KV.LockIndex, Holder: c.name, Lock: s.id}, true, nil
}

// serve leads until the leadership can no longer be trusted, ctx ends, or lead returns. The lock is handed over
// as soon as that is so, not only when lead has noticed: whatever lead still writes carries its term.
func (c *campaign) serve(ctx context.Context, s *session, term registry.Term) {
	leadCtx, over := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer over(errors.New("the leader has finished"))
	parts.Go(func() { over(c.registry.keepSession(leadCtx, s, c.onError)) })
	parts.Go(func() { over(c.guardLock(leadCtx, s)) })
	parts.Go(func() {
		<-leadCtx.Done()
		c.dismiss(ctx, s)
	})
	c.lead(leadCtx, term)
}

// guardLock returns when the session does not hold the lock any more, or ctx ends.
func (c *campaign) guardLock(ctx context.Context, s *session) error {
	limiter := rate.NewLimiter(watchRate, watchBurst)
	pauses := newBackoff()
	var index uint64
	for sleep(ctx, limiter.Reserve().Delay()) {
		pair, next, err := c.registry.watchLock(ctx, index)
		switch {
		case ctx.Err() != nil:
		case err != nil: // whether to trust the lock meanwhile is the session's to say
			c.onError(err)
			sleep(ctx, pauses.pause())
		case pair == nil || pair.Session != s.id:
			return fmt.Errorf("the leader's lock was lost: %w", registry.ErrNotLeader)
		default:
			pauses.reset()
		}
		index = next
	}
	return ctx.Err()
}

// dismiss releases the lock, if the session holds it, and then ends the session: in this order, because the end
// of a session that holds a lock would keep everybody out for the lock delay.
func (c *campaign) dismiss(ctx context.Context, s *session) {
	r := c.registry
	parting, cancel := r.parting(ctx)
	defer cancel()
	pair := &api.KVPair{Key: r.keys.leader(), Value: []byte(c.name), Session: s.id}
	_, _, releaseErr := r.client.KV().Release(pair, write(parting))
	_, destroyErr := r.client.Session().Destroy(s.id, write(parting))
	if err := errors.Join(releaseErr, destroyErr); err != nil {
		c.onError(failed(parting, "hand the leader's lock over", err))
	}
}

// watchLock reads the lock's key, after a change since index. Never from a follower, which might not know yet
// what this process has just written.
func (r *Registry) watchLock(ctx context.Context, index uint64) (*api.KVPair, uint64, error) {
	wait := r.watchBound(index)
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	q := (&api.QueryOptions{WaitIndex: index, WaitTime: r.cfg.WatchWait}).WithContext(bounded)
	pair, meta, err := r.client.KV().Get(r.keys.leader(), q)
	if err != nil {
		return nil, 0, failed(ctx, "watch the leader's lock", err)
	}
	if meta.LastIndex < index {
		return pair, 0, nil
	}
	return pair, max(meta.LastIndex, 1), nil
}
