package testenv

import (
	"context"
	"errors"
	"fmt"
)

// EnvServers forces where servers come from: "docker" or "local".
const EnvServers = "CELLWAY_TEST_SERVERS"

// errNone is returned, with the reasons, when a server can be had in no way.
var errNone = errors.New("no server can be had")

// source is one way to have a server. have returns what stands against it, nil if nothing does; to find
// out it may have to pull an image or build a program.
type source struct {
	kind  string // "docker" or "local"
	label string // for people: "container postgres:15"
	have  func(ctx context.Context) error
	make  func(ctx context.Context) (*Server, error)
}

// choose takes the first source that can be had.
func choose(ctx context.Context, sources []source, forced string) (source, error) {
	if forced != "" && forced != "docker" && forced != "local" {
		return source{}, fmt.Errorf("%s=%q: use docker or local", EnvServers, forced)
	}
	var reasons []error
	for _, s := range sources {
		if forced != "" && s.kind != forced {
			continue
		}
		err := s.have(ctx)
		if err == nil {
			return s, nil
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", s.label, err))
	}
	return source{}, fmt.Errorf("%w: %w", errNone, errors.Join(reasons...))
}
