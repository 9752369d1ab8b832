package cell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
)

// keepLease renews the lease until ctx ends.
func (in *instance) keepLease(ctx context.Context) {
	var failing bool
	for {
		err := in.renewLease(ctx)
		pause := in.cfg.LeaseEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				in.log.WarnContext(ctx, "lease cannot be renewed; trying on", "remaining", in.gate.Remaining(), "error", err)
			}
			pause /= 5
		case failing:
			in.log.InfoContext(ctx, "lease is renewed again")
		}
		failing = err != nil
		if !rest(ctx, jitter(pause)) {
			return
		}
	}
}

// renewLease renews the lease, or takes it and reads all states where it had lapsed. It counts from before the
// renewal was sent, and only if the server is still the one that wrote the schema.
func (in *instance) renewLease(ctx context.Context) error {
	until := time.Now().Add(in.cfg.LeaseTTL)
	ctx, cancel := context.WithTimeout(ctx, in.cfg.LeaseTTL/3)
	defer cancel()
	if err := in.keeper.RenewLease(ctx, in.cfg.Instance, in.internal, in.cfg.LeaseTTL); err != nil {
		return err
	}
	if err := in.checkServer(ctx); err != nil {
		return err
	}
	if in.gate.Renew(until) {
		return nil
	}
	passed, err := in.gate.Acquire(until, func() ([]protocol.Row, error) { return in.keeper.Rows(ctx) })
	if err != nil {
		return fmt.Errorf("take the lease: %w", err)
	}
	for _, p := range passed {
		in.hint(p)
	}
	in.log.InfoContext(ctx, "lease taken", "ttl", in.cfg.LeaseTTL, "owned", in.gate.States()[protocol.StateOwned])
	in.heldOnce.Do(func() { close(in.held) })
	return nil
}

// checkServer sees to it that a restored or promoted copy gets no write and releases nothing. There is no way back
// while the process lives: a person decides, and the next start looks again.
func (in *instance) checkServer(ctx context.Context) error {
	if in.restored.Load() != nil {
		return nil
	}
	err := in.keeper.CheckServer(ctx)
	if !errors.Is(err, ledger.ErrRestored) {
		return err
	}
	why := err.Error()
	in.gate.RefuseWrites("the cell's database is a restored or promoted copy; nothing was done")
	if !in.restored.CompareAndSwap(nil, &why) {
		return nil
	}
	in.log.ErrorContext(ctx, "the cell accepts no writes and no commands from now on", "error", err)
	return nil
}

// appConnects looks at each new connection of the application. It has a role that cannot ask the server who it is.
func (in *instance) appConnects(ctx context.Context, conn *pgx.Conn) error {
	if err := in.checkServer(ctx); err != nil {
		return err
	}
	if in.restored.Load() == nil {
		return nil
	}
	_, err := conn.Exec(ctx, `SET default_transaction_read_only = on`)
	return err
}

// giveLeaseBack is for the end: nobody has to wait for this instance any more.
func (in *instance) giveLeaseBack(ctx context.Context) {
	in.gate.Lapse()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := in.keeper.DropLease(ctx, in.cfg.Instance); err != nil {
		in.log.WarnContext(ctx, "lease not given back; it ends by itself", "ttl", in.cfg.LeaseTTL, "error", err)
	}
}
