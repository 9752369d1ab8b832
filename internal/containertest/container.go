package containertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/systemtest"
	"github.com/cellway/cellway/internal/testenv"
)

// readyFor bounds the start of one container, an image's first start included.
const readyFor = 2 * time.Minute

// startService makes and starts the container of one service and waits until it is healthy, or, of one that runs
// once, has ended well.
func (s *Stack) startService(ctx context.Context, name string, service service) error {
	ctx, cancel := context.WithTimeout(ctx, readyFor)
	defer cancel()
	host, exposed, err := s.hostConfig(ctx, name, service)
	if err != nil {
		return err
	}
	req := testcontainers.ContainerRequest{
		Image: service.Image, Entrypoint: service.Entrypoint, Cmd: service.Command, Env: map[string]string{}, ExposedPorts: exposed, Labels: testenv.Labels(),
		Name: s.prefix + "-" + name, NetworkAliases: map[string][]string{},
		HostConfigModifier: func(h *container.HostConfig) { *h = *host },
		ConfigModifier:     service.modify,
	}
	for variable, value := range service.Environment {
		if value != nil {
			req.Env[variable] = *value
		}
	}
	for _, short := range service.networkNames() {
		full := s.networks[short].Name
		req.Networks = append(req.Networks, full)
		req.NetworkAliases[full] = s.aliases(name, service, short)
	}
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: req, Started: true, Logger: stdlog.New(io.Discard, "", 0),
	})
	if c != nil {
		s.mu.Lock()
		s.containers[name] = c
		s.mu.Unlock()
	}
	if err != nil {
		return err
	}
	return s.awaitReady(ctx, name, service.runsOnce())
}

func (s service) networkNames() []string {
	names := slices.Collect(maps.Keys(s.Networks))
	slices.Sort(names)
	if s.isPostgres() {
		names = append(names, inspect)
	}
	return names
}

// isPostgres: a server that the checker has to reach.
func (s service) isPostgres() bool { return s.Environment["POSTGRES_DB"] != nil }

func (s *Stack) aliases(name string, service service, network string) []string {
	out := []string{name}
	if n := service.Networks[network]; n != nil {
		out = append(out, n.Aliases...)
	}
	return out
}

// modify sets what a request to testcontainers has no field for.
func (s service) modify(c *container.Config) {
	c.User, c.StopSignal = s.User, s.StopSignal
	if h := s.Healthcheck; h != nil {
		c.Healthcheck = &container.HealthConfig{Test: h.Test, Interval: span(h.Interval), Timeout: span(h.Timeout), StartPeriod: span(h.StartPeriod), Retries: h.Retries}
		if h.Disable {
			c.Healthcheck.Test = []string{"NONE"}
		}
	}
}

func span(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return d
}

func (s *Stack) hostConfig(ctx context.Context, name string, service service) (*container.HostConfig, []string, error) {
	shm, _ := service.Shm.Int64()
	memory, _ := service.Memory.Int64()
	h := &container.HostConfig{
		ReadonlyRootfs: service.ReadOnly, CapDrop: service.CapDrop, SecurityOpt: service.Security, GroupAdd: service.Groups,
		NetworkMode: container.NetworkMode(service.NetworkMode), Tmpfs: map[string]string{}, ShmSize: shm, PortBindings: network.PortMap{},
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyMode(service.Restart)},
		Resources:     container.Resources{Memory: memory, NanoCPUs: int64(service.CPUs * 1e9), PidsLimit: &service.Pids},
	}
	for _, spec := range service.Tmpfs {
		path, options, _ := strings.Cut(spec, ":")
		h.Tmpfs[path] = options
	}
	for _, v := range service.Volumes {
		source, err := s.volume(ctx, v.Source)
		if err != nil {
			return nil, nil, fmt.Errorf("make volume %s: %w", v.Source, err)
		}
		h.Mounts = append(h.Mounts, mount.Mount{
			Type: mount.TypeVolume, Source: source, Target: v.Target, ReadOnly: v.ReadOnly, VolumeOptions: &mount.VolumeOptions{NoCopy: v.Volume.NoCopy},
		})
	}
	ports := make([]int, 0, len(service.Ports)+1)
	for _, p := range service.Ports {
		ports = append(ports, p.Target)
	}
	if service.isPostgres() {
		ports = append(ports, 5432)
	}
	exposed := make([]string, 0, len(ports))
	for _, port := range ports {
		free, err := s.publish(name, port)
		if err != nil {
			return nil, nil, err
		}
		inside := strconv.Itoa(port) + "/tcp"
		exposed = append(exposed, inside)
		h.PortBindings[network.MustParsePort(inside)] = []network.PortBinding{{HostIP: netip.MustParseAddr(localserver.Loopback), HostPort: strconv.Itoa(free)}}
	}
	return h, exposed, nil
}

var errNotReady = errors.New("not ready")

// awaitReady waits until a service's container is healthy, or has ended well where it runs once.
func (s *Stack) awaitReady(ctx context.Context, name string, once bool) error {
	err := systemtest.Until(ctx, func() error {
		state, err := s.state(ctx, name)
		switch {
		case err != nil:
			return err
		case once && state.Status == container.StateExited && state.ExitCode == 0:
			return nil
		case !once && state.Health != nil && state.Health.Status == container.Healthy:
			return nil
		case state.Status == container.StateExited || state.Status == container.StateDead:
			return systemtest.Permanent(fmt.Errorf("%s has ended with status %d", name, state.ExitCode))
		}
		return fmt.Errorf("%w: %s", errNotReady, state.Status)
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.logs(name, 20)) //nolint:contextcheck // ctx has ended by then
	}
	return nil
}

func (s *Stack) state(ctx context.Context, name string) (*container.State, error) {
	found, err := s.docker.ContainerInspect(ctx, s.id(name), client.ContainerInspectOptions{})
	if err != nil {
		return nil, err
	}
	return found.Container.State, nil
}

func (s *Stack) id(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.containers[name]; c != nil {
		return c.GetContainerID()
	}
	return name // the engine says that there is none
}

// logs returns the last lines that a container printed.
func (s *Stack) logs(name string, lines int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := s.docker.ContainerLogs(ctx, s.id(name), client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(lines)})
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return name + ":\n" + strings.ToValidUTF8(string(raw), "")
}
