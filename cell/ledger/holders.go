package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	nameWait   = time.Second // how long a lock is waited for, at most, only to see who holds it
	sampleStep = 10 * time.Millisecond
)

// holder is a transaction that keeps a partition's row from us.
type holder struct {
	pid         int32
	application string
	user        string
	state       string
	age         time.Duration // 0: not known
}

// Quiet makes sure, without closing anything, that no transaction has written to the partition for longer than a
// fence would wait for: CodeLocked names those that have. Transactions that come and go do not matter.
func (l *Ledger) Quiet(ctx context.Context, p placement.Partition) error {
	held, holders := l.holders(ctx, p, l.fenceWait, false)
	if !held {
		return nil
	}
	var long []holder
	for _, h := range holders {
		if h.age == 0 || h.age >= l.fenceWait {
			long = append(long, h)
		}
	}
	if len(long) == 0 {
		return nil
	}
	refused := &protocol.Problem{Code: protocol.CodeLocked, Message: fmt.Sprintf("partition %d has a long write transaction: %s", p, describeHolders(long))}
	if row, err := l.Row(ctx, p); err == nil {
		refused.Row = &row
	}
	return refused
}

// holders waits for the row's lock for a while and looks who has it; first: no longer than until it has seen somebody.
// Best effort: where it cannot look, nobody has.
// Waiting keeps no writer out: those that share the lock overtake.
func (l *Ledger) holders(ctx context.Context, p placement.Partition, wait time.Duration, first bool) (held bool, who []holder) {
	ctx, cancel := context.WithTimeout(ctx, wait+time.Second)
	defer cancel()
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return false, nil
	}
	defer conn.Release()
	var ended error
	done := make(chan struct{})
	pid := int32(conn.Conn().PgConn().PID())
	go func() {
		defer close(done)
		ended = l.tryLock(ctx, conn, p, wait)
	}()
	tick := time.NewTicker(sampleStep)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return ended != nil && sqlState(ended) == sqlLockNotAvailable, who
		case <-tick.C:
			now, err := l.blocking(ctx, pid)
			if err != nil || len(now) == 0 {
				continue
			}
			if who = now; first {
				cancel()
				<-done
				return true, who
			}
		}
	}
}

func (l *Ledger) tryLock(ctx context.Context, conn *pgxpool.Conn, p placement.Partition, wait time.Duration) error {
	_, err := conn.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d; SELECT FROM %s WHERE partition = %d FOR UPDATE`,
		wait.Milliseconds(), l.table("cellway_partitions"), p)) // one transaction, in one round trip
	return err
}

func (l *Ledger) blocking(ctx context.Context, pid int32) ([]holder, error) {
	rows, err := l.pool.Query(ctx, `SELECT pid, coalesce(application_name, ''), coalesce(usename, ''), coalesce(state, ''),
			coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8
		FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1)) ORDER BY xact_start`, pid)
	if err != nil {
		return nil, fmt.Errorf("look who blocks: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (holder, error) {
		var h holder
		var age float64
		err := row.Scan(&h.pid, &h.application, &h.user, &h.state, &age)
		h.age = time.Duration(age * float64(time.Second))
		return h, err
	})
}

func describeHolders(holders []holder) string {
	parts := make([]string, 0, len(holders))
	for _, h := range holders {
		age := "unknown"
		if h.age > 0 {
			age = fmt.Sprintf("%.1fs", h.age.Seconds())
		}
		parts = append(parts, fmt.Sprintf("pid %d, age %s, application %q, user %s, %s", h.pid, age, h.application, h.user, h.state))
	}
	return strings.Join(parts, "; ")
}
