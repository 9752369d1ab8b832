package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// containerSpec is what differs between servers in containers.
type containerSpec struct {
	image string
	env   map[string]string
	cmd   []string
	host  func(*container.HostConfig) // network and ports
	ready func(context.Context) error
}

// inContainer is a backend: it has made its container already.
type inContainer struct {
	e     *engine
	id    string
	ready func(context.Context) error
}

// runContainer makes and starts a container and returns when its server is ready.
func (e *engine) runContainer(ctx context.Context, spec containerSpec) (*inContainer, error) {
	c, err := testcontainers.Run(ctx, spec.image,
		testcontainers.WithEnv(spec.env),
		testcontainers.WithCmd(spec.cmd...),
		testcontainers.WithLabels(labels(time.Now())),
		testcontainers.WithHostConfigModifier(spec.host),
		testcontainers.WithLogger(stdlog.New(io.Discard, "", 0)),
	)
	if err != nil {
		if c != nil {
			err = errors.Join(err, e.removeContainer(context.WithoutCancel(ctx), c.GetContainerID()))
		}
		return nil, fmt.Errorf("run %s: %w", spec.image, err)
	}
	b := &inContainer{e: e, id: c.GetContainerID(), ready: spec.ready}
	if err := b.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, b.remove(context.WithoutCancel(ctx)))
	}
	return b, nil
}

func (b *inContainer) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := b.ready(ctx)
		if err == nil {
			return nil
		}
		state, inspectErr := b.e.cli.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
		if inspectErr == nil && !state.Container.State.Running {
			return fmt.Errorf("the container ended with status %d", state.Container.State.ExitCode)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", err)
		case <-tick.C:
		}
	}
}

func (b *inContainer) start(ctx context.Context) error {
	if _, err := b.e.cli.ContainerStart(ctx, b.id, client.ContainerStartOptions{}); err != nil {
		return err
	}
	return b.awaitReady(ctx)
}

func (b *inContainer) stop(ctx context.Context) error {
	wait := int(stopFor.Seconds()) / 2
	_, err := b.e.cli.ContainerStop(ctx, b.id, client.ContainerStopOptions{Timeout: &wait})
	return err
}

// kill returns when the container is seen to be stopped: a start before that would be refused.
func (b *inContainer) kill(ctx context.Context) error {
	if _, err := b.e.cli.ContainerKill(ctx, b.id, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		state, err := b.e.cli.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
		if err == nil && !state.Container.State.Running {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func (b *inContainer) pause(ctx context.Context) error {
	_, err := b.e.cli.ContainerPause(ctx, b.id, client.ContainerPauseOptions{})
	return err
}

func (b *inContainer) resume(ctx context.Context) error {
	_, err := b.e.cli.ContainerUnpause(ctx, b.id, client.ContainerUnpauseOptions{})
	return err
}

func (b *inContainer) remove(ctx context.Context) error {
	// The engine cannot kill what is paused; to unpause what is not is an error that says nothing.
	_ = b.resume(ctx)
	return b.e.removeContainer(ctx, b.id)
}
