package dev

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/localserver"
)

func names(e endpoints) []string {
	var all []string
	for _, p := range e.Processes {
		all = append(all, p.Name)
	}
	return all
}

// TestRun is one system's life, in order: every step needs the one before.
func TestRun(t *testing.T) {
	cfg := newConfig(t)
	s := run(t, cfg)
	first, err := s.endpoints()
	if err != nil {
		t.Fatal(err)
	}

	t.Run("says where everything is", func(t *testing.T) { checkEndpoints(t, s, first) })
	t.Run("refuses a second supervisor", func(t *testing.T) {
		if err := Run(t.Context(), cfg); !errors.Is(err, ErrRunning) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("reports a death and leaves the part down until it is restarted", func(t *testing.T) { checkDeath(t, s) })
	t.Run("restarts servers at their addresses", func(t *testing.T) { checkServers(t, s) })
	t.Run("adds and removes cells", func(t *testing.T) { checkCells(t, s) })
	t.Run("refuses what it cannot do", func(t *testing.T) { checkRefusals(t, s) })

	last, err := s.endpoints()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	t.Run("leaves nothing behind", func(t *testing.T) {
		for _, p := range append(first.Processes, last.Processes...) {
			if p.PID != 0 && alive(p.PID) {
				t.Errorf("%s (pid %d) is still there", p.Name, p.PID)
			}
		}
		if _, err := s.endpoints(); !os.IsNotExist(err) {
			t.Errorf("endpoints.json: %v", err)
		}
		if _, err := NewClient(cfg.StateDir); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "make run") {
			t.Errorf("client: %v", err)
		}
	})
	t.Run("finds its data, cells and addresses again", func(t *testing.T) {
		again := run(t, cfg)
		now, err := again.endpoints()
		if err != nil {
			t.Fatal(err)
		}
		if now.Postgres != last.Postgres || !slices.Equal(names(now), names(last)) {
			t.Errorf("now %v at %s, before %v at %s", names(now), now.Postgres, names(last), last.Postgres)
		}
		if !holdsTable(t, now.Postgres, "kept") {
			t.Error("the table is gone")
		}
	})
}

func checkEndpoints(t *testing.T, s *system, e endpoints) {
	want := []string{"postgres", "consul", "cell-a", "cell-b", "mover-1", "mover-2", "router"}
	if got := names(e); !slices.Equal(got, want) {
		t.Errorf("processes %v", got)
	}
	for _, p := range e.Processes {
		if p.PID == 0 || !alive(p.PID) || p.Address == "" {
			t.Errorf("%+v", p)
		}
	}
	if e.Router != "http://"+s.cfg.RouterAddr || e.Admin != "http://"+s.cfg.AdminAddr || e.Consul != "http://"+s.cfg.ConsulAddr {
		t.Errorf("%+v", e)
	}
	info, err := os.Stat(filepath.Join(s.cfg.StateDir, "endpoints.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("endpoints.json: %v, %v", info, err)
	}
	for _, part := range []string{"Cellway is ready", e.Router, e.Admin, e.Consul + "/ui/", "make add-cell", "CELLWAY_STATE_DIR=" + s.cfg.StateDir} {
		if !strings.Contains(s.out.String(), part) {
			t.Errorf("the ready block does not say %q", part)
		}
	}
	if !strings.Contains(s.out.String(), "mover-1   | role mover") {
		t.Error("a child's output does not come with its name")
	}
}

func checkDeath(t *testing.T, s *system) {
	for _, name := range []string{"mover-1", "cell-a", "router"} {
		before, _ := s.process(t, name)
		if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.eventually(t, "pid 0 of "+name, func() bool { p, _ := s.process(t, name); return p.PID == 0 })
		s.eventually(t, "report of "+name, func() bool {
			return strings.Contains(s.out.String(), name) && strings.Contains(s.out.String(), "has ended: killed by signal killed. It stays down; start it again with: make restart NAME="+name)
		})
		if err := s.client(t).Restart(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		after, _ := s.process(t, name)
		if after.PID == 0 || after.PID == before.PID || after.Address != before.Address {
			t.Errorf("before %+v, after %+v", before, after)
		}
	}
	// A running one too.
	before, _ := s.process(t, "mover-2")
	if err := s.client(t).Restart(t.Context(), "mover-2"); err != nil {
		t.Fatal(err)
	}
	if after, _ := s.process(t, "mover-2"); after.PID == before.PID || alive(before.PID) {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func checkServers(t *testing.T, s *system) {
	e, err := s.endpoints()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), e.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept ()"); err != nil {
		t.Error(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	pg, _ := s.process(t, "postgres")
	if err := syscall.Kill(pg.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, "end of postgres", func() bool { p, _ := s.process(t, "postgres"); return p.PID == 0 })
	for _, name := range []string{"postgres", "consul"} {
		if err := s.client(t).Restart(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := s.endpoints(); err != nil || after.Postgres != e.Postgres {
		t.Errorf("Postgres is at %s, was at %s (%v)", after.Postgres, e.Postgres, err)
	}
	if !holdsTable(t, e.Postgres, "kept") {
		t.Error("the table is gone")
	}
	if err := localserver.ConsulReady(t.Context(), s.cfg.ConsulAddr); err != nil {
		t.Error(err)
	}
}

func holdsTable(t *testing.T, url, name string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var there bool
	if err := conn.QueryRow(t.Context(), "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there); err != nil {
		t.Fatal(err)
	}
	return there
}

func checkCells(t *testing.T, s *system) {
	c := s.client(t)
	for _, name := range []string{"cell-x", "cell-y"} {
		if err := c.AddCell(t.Context(), name, 2); err != nil {
			t.Fatal(err)
		}
	}
	x, ok := s.process(t, "cell-x")
	if !ok || !alive(x.PID) || !strings.Contains(s.out.String(), "cell-x    | role cell weight 2") {
		t.Errorf("cell-x: %+v", x)
	}
	if err := c.RemoveCell(t.Context(), "cell-x"); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.process(t, "cell-x"); ok || alive(x.PID) {
		t.Error("cell-x is still there")
	}
	if err := c.Restart(t.Context(), "cell-x"); err == nil {
		t.Error("a removed cell was restarted")
	}
}

func checkRefusals(t *testing.T, s *system) {
	c := s.client(t)
	for name, refused := range map[string]struct {
		err  error
		says string
	}{
		"a cell that is there":    {c.AddCell(t.Context(), "cell-a", 1), ErrExists.Error()},
		"a name that is none":     {c.AddCell(t.Context(), "Cell A", 1), "name"},
		"a weight of nothing":     {c.AddCell(t.Context(), "cell-z", 0), "weight"},
		"removal of a router":     {c.RemoveCell(t.Context(), "router"), "no cell"},
		"restart of what is not":  {c.Restart(t.Context(), "mover-9"), "there are postgres"},
		"order without the token": {(&Client{control: controlFile{URL: c.control.URL}}).Restart(t.Context(), "router"), "token"},
	} {
		if refused.err == nil || !strings.Contains(refused.err.Error(), refused.says) {
			t.Errorf("%s: %v", name, refused.err)
		}
	}
}

func TestRunNamesAPortInUseAndItsVariable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, variable := range []string{"CELLWAY_ROUTER_ADDR", "CELLWAY_ADMIN_ADDR", "CELLWAY_CONSUL_ADDR"} {
		ports, err := localserver.FreePorts(3)
		if err != nil {
			t.Fatal(err)
		}
		cfg := testConfig(t.TempDir(), ports)
		*map[string]*string{"CELLWAY_ROUTER_ADDR": &cfg.RouterAddr, "CELLWAY_ADMIN_ADDR": &cfg.AdminAddr, "CELLWAY_CONSUL_ADDR": &cfg.ConsulAddr}[variable] = l.Addr().String()
		err = Run(t.Context(), cfg)
		if !errors.Is(err, localserver.ErrPortInUse) || !strings.Contains(err.Error(), variable) || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

// envKilled carries the state directory and the three ports of the supervisor that is to be killed.
const envKilled = "DEV_TEST_STATE"

func superviseUntilKilled() {
	at := strings.Split(os.Getenv(envKilled), ",")
	cfg := testConfig(at[0], []int{0, 0, 0})
	cfg.RouterAddr, cfg.AdminAddr, cfg.ConsulAddr, cfg.Out = at[1], at[2], at[3], os.Stdout
	if err := Run(context.Background(), cfg); err != nil {
		os.Exit(1)
	}
}

func TestKilledSupervisorLeavesNothingAndIsSucceeded(t *testing.T) {
	cfg := newConfig(t)
	dead := &system{cfg: cfg, ended: make(chan error, 1)}
	cmd := exec.Command(os.Args[0], "supervisor")
	cmd.Env = append(os.Environ(), envKilled+"="+strings.Join([]string{cfg.StateDir, cfg.RouterAddr, cfg.AdminAddr, cfg.ConsulAddr}, ","))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { dead.ended <- cmd.Wait() }()
	dead.eventually(t, "ready", func() bool { _, err := dead.endpoints(); return err == nil })
	e, err := dead.endpoints()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-dead.ended; err == nil {
		t.Error("the killed supervisor ended well")
	}
	live := &system{ended: make(chan error)}
	live.eventually(t, "end of every child", func() bool {
		return !slices.ContainsFunc(e.Processes, func(p endpointProcess) bool { return alive(p.PID) })
	})
	if c, err := NewClient(cfg.StateDir); err != nil || !errors.Is(c.Restart(t.Context(), "router"), ErrNotRunning) {
		t.Errorf("client of a killed supervisor: %v", err)
	}
	s := run(t, cfg)
	if now, err := s.endpoints(); err != nil || now.Postgres != e.Postgres {
		t.Errorf("Postgres is at %s, was at %s (%v)", now.Postgres, e.Postgres, err)
	}
}

func TestSecondSignalKillsWhatDoesNotEnd(t *testing.T) {
	cfg := newConfig(t)
	cfg.Environ = append(childEnviron(), envStubborn+"=1")
	s := run(t, cfg)
	e, err := s.endpoints()
	if err != nil {
		t.Fatal(err)
	}
	s.end()
	s.eventually(t, "stopping", func() bool { return strings.Contains(s.out.String(), "stopping (Ctrl-C once more kills)") })
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it was not the signal that ended it: %v", err)
	}
	s.ended <- nil
	for _, p := range e.Processes {
		if alive(p.PID) {
			t.Errorf("%s is still there", p.Name)
		}
	}
}
