package testenv

import (
	"context"
	"errors"
	"syscall"

	"github.com/cellway/cellway/internal/localserver"
)

// localPostgres is a backend: a program of this machine.
type localPostgres struct {
	cfg localserver.PostgresConfig
	pg  *localserver.Postgres
}

func (b *localPostgres) start(ctx context.Context) (err error) {
	b.pg, err = localserver.StartPostgres(ctx, b.cfg)
	if err == nil {
		b.cfg.Port = b.pg.Port
	}
	return err
}

func (b *localPostgres) stop(ctx context.Context) error { return b.pg.Stop(ctx) }
func (b *localPostgres) kill(context.Context) error     { b.pg.Kill(); return nil }
func (b *localPostgres) pause(context.Context) error    { return b.pg.Freeze() }
func (b *localPostgres) resume(context.Context) error   { return b.pg.Thaw() }

func (b *localPostgres) remove(ctx context.Context) error {
	var err error
	if b.pg != nil {
		err = errors.Join(b.pg.Thaw(), b.pg.Stop(ctx))
	}
	return errors.Join(err, localserver.RemovePostgres(b.cfg.Dir))
}

// localConsul is a backend: a program of this machine.
type localConsul struct {
	cfg    localserver.ConsulConfig
	consul *localserver.Consul
}

func (b *localConsul) start(ctx context.Context) (err error) {
	b.consul, err = localserver.StartConsul(ctx, b.cfg)
	if err == nil {
		b.cfg.Port = b.consul.Port
	}
	return err
}

func (b *localConsul) stop(ctx context.Context) error { return b.consul.Stop(ctx) }
func (b *localConsul) kill(context.Context) error     { b.consul.Kill(); return nil }
func (b *localConsul) pause(context.Context) error    { return b.consul.Signal(syscall.SIGSTOP) }
func (b *localConsul) resume(context.Context) error   { return b.consul.Signal(syscall.SIGCONT) }

func (b *localConsul) remove(context.Context) error {
	if b.consul != nil {
		b.consul.Kill() // nothing of it is kept: no need to be orderly
	}
	return localserver.RemoveConsul(b.cfg.Dir)
}
