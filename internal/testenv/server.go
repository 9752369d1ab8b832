package testenv

import (
	"context"
	"testing"
	"time"
)

// Bounds of what is done to a server.
const (
	startFor = 2 * time.Minute
	stopFor  = 20 * time.Second
)

// backend is a server, in a container or as a program.
type backend interface {
	// start starts it, for the first time or again, at the same address with the same data; it returns when
	// the server is ready.
	start(ctx context.Context) error
	// stop ends it in an orderly way; it can be started again.
	stop(ctx context.Context) error
	// kill ends it at once.
	kill(ctx context.Context) error
	// pause freezes it: connections stay open, nothing answers.
	pause(ctx context.Context) error
	resume(ctx context.Context) error
	// remove ends it and removes its data. It is called once, in whatever state the server is.
	remove(ctx context.Context) error
}

// Server is a server for one test alone. Its methods fail the test if they do not succeed, and so are called from
// the test's own goroutine. It is removed when the test ends.
type Server struct {
	Addr string // host:port; stays the same for the test
	URL  string // Postgres: the superuser's, on database postgres; Consul: http://Addr

	tb testing.TB
	b  backend
}

// Stop ends the server in an orderly way; its data stays.
func (s *Server) Stop() { s.tb.Helper(); s.do("stop", stopFor, s.b.stop) }

// Start starts a stopped or killed server at the same address, with its data, and returns when it is ready.
func (s *Server) Start() { s.tb.Helper(); s.do("start", startFor, s.b.start) }

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.tb.Helper(); s.do("kill", stopFor, s.b.kill) }

// Pause freezes the server: connections stay open, nothing answers.
func (s *Server) Pause() { s.tb.Helper(); s.do("pause", stopFor, s.b.pause) }

// Resume ends Pause.
func (s *Server) Resume() { s.tb.Helper(); s.do("resume", stopFor, s.b.resume) }

// Restart stops and starts the server, and returns when it is ready.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	s.Start()
}

func (s *Server) do(what string, limit time.Duration, act func(context.Context) error) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := act(ctx); err != nil {
		s.tb.Fatalf("testenv: %s server at %s: %v", what, s.Addr, err)
	}
}

// removeAtEnd removes the server when the test is over.
func (s *Server) removeAtEnd() {
	s.tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopFor)
		defer cancel()
		if err := s.b.remove(ctx); err != nil {
			s.tb.Errorf("testenv: remove server at %s: %v", s.Addr, err)
		}
	})
}
