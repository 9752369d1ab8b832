package containertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	tcexec "github.com/testcontainers/testcontainers-go/exec"

	"github.com/cellway/cellway/internal/systemtest"
)

// Kill ends a service's container at once, as docker kill does; it stays dead until Revive.
func (s *Stack) Kill(ctx context.Context, name string) error {
	if _, err := s.docker.ContainerKill(ctx, s.id(name), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return fmt.Errorf("kill %s: %w", name, err)
	}
	return systemtest.Until(ctx, func() error {
		state, err := s.state(ctx, name)
		if err == nil && state.Running {
			err = fmt.Errorf("%s still runs", name)
		}
		return err
	})
}

// Revive starts a dead container, as docker start does, and returns when it is healthy.
func (s *Stack) Revive(ctx context.Context, name string) error {
	if _, err := s.docker.ContainerStart(ctx, s.id(name), client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	return s.awaitReady(ctx, name, false)
}

// Freeze stops every process of a container in the middle of what it does, as docker pause does.
func (s *Stack) Freeze(ctx context.Context, name string) error {
	_, err := s.docker.ContainerPause(ctx, s.id(name), client.ContainerPauseOptions{})
	return err
}

// Thaw ends Freeze.
func (s *Stack) Thaw(ctx context.Context, name string) error {
	_, err := s.docker.ContainerUnpause(ctx, s.id(name), client.ContainerUnpauseOptions{})
	return err
}

// Cut takes a container off all networks of the system (not off those by which the tests reach it), as docker network
// disconnect does.
func (s *Stack) Cut(ctx context.Context, name string) error {
	networks := s.inner(name)
	if len(networks) == 0 {
		return fmt.Errorf("%s is on no network of the system: nothing would be cut", name)
	}
	for _, short := range networks {
		_, err := s.docker.NetworkDisconnect(ctx, s.networks[short].ID, client.NetworkDisconnectOptions{Container: s.id(name), Force: true})
		if err != nil {
			return fmt.Errorf("cut %s off %s: %w", name, short, err)
		}
	}
	return nil
}

// Join puts a container back on the networks that Cut took it off. It may have other addresses then.
func (s *Stack) Join(ctx context.Context, name string) error {
	for _, short := range s.inner(name) {
		_, err := s.docker.NetworkConnect(ctx, s.networks[short].ID, client.NetworkConnectOptions{
			Container: s.id(name), EndpointConfig: &network.EndpointSettings{Aliases: s.aliases(name, s.project.services[name], short)},
		})
		if err != nil {
			return fmt.Errorf("join %s to %s: %w", name, short, err)
		}
	}
	return nil
}

// inner are the networks of a service that lead nowhere else.
func (s *Stack) inner(name string) []string {
	var out []string
	for _, short := range s.project.services[name].networkNames() {
		if s.project.internal[short] {
			out = append(out, short)
		}
	}
	return out
}

// Run runs a command of the cellway binary in a service's container, as docker exec does, and returns what it printed.
func (s *Stack) Run(ctx context.Context, name string, args ...string) (string, error) {
	s.mu.Lock()
	c := s.containers[name]
	s.mu.Unlock()
	code, out, err := c.Exec(ctx, append([]string{"/usr/bin/cellway"}, args...), tcexec.Multiplexed())
	if err != nil {
		return "", fmt.Errorf("run %v in %s: %w", args, name, err)
	}
	raw, err := io.ReadAll(out)
	if err != nil || code != 0 {
		return string(raw), fmt.Errorf("%v in %s ended with %d: %w\n%s", args, name, code, errors.Join(err, errFailed), raw)
	}
	return string(raw), nil
}

var errFailed = errors.New("command failed")

// Secret reads a file of a container, as whoever rules the engine can.
func (s *Stack) Secret(ctx context.Context, name, path string) (string, error) {
	s.mu.Lock()
	c := s.containers[name]
	s.mu.Unlock()
	r, err := c.CopyFileFromContainer(ctx, path)
	if err != nil {
		return "", fmt.Errorf("read %s of %s: %w", path, name, err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	return strings.TrimSpace(string(raw)), err
}

// inspectService returns what the engine knows of a service's container.
func (s *Stack) inspectService(ctx context.Context, name string) (container.InspectResponse, error) {
	found, err := s.docker.ContainerInspect(ctx, s.id(name), client.ContainerInspectOptions{})
	return found.Container, err
}
