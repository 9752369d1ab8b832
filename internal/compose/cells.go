package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cellway/cellway/placement"
)

const (
	cellFileExt    = ".json"
	removedProfile = "removed"
)

// cellFiles lists the files of added and removed cells.
func (p *Project) cellFiles() ([]string, error) {
	if p.State == "" {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(p.State, "*"+cellFileExt))
	if err != nil {
		return nil, fmt.Errorf("list added cells: %w", err)
	}
	return files, nil
}

func (p *Project) cellFile(name string) string { return filepath.Join(p.State, name+cellFileExt) }

// AddCell starts one more cell, for this and later starts of the project, and returns when it is healthy. ErrExists if it
// runs already. A weight of a cell that the registry knows already is not changed.
func (p *Project) AddCell(ctx context.Context, name string, weight int) error {
	if err := placement.ValidateCellName(name); err != nil {
		return err
	}
	m, err := p.Resolve(ctx)
	if err != nil {
		return err
	}
	cells := m.cells()
	running, err := p.runs(ctx, name)
	switch {
	case err != nil:
		return err
	case running && slices.Contains(cells, name):
		return fmt.Errorf("%s %w", name, ErrExists)
	case m.Services[name] != nil && !slices.Contains(cells, name):
		return fmt.Errorf("%s is a part of the system that is no cell", name)
	case m.Services[name] != nil:
		err = p.readmit(m, name)
	case len(cells) == 0:
		return errors.New("the project has no cell to make another one like")
	default:
		err = p.keepCopy(m, cells[0], name, weight)
	}
	if err != nil {
		return err
	}
	return p.awaitHealthy(ctx, name)
}

func (p *Project) runs(ctx context.Context, service string) (bool, error) {
	id, err := ask(ctx, "ps", "--quiet", "--filter", "label="+labelProject+"="+p.Name, "--filter", "label="+labelService+"="+service)
	return id != "", err
}

func (p *Project) keepCopy(m Model, from, name string, weight int) error {
	copied, err := m.CopyCell(from, name, weight)
	if err != nil {
		return err
	}
	return p.keep(name, copied)
}

// readmit takes back the removal of a cell, if it was removed and does not merely not run.
func (p *Project) readmit(m Model, name string) error {
	profiles, removed := m.Services[name]["profiles"].([]any)
	if !removed || !slices.Contains(profiles, any(removedProfile)) {
		return nil
	}
	if err := os.Remove(p.cellFile(name)); err != nil {
		return fmt.Errorf("take back the removal of %s: %w", name, err)
	}
	return nil
}

// RemoveCell stops a cell and forgets it, for this and later starts. Its volumes stay, as its schema does.
func (p *Project) RemoveCell(ctx context.Context, name string) error {
	m, err := p.Resolve(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(m.cells(), name) {
		return fmt.Errorf("%s: %w; there are the cells %v", name, ErrUnknown, m.cells())
	}
	parts := m.parts(name)
	if err := p.run(ctx, startFor, append([]string{"rm", "--stop", "--force"}, parts...)...); err != nil {
		return err
	}
	if err := os.Remove(p.cellFile(name)); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	removed := Model{Services: map[string]map[string]any{}}
	for _, part := range parts {
		removed.Services[part] = map[string]any{"profiles": []string{removedProfile}}
	}
	return p.keep(name, removed)
}

// refresh makes the copies again, so that added cells follow the project's files when these change.
func (p *Project) refresh(ctx context.Context) error {
	files, err := p.cellFiles()
	if err != nil || len(files) == 0 {
		return err
	}
	plain := *p
	plain.State = "" // without any cell's file
	m, err := plain.Resolve(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, file := range files {
		problems = append(problems, p.refreshCell(m, file))
	}
	return errors.Join(problems...)
}

func (p *Project) refreshCell(m Model, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read added cell: %w", err)
	}
	var kept Model
	if err := json.Unmarshal(raw, &kept); err != nil {
		return fmt.Errorf("read added cell %s: %w", file, err)
	}
	cells := kept.cells()
	base := m.cells()
	if len(cells) != 1 || len(base) == 0 || slices.Contains(base, cells[0]) {
		return nil // a removed cell of the project's own
	}
	weight, err := kept.weight(cells[0])
	if err != nil {
		return fmt.Errorf("read added cell %s: %w", file, err)
	}
	return p.keepCopy(m, base[0], cells[0], weight)
}

// keep writes a cell's file in one step.
func (p *Project) keep(name string, m Model) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if err := os.MkdirAll(p.State, 0o755); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	file := p.cellFile(name)
	if err := os.WriteFile(file+".new", append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return os.Rename(file+".new", file)
}
