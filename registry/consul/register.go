package consul

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// beatsPerTTL: a process may miss this many beats, less one, before it counts as dead.
const beatsPerTTL = 5

// Register implements registry.Directory.
func (r *Registry) Register(ctx context.Context, in registry.Instance, report func() registry.Health) error {
	if err := in.Validate(); err != nil {
		return fmt.Errorf("register instance %s: %w", in.ID, err)
	}
	a := &announcement{registry: r, instance: in}
	a.keep(ctx, report)
	a.withdraw(ctx)
	return nil
}

// announcement is one instance that this process keeps registered. Used by one goroutine.
type announcement struct {
	registry *Registry
	instance registry.Instance
	known    bool  // the agent had the registration at the last beat
	failing  error // of the last beat
}

// keep beats until ctx is done.
func (a *announcement) keep(ctx context.Context, report func() registry.Health) {
	pauses := newBackoff()
	for {
		pause := a.registry.cfg.CheckTTL / beatsPerTTL
		err := a.beat(ctx, report())
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pauses.reset()
		} else {
			pause = pauses.pause()
		}
		a.note(err)
		if !sleep(ctx, pause) {
			return
		}
	}
}

// beat says that the process is alive and what it thinks of its health, and registers it where the agent does
// not know it: at first, and after the agent has lost it.
func (a *announcement) beat(ctx context.Context, health registry.Health) error {
	if a.known {
		err := a.feed(ctx, health)
		if err == nil || !unknownCheck(err) {
			return failed(ctx, "beat of instance "+a.instance.ID, err)
		}
		a.known = false
		a.registry.log.Warn("consul has lost the registration; registering again", "instance", a.instance.ID)
	}
	if err := a.register(ctx, health); err != nil {
		return failed(ctx, "register instance "+a.instance.ID, err)
	}
	a.known = true
	return failed(ctx, "beat of instance "+a.instance.ID, a.feed(ctx, health))
}

func (a *announcement) register(ctx context.Context, health registry.Health) error {
	reg, err := registration(a.registry.cfg, a.instance, health)
	if err != nil {
		return err
	}
	bounded, cancel := a.registry.bounded(ctx)
	defer cancel()
	opts := api.ServiceRegisterOpts{ReplaceExistingChecks: true}
	return a.registry.client.Agent().ServiceRegisterOpts(reg, opts.WithContext(bounded))
}

func (a *announcement) feed(ctx context.Context, health registry.Health) error {
	// A beat that takes longer than the TTL is no beat.
	bounded, cancel := context.WithTimeout(ctx, min(a.registry.cfg.RequestTimeout, a.registry.cfg.CheckTTL))
	defer cancel()
	return a.registry.client.Agent().UpdateTTLOpts(aliveCheckID(a.instance.ID), health.Output, status(health), read(bounded))
}

// note logs when beats begin to fail and when they are heard again, not in between.
func (a *announcement) note(err error) {
	switch {
	case err != nil && a.failing == nil:
		a.registry.log.Warn("instance cannot be announced; trying on", "instance", a.instance.ID, "error", err)
	case err == nil && a.failing != nil:
		a.registry.log.Info("instance is announced again", "instance", a.instance.ID)
	}
	a.failing = err
}

// withdraw deregisters the instance, within a bound: a process that is asked to stop does not wait for Consul.
// If it fails, the check that covers a dead process says it some seconds later.
func (a *announcement) withdraw(ctx context.Context) {
	parting, cancel := a.registry.parting(ctx)
	defer cancel()
	err := a.registry.client.Agent().ServiceDeregisterOpts(a.instance.ID, read(parting))
	if err != nil && !unknownCheck(err) {
		a.registry.log.Warn("instance could not be deregistered", "instance", a.instance.ID, "error", err, "dead_after", a.registry.cfg.CheckTTL.Round(time.Second))
	}
}
