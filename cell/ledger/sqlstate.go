package ledger

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs of the fence, for whoever runs the application's statements. None of them wrote anything.
const (
	// SQLNotOwned: the partition is not this cell's; the error's detail is the value of a Cellway-Owner header
	// where the owner is known.
	SQLNotOwned = "CW421"
	// SQLFenced: a move is in progress; try again at once.
	SQLFenced = "CW503"
	// SQLRefused: never possible on a tracked table: a change of the key, TRUNCATE, or a table that cannot be
	// tracked.
	SQLRefused = "CW400"
)

// SQLSTATEs of Postgres that mean something here.
const (
	sqlLockNotAvailable = "55P03"
	sqlDeadlock         = "40P01"
	sqlDuplicateObject  = "42710"
	sqlUniqueViolation  = "23505"
	sqlInternal         = "XX000" // "tuple concurrently updated"
)

// sqlState returns the SQLSTATE of the error in err's chain, "" if there is none.
func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
