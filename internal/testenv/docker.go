package testenv

import (
	"context"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"github.com/cellway/cellway/internal/testgroup"
)

// Docker returns the engine for tests that need containers of their own, of these images. Where no engine answers, or it
// has an image not and cannot pull it, the test's group is reported as not run; the latter fails in CI. Everything that a test makes carries [Labels], and is removed at the test's end by itself.
func Docker(tb testing.TB, group string, images ...string) *testcontainers.DockerClient {
	tb.Helper()
	e, err := env.docker(context.Background())
	if err != nil {
		testgroup.NotHere(tb, group, err)
	}
	for _, image := range images {
		if e.hasImage(context.Background(), image) == nil {
			continue
		}
		if err := e.pullImage(context.Background(), image); err != nil {
			testgroup.NotRun(tb, group, err)
		}
	}
	return e.cli
}

// Labels are those by which a later run finds what a killed one has left: containers, networks and volumes.
func Labels() map[string]string { return labels(time.Now()) }
