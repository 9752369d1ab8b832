package containertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/testenv"
)

// inspect is a network of the tests: on it Postgres is published, for the checker.
const inspect = "inspect"

// Stack is one system in containers, of one test alone.
type Stack struct {
	docker  *testcontainers.DockerClient
	project project
	prefix  string // of every name

	mu         sync.Mutex // guards what follows
	networks   map[string]*testcontainers.DockerNetwork
	volumes    map[string]bool
	containers map[string]testcontainers.Container
	ports      map[string]map[int]int // by service and its own port: the port on 127.0.0.1
}

// newStack prepares a system; nothing runs yet.
func newStack(docker *testcontainers.DockerClient, p project) *Stack {
	return &Stack{
		docker: docker, project: p, prefix: "cellway-" + strings.ToLower(rand.Text()[:8]),
		networks: map[string]*testcontainers.DockerNetwork{}, volumes: map[string]bool{},
		containers: map[string]testcontainers.Container{}, ports: map[string]map[int]int{},
	}
}

// start makes networks and containers and returns when everything is healthy.
func (s *Stack) start(ctx context.Context) error {
	s.project.internal[inspect] = false
	if err := s.makeNetworks(ctx, s.project); err != nil {
		return err
	}
	return s.startServices(ctx, s.project)
}

// AddCell starts one more cell, made as the commands make it.
func (s *Stack) AddCell(ctx context.Context, name string) error {
	p, err := s.project.withCell(name)
	if err != nil {
		return err
	}
	if err := s.makeNetworks(ctx, p); err != nil {
		return err
	}
	if err := s.startServices(ctx, p); err != nil {
		return err
	}
	maps.Copy(s.project.services, p.services)
	maps.Copy(s.project.internal, p.internal)
	return nil
}

func (s *Stack) makeNetworks(ctx context.Context, p project) error {
	for name, internal := range p.internal {
		opts := []network.NetworkCustomizer{network.WithLabels(testenv.Labels()), network.WithAttachable()}
		if internal {
			opts = append(opts, network.WithInternal())
		}
		n, err := network.New(ctx, opts...)
		if err != nil {
			return fmt.Errorf("make network %s: %w", name, err)
		}
		s.networks[name] = n
	}
	return nil
}

// startServices starts each service when what it depends on is there.
func (s *Stack) startServices(ctx context.Context, p project) error {
	done := map[string]chan struct{}{}
	for name := range p.services {
		done[name] = make(chan struct{})
	}
	g, ctx := errgroup.WithContext(ctx)
	for name, service := range p.services {
		g.Go(func() error {
			for other := range service.DependsOn {
				if done[other] == nil {
					continue // it runs already
				}
				select {
				case <-done[other]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err := s.startService(ctx, name, service); err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
			close(done[name])
			return nil
		})
	}
	return g.Wait()
}

func (s *Stack) volume(ctx context.Context, name string) (string, error) {
	full := s.prefix + "-" + name
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.volumes[full] {
		return full, nil
	}
	_, err := s.docker.VolumeCreate(ctx, client.VolumeCreateOptions{Name: full, Labels: testenv.Labels()})
	s.volumes[full] = err == nil
	return full, err
}

// publish picks the port of 127.0.0.1 for a service's port. It stays the same over restarts.
func (s *Stack) publish(name string, port int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ports[name] == nil {
		s.ports[name] = map[int]int{}
	}
	if s.ports[name][port] == 0 {
		free, err := localserver.FreePort()
		if err != nil {
			return 0, err
		}
		s.ports[name][port] = free
	}
	return s.ports[name][port], nil
}

// Addr is where a service's port is published.
func (s *Stack) Addr(name string, port int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%s:%d", localserver.Loopback, s.ports[name][port])
}

// names of the services that run for good and match.
func (s *Stack) names(match func(string) bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.containers {
		if match(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// closeFor bounds the removal of a whole system.
const closeFor = 2 * time.Minute

// close removes everything that the stack has made.
func (s *Stack) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeFor)
	defer cancel()
	var mu sync.Mutex
	var problems []error
	var wg sync.WaitGroup
	for name, c := range s.containers {
		wg.Go(func() {
			_, _ = s.docker.ContainerUnpause(ctx, c.GetContainerID(), client.ContainerUnpauseOptions{}) // where it is frozen
			_, err := s.docker.ContainerRemove(ctx, c.GetContainerID(), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				problems = append(problems, fmt.Errorf("remove %s: %w", name, err))
			}
		})
	}
	wg.Wait()
	for _, n := range s.networks {
		problems = append(problems, n.Remove(ctx))
	}
	for name := range s.volumes {
		_, err := s.docker.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true})
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
