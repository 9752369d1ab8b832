package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cellway/cellway/internal/localserver"
)

// System is one whole system under a state directory of its own, started by `cellway dev`.
type System struct {
	Binary string
	Dir    string // state directory
	env    []string
	cmd    *exec.Cmd
	exited chan error
	out    *lockedBuffer
}

// Endpoints is what `cellway dev` writes into endpoints.json.
type Endpoints struct {
	Router    string `json:"router"`
	Admin     string `json:"admin"`
	Consul    string `json:"consul"`
	Postgres  string `json:"postgres"`
	Processes []struct {
		Name    string `json:"name"`
		PID     int    `json:"pid"`
		Address string `json:"address"`
	} `json:"processes"`
}

// NewSystem prepares a system on free ports; env are settings of its own, NAME=value.
func NewSystem(binary, dir string, env ...string) (*System, error) {
	s := &System{Binary: binary, Dir: dir, env: append(os.Environ(), env...)}
	s.env = append(s.env, "CELLWAY_STATE_DIR="+dir)
	ports, err := localserver.FreePorts(3)
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"CELLWAY_ROUTER_ADDR", "CELLWAY_ADMIN_ADDR", "CELLWAY_CONSUL_ADDR"} {
		s.env = append(s.env, fmt.Sprintf("%s=%s:%d", name, localserver.Loopback, ports[i]))
	}
	return s, nil
}

// Start runs `cellway dev` until it is ready.
func (s *System) Start(ctx context.Context) error {
	s.out = &lockedBuffer{}
	s.cmd = exec.Command(s.Binary, "dev")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan error, 1)
	go func() { s.exited <- s.cmd.Wait() }()
	return Until(ctx, func() error {
		select {
		case err := <-s.exited:
			s.exited <- err
			return permanent{fmt.Errorf("cellway dev ended: %w\n%s", err, s.Output())}
		default:
		}
		_, err := s.Endpoints()
		return err
	})
}

// Stop is Ctrl-C: it returns when `cellway dev` has ended.
func (s *System) Stop(ctx context.Context) error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case err := <-s.exited:
		s.exited <- err
		return err
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("cellway dev does not stop: %w\n%s", ctx.Err(), s.Output()), s.cmd.Process.Kill())
	}
}

// Output is everything that `cellway dev` and its children have printed.
func (s *System) Output() string { return s.out.String() }

// Endpoints reads endpoints.json.
func (s *System) Endpoints() (Endpoints, error) {
	var e Endpoints
	raw, err := os.ReadFile(filepath.Join(s.Dir, "endpoints.json"))
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(raw, &e)
}

// PID returns the process ID of a child, 0 while it is dead.
func (s *System) PID(name string) (int, error) {
	e, err := s.Endpoints()
	if err != nil {
		return 0, err
	}
	for _, p := range e.Processes {
		if p.Name == name {
			return p.PID, nil
		}
	}
	return 0, fmt.Errorf("no process named %s", name)
}

// Signal sends a signal to a child; after SIGKILL it waits until the system has noticed.
func (s *System) Signal(ctx context.Context, name string, sig syscall.Signal) error {
	pid, err := s.PID(name)
	if err != nil || pid == 0 {
		return fmt.Errorf("signal %s: pid %d: %w", name, pid, err)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return err
	}
	if sig != syscall.SIGKILL {
		return nil
	}
	return Until(ctx, func() error {
		now, err := s.PID(name)
		if err == nil && now == pid {
			err = fmt.Errorf("%s is still listed with pid %d", name, pid)
		}
		return err
	})
}

// Run runs a command of the binary against this system and returns what it printed.
func (s *System) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Binary, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("cellway %v: %w\n%s", args, err, out)
	}
	return string(out), nil
}

// Admin reads one resource of the admin API.
func (s *System) Admin(ctx context.Context, path string, out any) error {
	e, err := s.Endpoints()
	if err != nil {
		return err
	}
	return getJSON(ctx, e.Admin+path, out)
}

func getJSON(ctx context.Context, url string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d: %.300s", url, resp.StatusCode, raw)
	}
	return json.Unmarshal(raw, out)
}

// permanent ends Until at once.
type permanent struct{ error }

// Permanent makes an error end [Until] at once.
func Permanent(err error) error { return permanent{err} }

// Until asks again until condition returns nil, or ctx ends: then the last error is returned.
func Until(ctx context.Context, condition func() error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := condition()
		var final permanent
		if err == nil || errors.As(err, &final) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
