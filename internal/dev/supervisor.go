package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/localserver"
)

// stopIn bounds the orderly end of the whole system.
const stopIn = 60 * time.Second

// supervisor is one running system.
type supervisor struct {
	cfg       Config
	con       *console
	state     *state
	consulBin string

	mu       sync.Mutex
	db       *localserver.Postgres
	parts    []*part
	children map[string]*child // by name; parts that were never started have none
	ready    bool
	stopping bool
	watchers sync.WaitGroup
	turns    map[string]*sync.Mutex // one order at a time about a part
}

// child is the present or last process of a part.
type child struct {
	proc     running
	log      *childLog
	expected bool // its end was asked for
}

// Run runs the system until ctx ends, then stops it in order. It returns an error if the system could not be
// started or not be stopped in order; nothing is left running either way.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	if cfg.Environ == nil {
		cfg.Environ = childEnviron()
	}
	dir, err := filepath.Abs(cfg.StateDir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	cfg.StateDir = dir
	if err := cfg.Validate(); err != nil {
		return err
	}
	held, err := lock(dir)
	if err != nil {
		return err
	}
	defer held.Close()
	s := &supervisor{cfg: cfg, con: &console{out: cfg.Out}, children: map[string]*child{}, turns: map[string]*sync.Mutex{}}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	err = s.serve(ctx)
	return errors.Join(err, s.stop(context.WithoutCancel(ctx)))
}

// prepare does everything that needs no child: ports, directories, secrets, programs.
func (s *supervisor) prepare(ctx context.Context) error {
	for _, a := range []struct{ addr, variable string }{
		{s.cfg.RouterAddr, "CELLWAY_ROUTER_ADDR"},
		{s.cfg.AdminAddr, "CELLWAY_ADMIN_ADDR"},
		{s.cfg.ConsulAddr, "CELLWAY_CONSUL_ADDR"},
	} {
		if err := localserver.CheckFree(a.addr); err != nil {
			return fmt.Errorf("%w: choose another by %s", err, a.variable)
		}
	}
	for _, name := range []string{"secrets", "logs"} {
		if err := os.MkdirAll(s.cfg.path(name), 0o700); err != nil {
			return fmt.Errorf("make state directory: %w", err)
		}
	}
	var err error
	if s.state, err = loadState(s.cfg); err != nil {
		return err
	}
	if err := writeFile(s.internalTokenFile(), []byte(s.state.Secrets.Internal+"\n")); err != nil {
		return err
	}
	s.consulBin, err = localserver.FindOrBuildConsul(ctx, s.cfg.ConsulBin, s.cfg.Out)
	return err
}

func (s *supervisor) internalTokenFile() string { return s.cfg.path("secrets", "internal-token") }

// serve starts everything, says that it is ready, and waits for the end.
func (s *supervisor) serve(ctx context.Context) error {
	began := time.Now()
	if err := s.startAll(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C before it was ready
		}
		return err
	}
	control, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer control.close()
	s.mu.Lock()
	s.ready = true
	s.mu.Unlock()
	if err := s.writeEndpoints(); err != nil {
		return err
	}
	s.con.say("%s", s.readyBlock(time.Since(began)))
	<-ctx.Done()
	return nil
}

func (s *supervisor) startAll(ctx context.Context) error {
	s.con.say("starting Postgres and Consul; state in %s", s.cfg.StateDir)
	g, gctx := errgroup.WithContext(ctx)
	for _, p := range []*part{s.add(s.postgres()), s.add(s.consul())} {
		g.Go(func() error { return s.start(gctx, p) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.sayData()
	cells := s.state.cells()
	s.con.say("starting %d cells, %d movers and the router", len(cells), s.cfg.Movers)
	g, gctx = errgroup.WithContext(ctx)
	for i := range s.cfg.Movers {
		p := s.add(s.mover(i + 1))
		g.Go(func() error { return s.start(gctx, p) })
	}
	for _, c := range cells {
		p := s.add(s.cell(c))
		g.Go(func() error { return s.start(gctx, p) })
	}
	router := s.add(s.router())
	g.Go(func() error { return s.start(gctx, router) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.awaitMap(ctx)
}

func (s *supervisor) add(p *part) *part {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, p)
	slices.SortStableFunc(s.parts, func(a, b *part) int { return int(a.kind) - int(b.kind) })
	s.turns[p.name] = &sync.Mutex{}
	return p
}

// start starts a part and returns when it is ready; it is watched from then on.
func (s *supervisor) start(ctx context.Context, p *part) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadyIn)
	defer cancel()
	log, err := newChildLog(s.con, p.name, s.cfg.path("logs", p.name+".log"))
	if err != nil {
		return err
	}
	proc, err := p.start(ctx, log)
	if err != nil {
		if proc != nil {
			proc.Kill()
		}
		_ = log.Close()
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	c := &child{proc: proc, log: log}
	s.mu.Lock()
	s.children[p.name] = c
	s.mu.Unlock()
	s.watchers.Go(func() { s.watch(p, c) })
	return s.writeEndpoints()
}

// watch reports a child's death; it stays down.
func (s *supervisor) watch(p *part, c *child) {
	<-c.proc.Done()
	s.mu.Lock()
	expected := c.expected || s.stopping
	s.mu.Unlock()
	if !expected {
		s.con.say("%s (pid %d) has ended: %s. Start it again with: make restart NAME=%s", p.name, c.proc.PID(), c.proc.End(), p.name)
	}
	if err := s.writeEndpoints(); err != nil {
		s.con.say("%v", err)
	}
	_ = c.log.Close()
}

// halt ends a part's process, if it runs.
func (s *supervisor) halt(ctx context.Context, p *part) error {
	s.mu.Lock()
	c := s.children[p.name]
	if c != nil {
		c.expected = true
	}
	s.mu.Unlock()
	if c == nil || c.proc.End() != "" {
		return nil
	}
	return c.proc.Stop(ctx)
}

// stop ends everything, in the reverse order of the start; children of a kind at once.
func (s *supervisor) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopIn)
	defer cancel()
	s.mu.Lock()
	s.stopping = true
	parts := slices.Clone(s.parts)
	s.mu.Unlock()
	s.con.say("stopping")
	var failed error
	for k := kindRouter; k >= kindPostgres; k-- {
		var g errgroup.Group
		for _, p := range parts {
			if p.kind == k {
				g.Go(func() error { return s.halt(ctx, p) })
			}
		}
		failed = errors.Join(failed, g.Wait())
	}
	s.watchers.Wait()
	failed = errors.Join(failed, remove(s.cfg.path("endpoints.json")), remove(s.cfg.path("control.json")))
	s.con.say("stopped; the data is kept in %s", s.cfg.StateDir)
	return failed
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", filepath.Base(path), err)
	}
	return nil
}

func (s *supervisor) firstStart() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ready
}
