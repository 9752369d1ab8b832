package cell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/cell/ledger"
)

// keeperConns serve what must not wait for moves: the lease, and the gates' states.
const keeperConns = 4

// Bounds that the server keeps for us, beside the contexts.
const (
	dialTimeout     = 2 * time.Second        // for the server to be reached at all
	connectTimeout  = 15 * time.Second       // and for it to make a session
	cancelTimeout   = 500 * time.Millisecond // for the server to give up a statement whose context has ended
	platformTimeout = "60s"                  // one statement of a move: a partition's COPY is the longest
	keeperTimeout   = "5s"
	// platformLockTimeout bounds waits for locks before a step's transaction has set its own: a statement that is new to
	// its session is looked at before that begins.
	platformLockTimeout = "3s"
	idleTimeout         = "15s" // a transaction that waits for its client
)

// pools are an instance's connections to its cell's database.
//
// A restore or a failover breaks every connection, so whoever looks at each new one misses neither: platform, which
// alone changes states, refuses a server that did not write the schema, and on such a server the application can
// only read. keeper connects to any, so that the states can still be shown and compared.
//
// A session is dear to a server that is short of time: a process, a key derivation, catalogs to read. So none is thrown
// away half made, however little time is left to who asked for it (the pool goes on connecting for the next), and the
// platform's survive a statement that ran out of time: it is cancelled, and the session kept. Else a server that lost
// all sessions under load would be kept busy with new ones, none of which lives to be of use.
type pools struct {
	platform *pgxpool.Pool // moves, and the ends of fences
	keeper   *pgxpool.Pool // lease, and reading of states
	app      *pgxpool.Pool // the application, as its own role
	appRole  string

	wrote      atomic.Pointer[ledger.Identity] // names the server that wrote the schema; nil before it is opened
	appConnect atomic.Pointer[connectFunc]     // nil before the schema is opened
}

// connectFunc looks at a new connection before it is used.
type connectFunc func(ctx context.Context, conn *pgx.Conn) error

// openPools connects to nothing yet.
func openPools(ctx context.Context, cfg Config) (*pools, error) {
	p := &pools{}
	var err error
	p.platform, err = newPool(ctx, "PlatformURL", cfg.PlatformURL, cfg.Cell+" moves", cfg.PlatformConns, platformTimeout, p.sameServer, keepSession(cancelTimeout))
	if err != nil {
		return nil, err
	}
	p.keeper, err = newPool(ctx, "PlatformURL", cfg.PlatformURL, cfg.Cell+" lease", keeperConns, keeperTimeout, nil, keepSession(cancelTimeout))
	if err != nil {
		p.close()
		return nil, err
	}
	inTime := fmt.Sprintf("%dms", cfg.RequestTimeout.Milliseconds())
	p.app, err = newPool(ctx, "AppURL", cfg.AppURL, cfg.Cell+" application", cfg.AppConns, inTime, p.appConnects, nil)
	if err != nil {
		p.close()
		return nil, err
	}
	p.appRole = p.app.Config().ConnConfig.User
	return p, nil
}

func newPool(ctx context.Context, field, url, name string, conns int, statementTimeout string,
	connects connectFunc, outOfTime func(*pgconn.PgConn) ctxwatch.Handler,
) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, field, err)
	}
	cfg.MaxConns = int32(conns)
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.ConnConfig.DialFunc = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext
	if connects != nil {
		cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, connectTimeout)
			defer cancel()
			return connects(ctx, conn)
		}
	}
	if outOfTime != nil {
		cfg.ConnConfig.BuildContextWatcherHandler = outOfTime
	}
	params := cfg.ConnConfig.RuntimeParams
	params["application_name"] = "cellway " + name
	params["statement_timeout"] = statementTimeout
	params["idle_in_transaction_session_timeout"] = idleTimeout
	if outOfTime != nil {
		params["lock_timeout"] = platformLockTimeout
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, field, err)
	}
	return pool, nil
}

// keepSession lets the server cancel a statement whose context has ended, instead of dropping the session with it. A
// server that has not done so by then loses it all the same. A cancellation that comes too late may meet the session's
// next statement: that one fails as one does whose server is crowded, nothing of it is done, and it is tried again.
func keepSession(within time.Duration) func(*pgconn.PgConn) ctxwatch.Handler {
	return func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: within}
	}
}

// sameServer refuses a server that did not write the schema, and a standby, which has no place in the log to name.
func (p *pools) sameServer(ctx context.Context, conn *pgx.Conn) error {
	wrote := p.wrote.Load()
	if wrote == nil {
		return nil // opening the schema looks itself
	}
	var system string
	var timeline int64
	err := conn.QueryRow(ctx, `SELECT system_identifier::text,
		('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint FROM pg_control_system()`).
		Scan(&system, &timeline)
	if err != nil {
		return fmt.Errorf("ask the server who it is: %w", err)
	}
	if system != wrote.SystemIdentifier || timeline != wrote.Timeline {
		return fmt.Errorf("%w: written by system %s on timeline %d, now on %s, %d", ledger.ErrRestored,
			wrote.SystemIdentifier, wrote.Timeline, system, timeline)
	}
	return nil
}

func (p *pools) appConnects(ctx context.Context, conn *pgx.Conn) error {
	if look := p.appConnect.Load(); look != nil {
		return (*look)(ctx, conn)
	}
	return nil
}

func (p *pools) close() {
	for _, pool := range []*pgxpool.Pool{p.app, p.platform, p.keeper} {
		if pool != nil {
			pool.Close()
		}
	}
}

// passing says whether a failure of the database may end by itself: it is away, starting, stopping or crowded. What
// it has understood and refused stays refused.
func passing(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:2] {
		case "08", "53", "57", "40", "55":
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}
