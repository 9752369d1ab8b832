package testenv

import (
	"context"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"github.com/cellway/cellway/internal/testgroup"
)

// Docker returns the engine for tests that need containers of their own. Where none answers the test's group is
// reported as not run. Everything that a test makes carries [Labels], and is removed at the test's end by itself.
func Docker(tb testing.TB, group string) *testcontainers.DockerClient {
	tb.Helper()
	e, err := env.docker(context.Background())
	if err != nil {
		testgroup.NotHere(tb, group, err)
	}
	return e.cli
}

// Labels are those by which a later run finds what a killed one has left: containers, networks and volumes.
func Labels() map[string]string { return labels(time.Now()) }
