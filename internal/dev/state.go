package dev

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/cellway/cellway/internal/localserver"
)

// ErrRunning is returned when another supervisor holds the state directory.
var ErrRunning = errors.New("a system is already running there")

// state is what is kept between runs, in state.json.
type state struct {
	mu       sync.Mutex
	path     string
	reserved map[int]bool // ports that are not to be picked

	Partitions int            `json:"partitions"`
	Cells      []cellState    `json:"cells"`
	Ports      map[string]int `json:"ports"`   // by what they are for: postgres, mover-1, cell-a, cell-a internal
	Secrets    secrets        `json:"secrets"` // the file is readable by its owner alone
}

type cellState struct {
	Name             string `json:"name"`
	Weight           int    `json:"weight"`
	PlatformPassword string `json:"platform_password"`
	AppPassword      string `json:"app_password"`
}

type secrets struct {
	Internal string `json:"internal"` // the cells' internal listeners
}

// loadState reads state.json, or makes the state of a new system.
func loadState(cfg Config) (*state, error) {
	s := &state{path: cfg.path("state.json"), Ports: map[string]int{}, reserved: cfg.chosen()}
	raw, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Partitions = cfg.Partitions
		s.Secrets.Internal = rand.Text()
		for _, name := range cfg.Cells {
			s.Cells = append(s.Cells, newCell(name, 1))
		}
		return s, writeJSON(s.path, s)
	case err != nil:
		return nil, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("read state in %s: %w", s.path, err)
	}
	if s.Ports == nil {
		s.Ports = map[string]int{}
	}
	return s, nil
}

func newCell(name string, weight int) cellState {
	return cellState{Name: name, Weight: weight, PlatformPassword: rand.Text(), AppPassword: rand.Text()}
}

// addCell remembers a cell for this run and later ones.
func (s *state) addCell(c cellState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Cells = append(s.Cells, c)
	return writeJSON(s.path, s)
}

// dropCell forgets a cell.
func (s *state) dropCell(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Cells = slices.DeleteFunc(s.Cells, func(c cellState) bool { return c.Name == name })
	return writeJSON(s.path, s)
}

func (s *state) cells() []cellState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Cells)
}

// addr returns 127.0.0.1 with the port kept for that use; a new port if there is none yet or another process has
// taken it.
func (s *state) addr(use string) (string, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	port := s.Ports[use]
	if port == 0 || s.reserved[port] || localserver.CheckFree(loopback(port)) != nil {
		for {
			free, err := localserver.FreePort()
			if err != nil {
				return "", 0, err
			}
			if !s.taken(free) {
				port = free
				break
			}
		}
		s.Ports[use] = port
	}
	return loopback(port), port, writeJSON(s.path, s)
}

// ports are all that are meant for a part of the system, whether it listens there yet or not.
func (s *state) ports() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.AppendSeq(slices.Collect(maps.Keys(s.reserved)), maps.Values(s.Ports))
}

func (s *state) taken(port int) bool {
	if s.reserved[port] {
		return true
	}
	for _, p := range s.Ports {
		if p == port {
			return true
		}
	}
	return false
}

func loopback(port int) string { return fmt.Sprintf("%s:%d", localserver.Loopback, port) }

// lock takes the state directory for this process; the kernel gives it back when the process ends.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("state directory %s: %w (stop it, or choose another by CELLWAY_STATE_DIR)", dir, ErrRunning)
	}
	return f, nil
}

// writeJSON replaces a file atomically; only its owner can read it.
func writeJSON(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return writeFile(path, append(raw, '\n'))
}

func writeFile(path string, raw []byte) error {
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
