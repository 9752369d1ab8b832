package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Model is what of a resolved compose file is needed here. What is not needed stays as it is.
type Model struct {
	Services map[string]map[string]any `json:"services"`
	Networks map[string]any            `json:"networks,omitempty"`
	Volumes  map[string]any            `json:"volumes,omitempty"`
}

// Resolve returns the project with all variables, defaults and overrides put in, removed cells included.
func (p *Project) Resolve(ctx context.Context) (Model, error) {
	files, err := p.allFiles()
	if err != nil {
		return Model{}, err
	}
	return p.resolve(ctx, files)
}

func (p *Project) resolve(ctx context.Context, files []string) (Model, error) {
	var m Model
	text, err := askWith(ctx, p.Env, p.arguments(files, "--profile", removedProfile, "config", "--format", "json")...)
	if err != nil {
		return m, fmt.Errorf("read the project: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("read the project: %w", err)
	}
	return m, nil
}

// cells names the services that are cells: those that run `cellway cell`.
func (m Model) cells() []string {
	var names []string
	for name, service := range m.Services {
		if command, ok := service["command"].([]any); ok && len(command) == 1 && command[0] == "cell" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// owner is the cell that a service, volume or network is there for: the one with the longest name that it bears, "" if it
// is no cell's.
func (m Model) owner(name string) string {
	found := ""
	for _, cell := range m.cells() {
		if (name == cell || strings.HasPrefix(name, cell+"-")) && len(cell) > len(found) {
			found = cell
		}
	}
	return found
}

// parts names the services that are there for a cell: itself, and those named after it ("cell-a-setup").
func (m Model) parts(cell string) []string {
	var names []string
	for name := range m.Services {
		if m.owner(name) == cell {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// overlay is the compose file that makes of a project of the model one with these cells added and removed.
func (m Model) overlay(l cellList) (Model, error) {
	out := Model{Services: map[string]map[string]any{}, Networks: map[string]any{}, Volumes: map[string]any{}}
	own := m.cells()
	if len(own) == 0 {
		return out, errors.New("the project has no cell to make another one like")
	}
	for cell, weight := range l.Added {
		if slices.Contains(own, cell) {
			continue // the project's files have it by now
		}
		copied, err := m.CopyCell(own[0], cell, weight)
		if err != nil {
			return out, err
		}
		maps.Copy(out.Services, copied.Services)
		maps.Copy(out.Networks, copied.Networks)
		maps.Copy(out.Volumes, copied.Volumes)
	}
	for _, cell := range l.Removed {
		for _, part := range m.parts(cell) {
			out.Services[part] = map[string]any{"profiles": []string{removedProfile}}
		}
	}
	return out, nil
}

// CopyCell returns what the project needs for one more cell: everything that bears the name of the cell from, under the
// name of the cell to.
func (m Model) CopyCell(from, to string, weight int) (Model, error) {
	own := Model{Services: map[string]map[string]any{}, Networks: map[string]any{}, Volumes: map[string]any{}}
	for _, name := range m.parts(from) {
		own.Services[name] = m.Services[name]
	}
	for name, volume := range m.Volumes {
		if m.owner(name) == from {
			own.Volumes[name] = volume
		}
	}
	for name, network := range m.Networks {
		if m.owner(name) == from {
			own.Networks[name] = network
		}
	}
	raw, err := json.Marshal(own)
	if err != nil {
		return Model{}, fmt.Errorf("copy %s: %w", from, err)
	}
	var copied Model
	if err := json.Unmarshal(wordOf(from).ReplaceAll(raw, []byte("${1}"+to)), &copied); err != nil {
		return Model{}, fmt.Errorf("copy %s: %w", from, err)
	}
	environment, ok := copied.Services[to]["environment"].(map[string]any)
	if !ok {
		return Model{}, fmt.Errorf("copy %s: it has no environment", from)
	}
	environment["CELLWAY_WEIGHT"] = strconv.Itoa(weight)
	return copied, nil
}

// wordOf finds a cell's name where it stands alone or in front of a dash: "cell-a", "cell-a-secrets", and after the
// project's name, "cellway_cell-a-secrets". It is not found in "cell-ab" or "my-cell-a".
func wordOf(cell string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[^A-Za-z0-9-])` + regexp.QuoteMeta(cell) + `\b`)
}
