package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/cellway/cellway/internal/localserver"
)

// EnvConsulImage names the image to use instead of hashicorp/consul:1.22.
const EnvConsulImage = "CELLWAY_CONSUL_IMAGE"

// SessionTTLMin is the shortest TTL that sessions of these agents may ask for: tests need not wait as long as
// Consul's own default of 10 s demands.
const SessionTTLMin = time.Second

// Consul returns host:port of an agent for this test alone, gone when the test ends.
func Consul(tb testing.TB) string {
	tb.Helper()
	return ConsulServer(tb).Addr
}

// ConsulServer returns an agent for this test alone, which the test may stop, kill, freeze and start again. It is a
// server with its data on disk: a restart forgets nothing.
func ConsulServer(tb testing.TB) *Server {
	tb.Helper()
	s := start(tb, env.pickFor(tb, "consul", consulSources()))
	s.removeAtEnd()
	return s
}

func consulSources() []source {
	image := imageName(EnvConsulImage, "hashicorp/consul:1.22")
	inEngine := func(ctx context.Context) (*Server, error) { return containerConsul(ctx, image) }
	return []source{
		{kind: "docker", label: "container " + image, have: onHost(haveImage(image)), make: inEngine},
		{kind: "local", label: "a program of this machine", have: haveConsul, make: newLocalConsul},
		{kind: "docker", label: "pulled container " + image, have: onHost(pullImage(image)), make: inEngine},
		{kind: "local", label: "a program built with Go", have: buildConsul, make: newLocalConsul},
	}
}

// onHost refuses containers where they cannot share the network of the tests.
func onHost(have func(context.Context) error) func(context.Context) error {
	if runtime.GOOS == "linux" {
		return have
	}
	return func(context.Context) error {
		return errors.New("its checks would not reach this machine's listeners from a container")
	}
}

func haveConsul(ctx context.Context) error {
	_, err := localserver.FindConsul(ctx, "")
	return err
}

func buildConsul(ctx context.Context) error {
	_, err := localserver.FindOrBuildConsul(ctx, "", os.Stderr)
	return err
}

func newLocalConsul(ctx context.Context) (*Server, error) {
	dir, err := env.dir("consul")
	if err != nil {
		return nil, err
	}
	b := &localConsul{cfg: localserver.ConsulConfig{Dir: dir, SessionTTLMin: SessionTTLMin}}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return &Server{Addr: b.consul.Addr(), URL: b.consul.URL(), b: b}, nil
}

func containerConsul(ctx context.Context, image string) (*Server, error) {
	e, err := env.docker(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := localserver.FreePorts(3)
	if err != nil {
		return nil, err
	}
	settings, err := json.Marshal(localserver.ConsulSettings(localserver.ConsulConfig{SessionTTLMin: SessionTTLMin}, "/consul/data", ports[0], ports[1], ports[2]))
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	addr := localserver.Loopback + ":" + strconv.Itoa(ports[0])
	b, err := e.runContainer(ctx, containerSpec{
		image: image, cmd: []string{"agent"},
		env:   map[string]string{"CONSUL_LOCAL_CONFIG": string(settings)},
		host:  func(h *container.HostConfig) { h.NetworkMode = "host" },
		ready: func(ctx context.Context) error { return localserver.ConsulReady(ctx, addr) },
	})
	if err != nil {
		return nil, err
	}
	return &Server{Addr: addr, URL: "http://" + addr, b: b}, nil
}
