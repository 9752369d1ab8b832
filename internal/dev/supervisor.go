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

// supervisor is one running system.
type supervisor struct {
	cfg       Config
	con       *console
	state     *state
	consulBin string

	mu       sync.Mutex // guards what follows
	db       *localserver.Postgres
	parts    []*part           // by kind, then in the order of their coming
	children map[string]*child // by name; parts that were never started have none
	ready    bool
	stopping bool

	watchers sync.WaitGroup // one for each child
	orders   sync.WaitGroup // those in progress
}

// child is the present or last process of a part.
type child struct {
	proc     running
	log      *childLog
	expected bool // its end was asked for
}

// Run runs the system until ctx ends, then stops it in order; a second SIGINT or SIGTERM meanwhile kills what is
// left. It returns an error if the system could not be started or not be stopped in order; nothing is left running
// either way. [ErrRunning] and the errors of package localserver say what a person can do.
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
	s := &supervisor{cfg: cfg, con: &console{out: cfg.Out}, children: map[string]*child{}}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	err = s.serve(ctx)
	return errors.Join(err, s.stop(context.WithoutCancel(ctx)))
}

// prepare does everything that needs no child: ports, directories, secrets, programs.
func (s *supervisor) prepare(ctx context.Context) error {
	// Left by a supervisor that was killed: nothing of what they say is true.
	if err := s.removeSigns(); err != nil {
		return err
	}
	if err := s.checkPorts(); err != nil {
		return err
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
	if s.state.Partitions != s.cfg.Partitions {
		s.con.say("this system has %d partitions, which is fixed for its life: not %d", s.state.Partitions, s.cfg.Partitions)
	}
	if err := writeFile(s.internalTokenFile(), []byte(s.state.Secrets.Internal+"\n")); err != nil {
		return err
	}
	// Before Consul, which may take minutes to build.
	if _, err := localserver.FindPostgres(s.cfg.PostgresBin, 0); err != nil {
		return err
	}
	s.consulBin, err = localserver.FindOrBuildConsul(ctx, s.cfg.ConsulBin, s.cfg.Out)
	return err
}

func (s *supervisor) checkPorts() error {
	for _, a := range []struct{ addr, variable string }{
		{s.cfg.RouterAddr, "CELLWAY_ROUTER_ADDR"},
		{s.cfg.AdminAddr, "CELLWAY_ADMIN_ADDR"},
		{s.cfg.ConsulAddr, "CELLWAY_CONSUL_ADDR"},
	} {
		if err := localserver.CheckFree(a.addr); err != nil {
			return fmt.Errorf("%w: choose another by %s", err, a.variable)
		}
	}
	return nil
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
	s.mu.Lock()
	s.ready = true
	s.mu.Unlock()
	control, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer control.close(context.WithoutCancel(ctx))
	if err := s.writeEndpoints(); err != nil {
		return err
	}
	s.con.say("%s", s.readyBlock(time.Since(began)))
	<-ctx.Done()
	return nil
}

func (s *supervisor) startAll(ctx context.Context) error {
	s.con.say("starting Postgres and Consul; state in %s", s.cfg.StateDir)
	if err := s.startEach(ctx, s.postgres(), s.consul()); err != nil {
		return err
	}
	s.sayData()
	cells := s.state.cells()
	s.con.say("starting %d cells, %d movers and the router", len(cells), s.cfg.Movers)
	parts := []*part{s.router()}
	for i := range s.cfg.Movers {
		parts = append(parts, s.mover(i+1))
	}
	for _, c := range cells {
		parts = append(parts, s.cell(c))
	}
	if err := s.startEach(ctx, parts...); err != nil {
		return err
	}
	return s.awaitMap(ctx)
}

// startEach starts parts side by side and returns when all are ready, or one has failed.
func (s *supervisor) startEach(ctx context.Context, parts ...*part) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		if err := s.add(p); err != nil {
			return err
		}
		g.Go(func() error {
			began := time.Now()
			err := s.start(ctx, p)
			if err == nil && p.kind != kindRouter {
				s.con.say("%s is up after %.1f s", p.name, time.Since(began).Seconds())
			}
			return err
		})
	}
	return g.Wait()
}

// add makes a part known; ErrExists if there is one of its name.
func (s *supervisor) add(p *part) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.parts, func(have *part) bool { return have.name == p.name }) {
		return fmt.Errorf("%s: %w (make restart NAME=%s starts it again)", p.name, ErrExists, p.name)
	}
	s.parts = append(s.parts, p)
	slices.SortStableFunc(s.parts, func(a, b *part) int { return int(a.kind) - int(b.kind) })
	return nil
}

// start starts a part and returns when it is ready; it is watched from then on.
func (s *supervisor) start(ctx context.Context, p *part) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadyIn)
	defer cancel()
	log, err := s.openLog(p)
	if err != nil {
		return err
	}
	proc, err := p.start(ctx, log)
	if err != nil {
		if proc != nil {
			proc.Kill()
		}
		return errors.Join(fmt.Errorf("start %s: %w", p.name, err), log.Close())
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
	if err := errors.Join(s.writeEndpoints(), c.log.Close()); err != nil {
		s.con.say("%v", err)
	}
	if !expected {
		s.con.say("%s (pid %d) has ended: %s. It stays down; start it again with: make restart NAME=%s", p.name, c.proc.PID(), c.proc.End(), p.name)
	}
}

// up reports whether a part's process runs.
func (s *supervisor) up(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.children[name]
	return c != nil && c.proc.End() == ""
}

func (s *supervisor) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

func (s *supervisor) firstStart() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ready
}
