package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cellway/cellway/placement"
)

// removedProfile is that of the parts of removed cells: nobody starts it.
const removedProfile = "removed"

// AddCell starts one more cell, for this and later starts of the project, and returns when it is healthy. ErrExists if it
// runs already. The weight counts where the registry does not know the cell yet.
func (p *Project) AddCell(ctx context.Context, name string, weight int) error {
	if err := placement.ValidateCellName(name); err != nil {
		return err
	}
	if weight < 1 || weight > placement.MaxWeight {
		return fmt.Errorf("weight %d is not between 1 and %d", weight, placement.MaxWeight)
	}
	m, err := p.Resolve(ctx)
	if err != nil {
		return err
	}
	if err := m.mayAdd(name); err != nil {
		return err
	}
	running, err := p.runs(ctx, name)
	if err != nil {
		return err
	}
	if running && slices.Contains(m.cells(), name) {
		return fmt.Errorf("%s %w", name, ErrExists)
	}
	before, err := p.kept()
	if err != nil {
		return err
	}
	own, err := p.resolve(ctx, p.Files)
	if err != nil {
		return err
	}
	after := before.with(name, weight, own.cells())
	if err := p.keep(ctx, after); err != nil {
		return err
	}
	err = p.awaitHealthy(ctx, name)
	if _, known := before.Added[name]; err == nil || known || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, p.stop(ctx, name), p.keep(ctx, before)) // its name is free again
}

// mayAdd refuses a name that belongs to something else, or could be taken for a part of another cell.
func (m Model) mayAdd(name string) error {
	cells := m.cells()
	if len(cells) == 0 {
		return errors.New("the project has no cell to make another one like")
	}
	if m.Services[name] != nil && !slices.Contains(cells, name) {
		return fmt.Errorf("%s is a part of the system that is no cell", name)
	}
	for _, cell := range cells {
		if strings.HasPrefix(name, cell+"-") || strings.HasPrefix(cell, name+"-") {
			return fmt.Errorf("%s cannot be told from the parts of %s: neither name may begin with the other and a dash", name, cell)
		}
	}
	return nil
}

func (p *Project) runs(ctx context.Context, service string) (bool, error) {
	id, err := ask(ctx, "ps", "--quiet", "--filter", "label="+labelProject+"="+p.Name, "--filter", "label="+labelService+"="+service)
	return id != "", err
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
	before, err := p.kept()
	if err != nil {
		return err
	}
	if slices.Contains(before.Removed, name) {
		return nil
	}
	if err := p.stop(ctx, name); err != nil {
		return err
	}
	return p.keep(ctx, before.without(name))
}

// stop removes the containers of a cell's parts.
func (p *Project) stop(ctx context.Context, name string) error {
	m, err := p.Resolve(ctx)
	if err != nil {
		return err
	}
	return p.run(ctx, restartFor, append([]string{"rm", "--stop", "--force"}, m.parts(name)...)...)
}

// cellList is how the cells of a project differ from those of its files.
type cellList struct {
	Added   map[string]int `json:"added,omitempty"` // their weights
	Removed []string       `json:"removed,omitempty"`
}

// with returns the list after a cell was added; own are the cells of the project's files.
func (l cellList) with(name string, weight int, own []string) cellList {
	out := l.without(name)
	out.Removed = slices.DeleteFunc(out.Removed, func(removed string) bool { return removed == name })
	if !slices.Contains(own, name) {
		out.Added[name] = weight
	}
	return out
}

// without returns the list after a cell was removed.
func (l cellList) without(name string) cellList {
	out := cellList{Added: map[string]int{}, Removed: slices.Clone(l.Removed)}
	for cell, weight := range l.Added {
		if cell != name {
			out.Added[cell] = weight
		}
	}
	if _, added := l.Added[name]; !added && !slices.Contains(out.Removed, name) {
		out.Removed = append(out.Removed, name)
	}
	return out
}

// keep writes the list, and the compose file that it comes to.
func (p *Project) keep(ctx context.Context, l cellList) error {
	if err := writeJSON(p.listFile(), l); err != nil {
		return err
	}
	return p.lay(ctx)
}

// lay writes the compose file of added and removed cells anew, so that they follow the project's files.
func (p *Project) lay(ctx context.Context) error {
	l, err := p.kept()
	if err != nil {
		return err
	}
	if len(l.Added)+len(l.Removed) == 0 {
		if err := os.Remove(p.layFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget added cells: %w", err)
		}
		return nil
	}
	m, err := p.resolve(ctx, p.Files)
	if err != nil {
		return err
	}
	out, err := m.overlay(l)
	if err != nil {
		return err
	}
	return writeJSON(p.layFile(), out)
}
