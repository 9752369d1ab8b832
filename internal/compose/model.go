package compose

import (
	"context"
	"encoding/json"
	"fmt"
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
	var m Model
	args, err := p.arguments("--profile", removedProfile, "config", "--format", "json")
	if err != nil {
		return m, err
	}
	text, err := askWith(ctx, p.Env, args...)
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

// parts names the services that are there for a cell: itself, and those named after it ("cell-a-setup").
func (m Model) parts(cell string) []string {
	var names []string
	for name := range m.Services {
		if name == cell || strings.HasPrefix(name, cell+"-") && !slices.Contains(m.cells(), name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// CopyCell returns what the project needs for one more cell: everything that bears the name of the cell from, under the
// name of the cell to.
func (m Model) CopyCell(from, to string, weight int) (Model, error) {
	own := Model{Services: map[string]map[string]any{}, Networks: map[string]any{}, Volumes: map[string]any{}}
	for _, name := range m.parts(from) {
		own.Services[name] = m.Services[name]
	}
	word := wordOf(from)
	for name, volume := range m.Volumes {
		if word.MatchString(name) {
			own.Volumes[name] = volume
		}
	}
	for name, network := range m.Networks {
		if word.MatchString(name) {
			own.Networks[name] = network
		}
	}
	raw, err := json.Marshal(own)
	if err != nil {
		return Model{}, fmt.Errorf("copy %s: %w", from, err)
	}
	var copied Model
	if err := json.Unmarshal(word.ReplaceAll(raw, []byte("${1}"+to)), &copied); err != nil {
		return Model{}, fmt.Errorf("copy %s: %w", from, err)
	}
	environment, ok := copied.Services[to]["environment"].(map[string]any)
	if !ok {
		return Model{}, fmt.Errorf("copy %s: it has no environment", from)
	}
	environment[weightVariable] = strconv.Itoa(weight)
	return copied, nil
}

// wordOf finds a cell's name where it stands alone or in front of a dash: "cell-a", "cell-a-secrets", and after the
// project's name, "cellway_cell-a-secrets". It is not found in "cell-ab" or "my-cell-a".
func wordOf(cell string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[^A-Za-z0-9-])` + regexp.QuoteMeta(cell) + `\b`)
}

// weightVariable is the cell's weight in its environment.
const weightVariable = "CELLWAY_WEIGHT"

// weight of a cell that was made by CopyCell.
func (m Model) weight(cell string) (int, error) {
	environment, _ := m.Services[cell]["environment"].(map[string]any)
	text, _ := environment[weightVariable].(string)
	weight, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s of %s: %w", weightVariable, cell, err)
	}
	return weight, nil
}
