package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// rollbackTimeout bounds the end of a transaction that failed, on a server that still answers.
const rollbackTimeout = 500 * time.Millisecond

// snapshot begins one consistent reading of the database.
const snapshot = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

// pgSession runs the statements of a transaction.
type pgSession = pgx.Conn

// transaction is one that begins and ends in company: what comes first travels with its BEGIN, what comes last with its
// COMMIT. Customers wait while the steps of a closed partition are done, and each of these is two round trips.
type transaction struct {
	*pgSession
	conn *pgxpool.Conn
}

var _ pgx.Tx = (*transaction)(nil)

// opening is a batch that begins a transaction; what else is queued belongs to it.
func opening(begin string) *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(begin)
	return b
}

// begin opens a transaction on a session of the pool. Whoever gets it closes it.
func begin(ctx context.Context, pool *pgxpool.Pool, first *pgx.Batch) (*transaction, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	tx := &transaction{pgSession: conn.Conn(), conn: conn}
	if err := tx.SendBatch(ctx, first).Close(); err != nil {
		tx.close(ctx)
		return nil, err
	}
	return tx, nil
}

// transact runs fn in a transaction and commits it, unless fn fails or has ended it.
func transact(ctx context.Context, pool *pgxpool.Pool, first *pgx.Batch, fn func(tx *transaction) error) error {
	tx, err := begin(ctx, pool, first)
	if err != nil {
		return err
	}
	defer tx.close(ctx)
	if err := fn(tx); err != nil || tx.ended() {
		return err
	}
	return tx.Commit(ctx)
}

// end runs the last statements and commits, in one round trip. An error leaves open whether that was done: what the server
// refuses is not committed, but a result that cannot be read here does not keep it from committing.
func (tx *transaction) end(ctx context.Context, last *pgx.Batch) error {
	last.Queue(`COMMIT`).Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, last).Close()
}

// Begin implements pgx.Tx. There are no transactions in transactions here.
func (tx *transaction) Begin(context.Context) (pgx.Tx, error) { return nil, pgx.ErrTxClosed }

// Commit implements pgx.Tx.
func (tx *transaction) Commit(ctx context.Context) error { return tx.end(ctx, &pgx.Batch{}) }

// Rollback implements pgx.Tx.
func (tx *transaction) Rollback(ctx context.Context) error {
	if tx.ended() {
		return pgx.ErrTxClosed
	}
	_, err := tx.Exec(ctx, `ROLLBACK`)
	return err
}

// ended: the server has no transaction of this session.
func (tx *transaction) ended() bool { return tx.PgConn().TxStatus() == 'I' }

// close rolls back what was not committed, and gives the session back. It has time of its own: where a statement ran out
// of time the context has ended, and the session would be given up with it.
func (tx *transaction) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(ctx)
	tx.conn.Release()
}

// Conn implements pgx.Tx.
func (tx *transaction) Conn() *pgx.Conn { return tx.pgSession }

// LargeObjects implements pgx.Tx. Nothing here has any.
func (tx *transaction) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
