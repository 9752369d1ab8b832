package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/cellway/cellway/internal/testgroup"
)

// env is the process's environment: servers are shared by all tests of a process, which have nothing else in
// common.
var env environment

// environment is what the tests of one process share. Its zero value is ready.
type environment struct {
	mu     sync.Mutex      // guards what follows
	chosen map[string]pick // by server: "postgres", "consul"
	shared *Server         // the Postgres that tests share

	means   sync.Mutex // guards what follows; taken after mu, never before
	engine  *engine    // opened at first use
	noDock  error      // why there is none
	scratch string     // directory of this process's local servers
}

type pick struct {
	from source
	err  error
}

// pickFor decides, once, where a kind of server comes from; it skips or fails the test if there is nowhere.
func (e *environment) pickFor(tb testing.TB, name string, sources []source) source {
	tb.Helper()
	e.mu.Lock()
	p, ok := e.chosen[name]
	if !ok {
		p.from, p.err = choose(context.Background(), sources, os.Getenv(EnvServers))
		if e.chosen == nil {
			e.chosen = map[string]pick{}
		}
		e.chosen[name] = p
		if p.err == nil {
			fmt.Fprintf(os.Stderr, "testenv: %s from %s\n", name, p.from.label)
		}
	}
	e.mu.Unlock()
	if p.err == nil {
		return p.from
	}
	if errors.Is(p.err, errNone) {
		testgroup.NotRun(tb, "tests with a real "+name, p.err)
	}
	tb.Fatalf("testenv: %s: %v", name, p.err)
	return source{}
}

// startTries is how often a server is tried to be started.
const startTries = 3

// start makes a server and fails the test if it does not start.
func start(tb testing.TB, from source) *Server {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startFor)
	defer cancel()
	for try := 1; ; try++ {
		s, err := from.make(ctx)
		if err == nil {
			s.tb = tb
			return s
		}
		// A port that was picked may be taken by another test process before it is listened on.
		if ctx.Err() != nil || try == startTries {
			tb.Fatalf("testenv: start %s: %v", from.label, err)
		}
	}
}

// sharedPostgres returns the server that tests share, starting it at first use.
func (e *environment) sharedPostgres(tb testing.TB, from source) *Server {
	tb.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shared == nil {
		e.shared = start(tb, from)
	}
	return &Server{Addr: e.shared.Addr, URL: e.shared.URL, tb: tb, b: e.shared.b}
}

// docker returns the engine, opening it at first use.
func (e *environment) docker(ctx context.Context) (*engine, error) {
	e.means.Lock()
	defer e.means.Unlock()
	if e.engine == nil && e.noDock == nil {
		e.engine, e.noDock = openEngine(ctx)
	}
	return e.engine, e.noDock
}

// dir returns a new directory for a local server, below one of this process.
func (e *environment) dir(name string) (string, error) {
	e.means.Lock()
	defer e.means.Unlock()
	if e.scratch == "" {
		made, err := makeScratch()
		if err != nil {
			return "", err
		}
		e.scratch = made
	}
	dir, err := os.MkdirTemp(e.scratch, name+"-*")
	if err != nil {
		return "", fmt.Errorf("make directory for %s: %w", name, err)
	}
	// The user that Postgres runs as has to get in.
	return dir, os.Chmod(dir, 0o755)
}

// close removes the shared servers.
func (e *environment) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*stopFor)
	defer cancel()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.means.Lock()
	defer e.means.Unlock()
	var errs []error
	if e.shared != nil {
		errs = append(errs, e.shared.b.remove(ctx))
	}
	if e.engine != nil {
		errs = append(errs, e.engine.close())
	}
	if e.scratch != "" {
		errs = append(errs, os.RemoveAll(e.scratch))
	}
	e.chosen, e.shared, e.engine, e.noDock, e.scratch = nil, nil, nil, nil, ""
	return errors.Join(errs...)
}
