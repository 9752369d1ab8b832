package dev

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/placement"
)

// running is a started child, whatever kind it is.
type running interface {
	PID() int
	Done() <-chan struct{}
	End() string
	Stop(ctx context.Context) error
	Kill()
}

// kind orders the children: they are started in this order and stopped in the reverse.
type kind int

const (
	kindPostgres kind = iota
	kindConsul
	kindCell
	kindMover
	kindRouter
)

// part is one child of the system, running or not.
type part struct {
	name  string
	kind  kind
	start func(ctx context.Context, log *childLog) (running, error)
	turn  sync.Mutex // one order at a time about a part

	mu      sync.Mutex // guards what follows
	address string     // host:port; known once start has been called
	gone    bool       // forgotten: not to be started again
}

func (p *part) setAddress(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.address = addr
}

func (p *part) where() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

func (p *part) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

func (p *part) forgotten() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// inherited are the variables of this process that children see.
var inherited = []string{"PATH", "HOME", "TMPDIR", "LANG", "TZ", "GORACE", "GOCOVERDIR"} //nolint:gochecknoglobals // a constant list

func childEnviron() []string {
	var env []string
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (s *supervisor) postgres() *part {
	p := &part{name: "postgres", kind: kindPostgres}
	p.start = func(ctx context.Context, log *childLog) (running, error) {
		port, err := s.postgresPort(p)
		if err != nil {
			return nil, err
		}
		pg, err := localserver.StartPostgres(ctx, localserver.PostgresConfig{
			Dir: s.cfg.path("postgres"), Bin: s.cfg.PostgresBin, Port: port, Output: log,
		})
		if err != nil {
			return nil, err
		}
		s.setDatabase(pg)
		return pg, s.createDatabase(ctx)
	}
	return p
}

// postgresPort picks the port at the first start. Later it stays what it is, in use or not: the cells know it.
func (s *supervisor) postgresPort(p *part) (int, error) {
	if addr := p.where(); addr != "" {
		return portOf(addr)
	}
	addr, port, err := s.state.addr(p.name)
	p.setAddress(addr)
	return port, err
}

func portOf(addr string) (int, error) {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("address %q: %w", addr, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("address %q: port: %w", addr, err)
	}
	return port, nil
}

func (s *supervisor) consul() *part {
	p := &part{name: "consul", kind: kindConsul, address: s.cfg.ConsulAddr}
	p.start = func(ctx context.Context, log *childLog) (running, error) {
		port, err := portOf(s.cfg.ConsulAddr)
		if err != nil {
			return nil, err
		}
		consul, err := localserver.StartConsul(ctx, localserver.ConsulConfig{
			Dir: s.cfg.path("consul"), Bin: s.consulBin, Port: port, SessionTTLMin: s.cfg.SessionTTLMin, Output: log,
			Reserved:  s.state.ports(),
			Dashboard: visit(s.cfg.AdminAddr) + "/",
		})
		if err != nil {
			return nil, err // and not a *Consul that is nil
		}
		return consul, nil
	}
	return p
}

func (s *supervisor) cell(c cellState) *part {
	p := &part{name: c.Name, kind: kindCell}
	p.start = func(ctx context.Context, log *childLog) (running, error) {
		files, err := s.provision(ctx, c)
		if err != nil {
			return nil, err
		}
		listen, _, err := s.state.addr(c.Name)
		if err != nil {
			return nil, err
		}
		internal, _, err := s.state.addr(c.Name + " internal")
		if err != nil {
			return nil, err
		}
		p.setAddress(listen)
		return s.role(ctx, p, log, "cell", "http://"+listen+"/health",
			"CELLWAY_CELL="+c.Name, "CELLWAY_LISTEN="+listen, "CELLWAY_INTERNAL_LISTEN="+internal,
			"CELLWAY_CONSUL_ADDR="+s.cfg.ConsulAddr, "CELLWAY_PLATFORM_URL_FILE="+files.platform, "CELLWAY_APP_URL_FILE="+files.app,
			"CELLWAY_INTERNAL_TOKEN_FILE="+s.internalTokenFile(), "CELLWAY_WEIGHT="+strconv.Itoa(c.Weight),
			"CELLWAY_PARTITIONS="+strconv.Itoa(s.state.Partitions))
	}
	return p
}

func (s *supervisor) mover(i int) *part {
	p := &part{name: fmt.Sprintf("mover-%d", i), kind: kindMover}
	p.start = func(ctx context.Context, log *childLog) (running, error) {
		addr, _, err := s.state.addr(p.name)
		if err != nil {
			return nil, err
		}
		p.setAddress(addr)
		return s.role(ctx, p, log, "mover", "http://"+addr+"/health",
			"CELLWAY_NAME="+p.name, "CELLWAY_LISTEN="+addr, "CELLWAY_CONSUL_ADDR="+s.cfg.ConsulAddr,
			"CELLWAY_INTERNAL_TOKEN_FILE="+s.internalTokenFile(), "CELLWAY_INITIAL_CELLS="+strconv.Itoa(len(s.cfg.Cells)))
	}
	return p
}

func (s *supervisor) router() *part {
	p := &part{name: "router", kind: kindRouter, address: s.cfg.RouterAddr}
	p.start = func(ctx context.Context, log *childLog) (running, error) {
		return s.role(ctx, p, log, "router", visit(s.cfg.RouterAddr)+"/health",
			"CELLWAY_ROUTER_ADDR="+s.cfg.RouterAddr, "CELLWAY_ADMIN_ADDR="+s.cfg.AdminAddr, "CELLWAY_CONSUL_ADDR="+s.cfg.ConsulAddr,
			"CELLWAY_ROUTER_STATE="+s.cfg.path("router.view"))
	}
	return p
}

// role starts a child of this binary and waits until its health answers 200.
func (s *supervisor) role(ctx context.Context, p *part, log *childLog, command, health string, env ...string) (running, error) {
	proc, err := localserver.StartProcess(localserver.Spec{
		Name: p.name, Path: s.cfg.Binary, Args: []string{command}, Env: slices.Concat(s.cfg.Environ, env), Output: log,
		StopFor: 15 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if p.kind == kindRouter && s.firstStart() {
		return proc, nil // there may be no map yet: nothing to serve before movers and cells are up
	}
	if err := awaitHealthy(ctx, proc, p.name, func(ctx context.Context) error { return s.answers(ctx, p, health) }); err != nil {
		proc.Kill()
		return nil, err
	}
	return proc, nil
}

type urlFiles struct{ platform, app string }

// provision makes the cell's schema and roles, and the files that hold the roles' URLs.
func (s *supervisor) provision(ctx context.Context, c cellState) (urlFiles, error) {
	files := urlFiles{s.cfg.path("secrets", c.Name+"-platform-url"), s.cfg.path("secrets", c.Name+"-app-url")}
	url := s.databaseURL()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	platform, app, err := s.cfg.Provision(ctx, url, Roles{c.Name, c.PlatformPassword, c.AppPassword})
	if err != nil {
		if _, missing := os.Stat(files.platform); missing == nil {
			// The cell has been here before: it can start, and wait for its database, while that is away.
			s.con.say("%s: schema %s not brought up to date: %v", c.Name, placement.SchemaName(c.Name), err)
			return files, nil
		}
		return files, fmt.Errorf("make schema and roles of %s: %w", c.Name, err)
	}
	if err := writeFile(files.platform, []byte(platform+"\n")); err != nil {
		return files, err
	}
	return files, writeFile(files.app, []byte(app+"\n"))
}
