package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// rollbackTimeout bounds the end of a transaction that failed, on a server that still answers.
const rollbackTimeout = 500 * time.Millisecond

// beginner is a pool or a connection.
type beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// transact runs fn in a transaction and commits it, unless fn fails. Other than [pgx.BeginTxFunc] it rolls back with time
// of its own: where a statement ran out of time the context has ended, and the session would be given up with it.
func transact(ctx context.Context, db beginner, options pgx.TxOptions, fn func(tx pgx.Tx) error) error {
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		_ = tx.Rollback(ending) // nothing, where it was committed
	}()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
