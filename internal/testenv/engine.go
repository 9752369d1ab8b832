package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// engine is the Docker engine.
type engine struct {
	cli *testcontainers.DockerClient
}

// engineAnswersIn bounds the first question to the engine, which may be behind a dead socket.
const engineAnswersIn = 5 * time.Second

// openEngine connects and removes what killed processes left behind.
func openEngine(ctx context.Context) (*engine, error) {
	if err := configureTestcontainers(); err != nil {
		return nil, err
	}
	ask, cancel := context.WithTimeout(ctx, engineAnswersIn)
	defer cancel()
	cli, err := testcontainers.NewDockerClientWithOpts(ask)
	if err != nil {
		return nil, fmt.Errorf("no Docker engine: %w", err)
	}
	e := &engine{cli: cli}
	if _, err := cli.Ping(ask, client.PingOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("no Docker engine answers: %w", err), e.close())
	}
	if err := e.removeLeftovers(ctx, time.Now()); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// configureTestcontainers makes settings that it reads once, from the environment, and silences it: who runs tests
// reads one line that says where servers come from.
func configureTestcontainers() error {
	tclog.SetDefault(stdlog.New(io.Discard, "", 0))
	// Leftovers are removed by label: its own reaper is one more image, which may not be there.
	settings := map[string]string{"TESTCONTAINERS_RYUK_DISABLED": "true"}
	if _, err := os.Stat("/.dockerenv"); err == nil && os.Getenv("TESTCONTAINERS_HOST_OVERRIDE") == "" {
		// Where the machine looks like a container it would take the bridge's gateway for the host.
		settings["TESTCONTAINERS_HOST_OVERRIDE"] = "127.0.0.1"
	}
	for name, value := range settings {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

func (e *engine) close() error { return e.cli.Close() }

// hasImage returns nil if the image is there already.
func (e *engine) hasImage(ctx context.Context, image string) error {
	if _, err := e.cli.ImageInspect(ctx, image); err != nil {
		return fmt.Errorf("image %s: %w", image, err)
	}
	return nil
}

// pullFor bounds the pull of an image.
const pullFor = 5 * time.Minute

// pullImage gets the image from its registry.
func (e *engine) pullImage(ctx context.Context, image string) error {
	ctx, cancel := context.WithTimeout(ctx, pullFor)
	defer cancel()
	progress, err := e.cli.ImagePull(ctx, image, client.ImagePullOptions{})
	if err != nil {
		return fmt.Errorf("pull image %s: %w", image, err)
	}
	defer progress.Close()
	if _, err := io.Copy(io.Discard, progress); err != nil {
		return fmt.Errorf("pull image %s: %w", image, err)
	}
	return e.hasImage(ctx, image)
}
