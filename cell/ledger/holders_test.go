package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
)

// dawdle is a person's session that has written and does not commit.
func (s stage) dawdle(t testing.TB, key string) (tx pgx.Tx, pid uint32) {
	t.Helper()
	cfg, err := pgx.ParseConfig(s.source.appURL)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = "the nightly report"
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if tx, err = conn.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, tx, `INSERT INTO people (person, name) VALUES ($1, 'late')`, key)
	return tx, conn.PgConn().PID()
}

// named expects a refusal that says who holds the row, in the form that people read.
func named(t testing.TB, err error, pid uint32) {
	t.Helper()
	refused(t, protocol.CodeLocked, err)
	for _, part := range []string{fmt.Sprintf("pid %d, age ", pid), "s, application \"the nightly report\"", "idle in transaction"} {
		if !contains(err, part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

func TestALongWriteTransactionIsNamedAndHoldsUpItsMoveAlone(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	s.source.lockWait = 200 * time.Millisecond
	cmd := command("m1", 2)
	cmd.Peer = "cell-b"
	tx, pid := s.dawdle(t, keyOf(s.p, 1))
	_, err := s.source.Record(t.Context(), s.p, cmd)
	named(t, err, pid)
	exec(t, s.source.app, update, key) // others go on
	commit(t, tx)
	s.begin(t, cmd)
	s.copy(t, cmd)

	tx, pid = s.dawdle(t, keyOf(s.p, 2))
	eventually(t, "it is old enough to matter", func() bool {
		err = s.source.Quiet(t.Context(), s.p)
		return err != nil
	})
	named(t, err, pid)
	exec(t, s.source.app, update, key)
	if err := s.source.SetClosing(t.Context(), s.p, cmd, time.Second); err != nil {
		t.Fatal(err)
	}
	_, err = s.source.Fence(t.Context(), s.p, cmd)
	named(t, err, pid)
	if err := s.source.ClearClosing(t.Context(), s.p, cmd); err != nil {
		t.Fatal(err)
	}
	exec(t, s.source.app, update, key)
	commit(t, tx)
	if err := s.source.Quiet(t.Context(), s.p); err != nil {
		t.Error(err)
	}
	s.arrive(t, s.fence(t, cmd))
	s.mustBeAlike(t)
	s.settle(t, s.attempt(t, fencedAs(s, t, cmd)))
}

// fencedAs is the command with the fence number that the source's row has.
func fencedAs(s stage, t testing.TB, cmd protocol.Command) protocol.Command {
	t.Helper()
	row, err := s.source.Row(t.Context(), s.p)
	if err != nil {
		t.Fatal(err)
	}
	cmd.FenceNo = row.FenceNo
	return cmd
}

func TestAMoveThatALongTransactionHoldsUpCanBeGivenUp(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	tx, pid := s.dawdle(t, keyOf(s.p, 1))
	s.source.lockWait = 200 * time.Millisecond
	_, err := s.source.Release(t.Context(), s.p, cmd)
	named(t, err, pid)
	commit(t, tx)
	s.undo(t, cmd)
	exec(t, s.source.app, update, key)
	if n := s.source.noted(t) + one[int](t, s.target.app, `SELECT count(*) FROM people`); n != 0 {
		t.Errorf("%d rows or notes are left", n)
	}
}

func TestTransactionsThatComeAndGoAreNotHeldAgainstAPartition(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := s.source.app.Exec(context.WithoutCancel(ctx), update, key); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 5 {
		if err := s.source.Quiet(t.Context(), s.p); err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
