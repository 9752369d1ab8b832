package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/internal/testgroup"
)

// TestMain: started as a child, the test binary plays the role that its first argument names.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "cell", "mover", "router":
			play(os.Args[1])
			return
		case "supervisor":
			superviseUntilKilled()
			return
		}
	}
	testenv.Main(m, testenv.CheckLeaks())
}

// play is a role that does nothing but answer, until SIGTERM.
func play(role string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("role", role, "weight", os.Getenv("CELLWAY_WEIGHT"))
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "{}") })
	addrs := map[string][]string{
		"cell":   {os.Getenv("CELLWAY_LISTEN"), os.Getenv("CELLWAY_INTERNAL_LISTEN")},
		"mover":  {os.Getenv("CELLWAY_LISTEN")},
		"router": {os.Getenv("CELLWAY_ROUTER_ADDR"), os.Getenv("CELLWAY_ADMIN_ADDR")},
	}
	for _, addr := range addrs[role] {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			fmt.Println(err)
			return
		}
		go func() { _ = http.Serve(l, ok) }()
	}
	<-ctx.Done()
	if os.Getenv(envStubborn) != "" {
		select {} // not until it is killed
	}
}

// envStubborn makes roles outlive SIGTERM.
const envStubborn = "DEV_TEST_STUBBORN"

// buffer is a terminal that tests read.
type buffer struct {
	mu  sync.Mutex
	out strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

// system is a running system of pretended roles on real servers.
type system struct {
	cfg   Config
	out   *buffer
	end   context.CancelFunc
	ended chan error
}

func testConfig(dir string, ports []int) Config {
	return Config{
		StateDir: dir, Binary: os.Args[0], Out: &buffer{}, Cells: []string{"cell-a", "cell-b"}, Partitions: 64, ReadyIn: time.Minute,
		RouterAddr: loopback(ports[0]), AdminAddr: loopback(ports[1]), ConsulAddr: loopback(ports[2]),
		Provision: func(_ context.Context, superuser string, _ Roles) (string, string, error) {
			return superuser, superuser, nil
		},
	}
}

// newConfig needs real servers: it skips where there are none, in CI it fails.
func newConfig(t *testing.T) Config {
	t.Helper()
	_, err := localserver.FindPostgres("", 0)
	if err == nil {
		_, err = localserver.FindOrBuildConsul(t.Context(), "", os.Stderr)
	}
	if err != nil {
		testgroup.NotRun(t, "tests of the supervisor", err)
	}
	ports, err := localserver.FreePorts(3)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Cleanup(func() {
		if err := localserver.RemovePostgres(filepath.Join(dir, "postgres")); err != nil {
			t.Error(err)
		}
	})
	return testConfig(dir, ports)
}

// run starts a system and returns when it is ready; it ends with the test at the latest.
func run(t *testing.T, cfg Config) *system {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &system{cfg: cfg, out: &buffer{}, end: cancel, ended: make(chan error, 1)}
	cfg.Out = s.out
	go func() { s.ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Log(s.out.String())
		}
	})
	s.eventually(t, "ready", func() bool { return strings.Contains(s.out.String(), "Cellway is ready") })
	return s
}

func (s *system) stop() error {
	s.end()
	err := <-s.ended
	s.ended <- err
	return err
}

func (s *system) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		if ok() {
			tick.Stop()
			return
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			t.Fatalf("waiting for %s: the system has ended: %v", what, err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen", what)
		}
	}
}

func (s *system) endpoints() (endpoints, error) {
	var e endpoints
	raw, err := os.ReadFile(filepath.Join(s.cfg.StateDir, "endpoints.json"))
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(raw, &e)
}

// process reads a part's entry; ok is false if there is none.
func (s *system) process(t *testing.T, name string) (p endpointProcess, ok bool) {
	t.Helper()
	e, err := s.endpoints()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range e.Processes {
		if p.Name == name {
			return p, true
		}
	}
	return endpointProcess{}, false
}

func (s *system) client(t *testing.T) *Client {
	t.Helper()
	c, err := NewClient(s.cfg.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(raw), ") Z ")
}
