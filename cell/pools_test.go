package cell

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/placement"
)

// A statement that runs out of time ends on the server too, and its session is there for the next one, also where the
// statement was a transaction's.
func TestAStatementOutOfTimeKeepsItsSession(t *testing.T) {
	s := newSystem(t)
	s.start("cell-a")
	pool, err := newPool(t.Context(), "PlatformURL", s.databaseOf("cell-a")[0], "test", 1, platformTimeout, nil, keepSession(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	l, err := ledger.Open(t.Context(), pool, ledger.OpenConfig{Schema: placement.SchemaName("cell-a"), Cell: "cell-a", LockWait: patience})
	if err != nil {
		t.Fatal(err)
	}
	session := func() (pid int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := pool.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	before := session()
	s.cutShort(t, before, func(ctx context.Context) error {
		_, err := pool.Exec(ctx, "SELECT pg_sleep(600)")
		return err
	})
	if after := session(); after != before {
		t.Errorf("session %d was given up for a statement, and %d made", before, after)
	}
	s.cutShort(t, before, func(ctx context.Context) error {
		_, err := l.SelfRelease(ctx)
		return err
	})
	if after := session(); after != before {
		t.Errorf("session %d was given up for a transaction, and %d made", before, after)
	}
}

// cutShort ends the context of what is done in the session once it waits there, if need be for a lock on the partitions.
func (s *system) cutShort(t *testing.T, session int, do func(ctx context.Context) error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE cell_a.cellway_partitions`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- do(ctx) }()
	eventually(t, "the session waits", func() bool {
		var waits bool
		err := tx.QueryRow(t.Context(), `SELECT wait_event_type IN ('Lock', 'Timeout') FROM pg_stat_get_activity($1)`, session).Scan(&waits)
		return err == nil && waits
	})
	cancel()
	err = <-ended
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "57014" || !passing(err) {
		t.Errorf("it ended with %v", err)
	}
}
