package customers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// database runs single statements and says, when one fails, what is known of its effect.
type database struct {
	pool    *pgxpool.Pool
	timeout time.Duration
}

// read runs a statement that changes nothing and gives one row.
func (d database) read(ctx context.Context, scan func(pgx.Row) error, sql string, args ...any) error {
	return d.reading(ctx, func(ctx context.Context, conn *pgxpool.Conn) error { return scan(conn.QueryRow(ctx, sql, args...)) })
}

// readAll runs a statement that changes nothing and gives any number of rows.
func (d database) readAll(ctx context.Context, scan func(pgx.Row) error, sql string, args ...any) error {
	return d.reading(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (d database) reading(ctx context.Context, read func(context.Context, *pgxpool.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return notDone(fmt.Errorf("get a connection: %w", err))
	}
	defer conn.Release()
	return explain(ctx, conn.Conn(), read(ctx, conn))
}

// write runs a statement in a transaction of its own and commits it.
func (d database) write(ctx context.Context, scan func(pgx.Row) error, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return notDone(fmt.Errorf("get a connection: %w", err))
	}
	// Release closes a session that is still in a transaction instead of handing it on.
	defer conn.Release()
	if err := begin(ctx, conn.Conn(), scan, sql, args); err != nil {
		err = explain(ctx, conn.Conn(), err)
		d.rollback(ctx, conn.Conn())
		return err
	}
	return d.commit(ctx, conn.Conn())
}

// begin opens the transaction and runs the statement in one round trip.
func begin(ctx context.Context, conn *pgx.Conn, scan func(pgx.Row) error, sql string, args []any) error {
	var batch pgx.Batch
	batch.Queue("BEGIN")
	batch.Queue(sql, args...)
	results := conn.SendBatch(ctx, &batch)
	_, err := results.Exec()
	if err == nil {
		err = scan(results.QueryRow())
	}
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = ctx.Err() // nobody waits for it any more
	}
	return err
}

// rollback gives the session back in order. Where that fails, Release closes it: the effect is the same.
func (d database) rollback(ctx context.Context, conn *pgx.Conn) {
	if conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK")
}

// commit has a bound of its own and goes on when the client has left: a COMMIT that is cut off is the one thing
// of which nobody knows whether it was done.
func (d database) commit(ctx context.Context, conn *pgx.Conn) error {
	if conn.IsClosed() {
		return notDone(pgconn.ErrConnClosed)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
	defer cancel()
	tag, err := conn.Exec(ctx, "COMMIT")
	// From here on pgconn.SafeToRetry must not be asked: where the session ends while the answer is awaited, it
	// says true (pgx 5.12 reports "conn closed" then, as if nothing had been sent).
	switch {
	case err == nil && tag.String() == "ROLLBACK":
		return notDone(pgx.ErrTxCommitRollback)
	case err == nil:
		return nil
	case refusedCommit(err):
		return explain(ctx, conn, err)
	}
	return outcomeUnknown(fmt.Errorf("commit: %w", err))
}

// refusedCommit reports whether the server itself said that the transaction was not committed. FATAL and PANIC
// end the session, or the server, and may come when the commit is already on disk.
func refusedCommit(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.SeverityUnlocalized == "ERROR"
}

// explain gives an error from before the COMMIT its meaning for the client: not done, at fault, or (returned as it
// is) for the caller to name.
func explain(ctx context.Context, conn *pgx.Conn, err error) error {
	if err == nil {
		return nil
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && badData(pgErr.Code):
		return &Error{Code: CodeInvalid, Message: "the database cannot store these values", Cause: err}
	case ok && passing(pgErr.Code), conn.IsClosed(), ctx.Err() != nil:
		return notDone(err)
	}
	return err
}

// badData: the values were refused, which this package's own checks should have done.
func badData(sqlState string) bool {
	class := sqlClass(sqlState)
	return class == "22" || class == "54" // data exception, program limit exceeded
}

// passing: the request may well succeed when it is repeated.
func passing(sqlState string) bool {
	switch sqlState {
	case "25006", "55P03": // read-only transaction (a standby), lock not available
		return true
	}
	switch sqlClass(sqlState) {
	// Connection, transaction rollback (serialization, deadlock), resources, operator, system; CW is the
	// class of errors by which the platform below refuses a write for the moment.
	case "08", "40", "53", "57", "58", "CW":
		return true
	}
	return false
}

// sqlClass is the first two of an SQLSTATE's five characters.
func sqlClass(sqlState string) string { return sqlState[:min(2, len(sqlState))] }
