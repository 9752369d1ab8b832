package systemtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/load"
)

// TestALongTransactionHoldsUpItsMoveAlone drains a cell while a person's transaction in it has changed a customer and is
// not committed: everybody else goes on, the move's error says who it is, and what was changed arrives.
func TestALongTransactionHoldsUpItsMoveAlone(t *testing.T) {
	f := start(t)
	f.fill(2000)
	f.count -= 300 // the last ones are not the client's
	late, partition := f.first(t, f.count, 300)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	from := late.Cell()
	tx, pid := f.changeIn(ctx, t, late, 4711)

	stop := f.load(t)
	draining, enough := context.WithCancel(ctx)
	defer enough()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = f.sys.Run(draining, "drain", from) // cut off when the partition has moved
	}()
	f.must(t, Until(ctx, func() error {
		var all struct {
			Moves []struct {
				Partition int
				Error     string
			}
		}
		if err := f.sys.Admin(ctx, "/admin/moves?limit=10000", &all); err != nil {
			return err
		}
		for _, mv := range all.Moves {
			if mv.Partition == partition && strings.Contains(mv.Error, "the nightly report") {
				t.Logf("the move's error: %s", mv.Error)
				if !strings.Contains(mv.Error, fmt.Sprintf("pid %d, age ", pid)) {
					t.Errorf("the transaction of pid %d is not named", pid)
				}
				return nil
			}
		}
		return fmt.Errorf("no move names the transaction")
	}))
	f.must(t, tx.Commit(ctx))
	late.Acknowledge(load.Expected{Exists: true, N: 4711})
	f.must(t, Until(ctx, func() error {
		var at struct {
			Cell string `json:"cell_id"`
		}
		if err := f.sys.Admin(ctx, "/admin/locate/"+late.ID(), &at); err != nil {
			return err
		}
		if at.Cell == from {
			return fmt.Errorf("%s is still in %s", late.ID(), at.Cell)
		}
		return nil
	}))
	enough()
	<-drained
	stats := stop()
	t.Logf("drain: %s", stats)
	f.mustBeSpotless(t, stats)
	e, err := f.sys.Endpoints()
	f.must(t, err)
	reader := load.New(e.Router, f.model)
	reader.Visit(ctx, "load", f.count+300, workers)
	f.mustBeSpotless(t, reader.Take())
}

// first is the customer, of so many from the given number on, whose partition moves first of its cell's.
func (f *fixture) first(t *testing.T, from, count int) (first *load.Customer, partition int) {
	t.Helper()
	for i := from; i < from+count; i++ {
		c := f.model.Customer(load.ID("load", i))
		var at struct{ Partition int }
		f.must(t, f.sys.Admin(t.Context(), "/admin/locate/"+c.ID(), &at))
		if first == nil || c.Cell() == first.Cell() && at.Partition < partition {
			first, partition = c, at.Partition
		}
	}
	return first, partition
}

// changeIn changes a customer in a session beside the router's, and leaves it open.
func (f *fixture) changeIn(ctx context.Context, t *testing.T, c *load.Customer, n int) (tx pgx.Tx, pid uint32) {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	cfg, err := pgx.ParseConfig(e.Postgres)
	f.must(t, err)
	cfg.RuntimeParams["application_name"] = "the nightly report"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	f.must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(ctx)) })
	tx, err = conn.Begin(ctx)
	f.must(t, err)
	table := pgx.Identifier{strings.ReplaceAll(c.Cell(), "-", "_"), "customers"}.Sanitize()
	tag, err := tx.Exec(ctx, `UPDATE `+table+` SET profile = jsonb_set(profile, '{n}', to_jsonb($2::int)) WHERE customer_id = $1`, c.ID(), n)
	f.must(t, err)
	if tag.RowsAffected() != 1 {
		t.Fatalf("%s is not in %s", c.ID(), c.Cell())
	}
	return tx, conn.PgConn().PID()
}
