package cell

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cellway/cellway/internal/testenv"
)

// A statement that runs out of time ends on the server too, and its session is there for the next one.
func TestStatementOutOfTimeKeepsItsSession(t *testing.T) {
	url := testenv.Postgres(t)
	pool, err := newPool(t.Context(), "PlatformURL", url, "cell-a moves", 1, platformTimeout, nil, keepSession)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var before, after int
	if err := pool.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&before); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := pool.Exec(ctx, "SELECT pg_sleep(60)"); !isCancelled(err) {
		t.Fatalf("a statement without time ended with %v", err)
	}
	bounded, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := pool.QueryRow(bounded, "SELECT pg_backend_pid()").Scan(&after); err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("session %d was given up, and %d made for the next statement", before, after)
	}
}

func isCancelled(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "57014" && passing(err)
}
