package cell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// keeperConns serve what must not wait for moves: the lease, the gates' states, overdue fences.
const keeperConns = 4

// Bounds that the server keeps for us, beside the contexts.
const (
	connectTimeout  = 2 * time.Second
	platformTimeout = "60s" // one statement of a move: a partition's COPY is the longest
	keeperTimeout   = "5s"
	idleTimeout     = "15s" // a transaction that waits for its client
)

// pools are an instance's connections to its cell's database.
type pools struct {
	platform *pgxpool.Pool // moves
	keeper   *pgxpool.Pool // lease and states
	app      *pgxpool.Pool // the application, as its own role
	appRole  string
}

// openPools connects to nothing yet.
func openPools(ctx context.Context, cfg Config) (*pools, error) {
	p := &pools{}
	var err error
	p.platform, err = newPool(ctx, "PlatformURL", cfg.PlatformURL, cfg.Cell+" moves", cfg.PlatformConns, platformTimeout)
	if err != nil {
		return nil, err
	}
	p.keeper, err = newPool(ctx, "PlatformURL", cfg.PlatformURL, cfg.Cell+" lease", keeperConns, keeperTimeout)
	if err != nil {
		p.close()
		return nil, err
	}
	inTime := fmt.Sprintf("%dms", cfg.RequestTimeout.Milliseconds())
	p.app, err = newPool(ctx, "AppURL", cfg.AppURL, cfg.Cell+" application", cfg.AppConns, inTime)
	if err != nil {
		p.close()
		return nil, err
	}
	p.appRole = p.app.Config().ConnConfig.User
	return p, nil
}

func newPool(ctx context.Context, field, url, name string, conns int, statementTimeout string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, field, err)
	}
	cfg.MaxConns = int32(conns)
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	params := cfg.ConnConfig.RuntimeParams
	params["application_name"] = "cellway " + name
	params["statement_timeout"] = statementTimeout
	params["idle_in_transaction_session_timeout"] = idleTimeout
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, field, err)
	}
	return pool, nil
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
	return pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.Is(err, context.DeadlineExceeded)
}
