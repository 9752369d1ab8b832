package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/cellway/cellway/internal/compose"
	"github.com/cellway/cellway/internal/dev"
)

// system is the system on this machine, as far as it can be given orders that no admin API takes.
type system interface {
	AddCell(ctx context.Context, name string, weight int) error
	RemoveCell(ctx context.Context, name string) error
	Restart(ctx context.Context, name string) error
}

// Values of --system.
const (
	systemDev     = "dev"
	systemCompose = "compose"
)

// systemFlags say which system on this machine is meant, and where it keeps its state.
type systemFlags struct {
	kind string
	dir  string
}

func (f *systemFlags) register(flags *pflag.FlagSet) {
	stateFlag(flags, &f.dir)
	flags.StringVar(&f.kind, "system", "", "which running system is meant: dev (make run) or compose (make up); needed where both run")
}

// find returns the one system that runs here.
func (f *systemFlags) find(ctx context.Context, out io.Writer) (system, error) {
	switch f.kind {
	case "", systemDev, systemCompose:
	default:
		return nil, fmt.Errorf("--system %q: use %s or %s", f.kind, systemDev, systemCompose)
	}
	local, noLocal := f.findDev(ctx)
	inContainers, noContainers := f.findCompose(ctx, out)
	switch {
	case f.kind == systemDev:
		return local, noLocal
	case f.kind == systemCompose:
		return inContainers, noContainers
	case noLocal == nil && noContainers == nil:
		return nil, fmt.Errorf("two systems run here, one by make run and one by make up: choose by CELLWAY_SYSTEM=%s or CELLWAY_SYSTEM=%s", systemDev, systemCompose)
	case noLocal == nil:
		return local, nil
	case noContainers == nil:
		return inContainers, nil
	case errors.Is(noContainers, compose.ErrNotRunning) || errors.Is(noContainers, compose.ErrNoDocker):
		return nil, fmt.Errorf("%w, and none in containers (make up)", noLocal)
	}
	return nil, errors.Join(noLocal, noContainers)
}

func (f *systemFlags) findDev(ctx context.Context) (system, error) {
	client, err := dev.NewClient(f.dir)
	if err != nil {
		return nil, err
	}
	return client, client.Answers(ctx)
}

func (f *systemFlags) findCompose(ctx context.Context, out io.Writer) (*compose.Project, error) {
	p, running, err := compose.Find(ctx, f.dir, out)
	if err == nil && !running {
		err = compose.ErrNotRunning
	}
	return p, err
}

// exists says whether an order was refused because the cell is there already.
func exists(err error) bool {
	return errors.Is(err, dev.ErrExists) || errors.Is(err, compose.ErrExists)
}
