package consul

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// session is the leader's lease in Consul. Used by one goroutine at a time.
type session struct {
	id      string
	trusted time.Time // with a monotonic reading: until then nobody else can have the lock
}

// marginPart: leadership ends this part of the TTL before Consul could give the lock to another, for clocks
// that run at different speeds and for the leader's last step.
const marginPart = 10

func (c Config) trustedFrom(asked time.Time) time.Time {
	return asked.Add(c.SessionTTL - c.SessionTTL/marginPart)
}

// openSession asks for a session without health checks: it ends with its TTL, not with the gossip's opinion of
// this machine.
func (r *Registry) openSession(ctx context.Context, name string) (*session, error) {
	bounded, cancel := r.bounded(ctx)
	defer cancel()
	asked := time.Now()
	id, _, err := r.client.Session().CreateNoChecks(&api.SessionEntry{
		Name:      "cellway leader " + name,
		TTL:       r.cfg.SessionTTL.String(),
		LockDelay: r.cfg.LockDelay,
		Behavior:  api.SessionBehaviorRelease,
	}, write(bounded))
	if err != nil {
		return nil, failed(ctx, "open a session", err)
	}
	return &session{id: id, trusted: r.cfg.trustedFrom(asked)}, nil
}

// keepSession renews the session every third of its TTL. It returns why it cannot be trusted any more, or that
// ctx has ended.
func (r *Registry) keepSession(ctx context.Context, s *session, onError func(error)) error {
	pauses := newBackoff()
	pause := r.cfg.SessionTTL / 3
	for sleep(ctx, min(pause, time.Until(s.trusted))) {
		err := r.renewSession(ctx, s)
		if errors.Is(err, registry.ErrNotLeader) || ctx.Err() != nil {
			return err
		}
		if !time.Now().Before(s.trusted) {
			return errors.Join(fmt.Errorf("the session was not renewed for its TTL less a margin: %w", registry.ErrNotLeader), err)
		}
		pause = r.cfg.SessionTTL / 3
		if err == nil {
			pauses.reset()
			continue
		}
		onError(err)
		pause = min(pause, pauses.pause())
	}
	return ctx.Err()
}

// renewSession asks for another TTL, which counts from before the question was sent. An answer that comes after
// the trust has ended is none.
func (r *Registry) renewSession(ctx context.Context, s *session) error {
	const act = "renew the session"
	asked := time.Now()
	bounded, cancel := context.WithDeadline(ctx, earlier(s.trusted, asked.Add(r.cfg.RequestTimeout)))
	defer cancel()
	entry, _, err := r.client.Session().Renew(s.id, write(bounded))
	if err != nil {
		return failed(ctx, act, err)
	}
	if entry == nil {
		return fmt.Errorf("%s: consul has ended it: %w", act, registry.ErrNotLeader)
	}
	s.trusted = r.cfg.trustedFrom(asked)
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
