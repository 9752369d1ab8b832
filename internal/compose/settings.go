package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// variables of docker-compose.yml that stay for the life of a project: later commands, and the next start, work with
// what was chosen at an earlier one, until its volumes are removed.
var variables = []string{ //nolint:gochecknoglobals // a constant list
	"CELLWAY_IMAGE", "CELLWAY_GO_IMAGE", "CELLWAY_POSTGRES_IMAGE", "CELLWAY_CONSUL_IMAGE", "CELLWAY_PARTITIONS",
	"CELLWAY_SESSION_TTL", "CELLWAY_CONSUL_SESSION_TTL_MIN", "CELLWAY_ROUTER_ADDR", "CELLWAY_ADMIN_ADDR", "CELLWAY_CONSUL_ADDR",
}

// settings are what was chosen at the last start.
type settings struct {
	Files     []string          `json:"files"`
	Variables map[string]string `json:"variables,omitempty"`
}

func (p *Project) listFile() string     { return filepath.Join(p.State, "cells.json") }
func (p *Project) layFile() string      { return filepath.Join(p.State, "compose.json") }
func (p *Project) settingsFile() string { return filepath.Join(p.State, "settings.json") }

// kept reads how the project's cells differ from those of its files.
func (p *Project) kept() (cellList, error) {
	l := cellList{Added: map[string]int{}}
	return l, readJSON(p.listFile(), &l)
}

// allFiles are the project's files and that of its added and removed cells.
func (p *Project) allFiles() ([]string, error) {
	_, err := os.Stat(p.layFile())
	switch {
	case err == nil:
		return append(slices.Clone(p.Files), p.layFile()), nil
	case errors.Is(err, fs.ErrNotExist):
		return p.Files, nil
	}
	return nil, fmt.Errorf("find added cells: %w", err)
}

// recall takes on what was chosen at the last start, where this process's environment does not choose anew.
func (p *Project) recall() error {
	var s settings
	if err := readJSON(p.settingsFile(), &s); err != nil {
		return err
	}
	for name, value := range s.Variables {
		if os.Getenv(name) == "" {
			p.Env = append(p.Env, name+"="+value)
		}
	}
	if len(s.Files) > 0 && os.Getenv("COMPOSE_FILE") == "" {
		p.Files = s.Files
	}
	return nil
}

// Setting is the value of a variable, of this process's environment or of the last start; "" if it has none.
func (p *Project) Setting(name string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	for _, setting := range p.Env {
		if value, ok := strings.CutPrefix(setting, name+"="); ok {
			return value
		}
	}
	return ""
}

// remember keeps what this start works with.
func (p *Project) remember() error {
	var s settings
	if err := readJSON(p.settingsFile(), &s); err != nil {
		return err
	}
	if s.Variables == nil {
		s.Variables = map[string]string{}
	}
	s.Files = p.Files
	for _, name := range variables {
		if value := os.Getenv(name); value != "" {
			s.Variables[name] = value
		}
	}
	return writeJSON(p.settingsFile(), s)
}

// readJSON reads a file into v, which stays as it is where there is no such file.
func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("read state in %s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a file in one step.
func writeJSON(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path+".new", append(raw, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("keep state: %w", err)
	}
	return nil
}
