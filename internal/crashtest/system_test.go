package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/load"
	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/systemtest"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry/consul"
)

const (
	partitions = 32
	people     = 48 // customers
	workers    = 4
	perSecond  = 45 // operations of the client
	patience   = time.Minute
	prefix     = "crash"
)

func cellNames() []string { return []string{"cell-a", "cell-b", "cell-c"} }

// system is one whole system, with a process for each part, and what is known of it.
type system struct {
	t        *testing.T
	dir      string
	binary   string
	pg       *testenv.Server
	consul   *testenv.Server
	database string // superuser's URL
	reg      *consul.Registry
	hooks    *hookServer
	parts    map[string]settings
	alive    map[string]*localserver.Process
	output   map[string]*os.File
	movers   int // started so far
	ttl      time.Duration

	pending  *told  // where a mover waits
	draining string // the cell that has been asked to give everything away
	filling  string // the one that has been asked to take its share again
	turns    int    // of draining and filling

	record *load.Tape
	client *load.Load
	model  *load.Model
}

// newSystem starts the servers and provisions the cells; no process of ours runs yet.
func newSystem(t *testing.T, ttl time.Duration) *system {
	t.Helper()
	dir, err := os.MkdirTemp("", "cellway-crash-") //nolint:usetesting // it stays when a case fails
	must(t, err)
	s := &system{
		t: t, dir: dir, ttl: ttl, parts: map[string]settings{}, alive: map[string]*localserver.Process{}, output: map[string]*os.File{},
		record: load.NewTape(perSecond), model: load.NewModel(),
	}
	s.binary, err = os.Executable()
	must(t, err)
	s.consul, s.pg = testenv.ConsulServer(t), testenv.PostgresServer(t)
	s.database = s.pg.Database(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s.hooks, err = listenHooks(ctx, filepath.Join(dir, "hooks"))
	must(t, err)
	t.Cleanup(func() { s.stop(t); cancel(); s.hooks.close() })
	s.reg, err = consul.New(consul.Config{Address: s.consul.Addr})
	must(t, err)
	s.describe(t)
	return s
}

// describe decides every part's addresses and databases.
func (s *system) describe(t *testing.T) {
	t.Helper()
	ports, err := localserver.FreePorts(2 + 2*len(cellNames()))
	must(t, err)
	addr := func(i int) string { return fmt.Sprintf("%s:%d", localserver.Loopback, ports[i]) }
	common := settings{Consul: s.consul.Addr, Token: "crash-test-internal-token", Hooks: s.hooks.socket, SessionTTL: s.ttl}
	r := common
	r.Role, r.Name, r.Listen, r.Internal = "router", "router", addr(0), addr(1)
	s.parts["router"] = r
	s.client = load.New("http://"+r.Listen, s.model)
	s.client.Client.Transport = s.record
	for i, name := range cellNames() {
		c := common
		c.Role, c.Name, c.Listen, c.Internal = "cell", name, addr(2+2*i), addr(3+2*i)
		c.Platform, c.App = s.provision(t, name)
		s.parts[name] = c
	}
	s.parts["mover"] = common
}

func (s *system) provision(t *testing.T, name string) (platform, app string) {
	t.Helper()
	schema := placement.SchemaName(name)
	p := ledger.Provisioning{Schema: schema, PlatformRole: schema + "_platform", PlatformPassword: "p", AppRole: schema + "_app", AppPassword: "a"}
	must(t, ledger.Provision(t.Context(), s.database, p))
	u, err := url.Parse(s.database)
	must(t, err)
	as := func(role, password string) string {
		v := *u
		v.User = url.UserPassword(role, password)
		return v.String()
	}
	return as(p.PlatformRole, p.PlatformPassword), as(p.AppRole, p.AppPassword)
}

// start starts a part: a cell or the router under its name, or another mover ("mover"), whose name it returns.
func (s *system) start(t *testing.T, part string) string {
	t.Helper()
	cfg := s.parts[part]
	name := part
	if part == "mover" {
		s.movers++
		name = fmt.Sprintf("mover-%d", s.movers)
		cfg.Role, cfg.Name = "mover", name
	}
	raw, err := json.Marshal(cfg)
	must(t, err)
	p, err := localserver.StartProcess(localserver.Spec{
		Name: name, Path: s.binary, Output: s.log(t, part), StopFor: 15 * time.Second,
		Env: append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CELLWAY_") }), envRole+"="+string(raw)),
	})
	must(t, err)
	s.alive[name] = p
	return name
}

// log is the file to which a part writes in all its lives.
func (s *system) log(t *testing.T, part string) *os.File {
	t.Helper()
	if f := s.output[part]; f != nil {
		return f
	}
	f, err := os.OpenFile(filepath.Join(s.dir, part+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	s.output[part] = f
	return f
}

// kill is kill -9.
func (s *system) kill(name string) {
	if p := s.alive[name]; p != nil {
		p.Kill()
		delete(s.alive, name)
	}
}

// awaitHealth waits until a cell or the router answers.
func (s *system) awaitHealth(t *testing.T, part string) {
	t.Helper()
	s.until(t, part+" to answer", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.parts[part].Listen+"/health", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	})
}

// until asks again until there is no error, at most for a minute.
func (s *system) until(t *testing.T, what string, condition func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := systemtest.Until(ctx, func() error { return condition(ctx) }); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// stop ends every process, in an orderly way, and removes the directory if all went well.
func (s *system) stop(t *testing.T) {
	t.Helper()
	for name := range s.alive {
		s.kill(name)
	}
	for _, f := range s.output {
		f.Close()
	}
	if t.Failed() {
		t.Logf("logs are in %s", s.dir)
		return
	}
	must(t, os.RemoveAll(s.dir))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
