package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	replicaLook    = 20 * time.Millisecond // the first pause between two looks at the replicas
	replicaLookMax = 500 * time.Millisecond
)

// replicasBehind lists the physical replicas that have not written down the log up to $1, with what they lack in bytes:
// those that are connected, and those that are not but have a slot that keeps log for them. A base backup in the making
// is none, nor is an archive of the log, which cannot be promoted, or a subscriber of changes, which is no copy of the
// server. What the role may not see counts as behind.
const replicasBehind = `SELECT name, coalesce(pg_wal_lsn_diff($1, lsn), -1)::bigint FROM (
		SELECT coalesce(nullif(r.application_name, ''), 'replica') || coalesce(' at ' || host(r.client_addr), '') AS name, r.flush_lsn AS lsn
		FROM pg_stat_replication r
		WHERE r.state IS DISTINCT FROM 'backup'
			AND coalesce(r.application_name, '') NOT IN ('pg_basebackup', 'pg_receivewal', 'barman_receive_wal')
			AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
		UNION ALL
		SELECT 'the absent replica of slot ' || slot_name, restart_lsn FROM pg_replication_slots
		WHERE slot_type = 'physical' AND NOT active AND restart_lsn IS NOT NULL) replicas
	WHERE lsn IS NULL OR lsn < $1 ORDER BY 1`

// Position is where the server's log is on disk now: everything that is committed lies before it.
func (l *Ledger) Position(ctx context.Context) (string, error) {
	var at string
	err := l.pool.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()::text`).Scan(&at)
	return at, wrap(err, "read the log's position")
}

// Replicated waits until every replica of the server has written down its log up to the position. After a move the
// target's copy is the only one as soon as the source has swept its own: a replica that lacks it could be promoted. The
// error is CodeReplica if one does not come up in the configured LockWait; it names each, and what it lacks. Whoever asks
// again asks for the same position: else a replica that is always some seconds behind would never do. A server
// without replicas costs one query. Replicas whose server has forgotten them cannot be waited for.
func (l *Ledger) Replicated(ctx context.Context, p placement.Partition, at string) error {
	deadline := time.Now().Add(l.lockWait)
	for pause := replicaLook; ; pause = min(2*pause, replicaLookMax) {
		behind, err := l.behind(ctx, at)
		if err != nil || len(behind) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return l.lagging(ctx, p, behind)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s: %w", strings.Join(behind, ", "), ctx.Err())
		}
	}
}

func (l *Ledger) behind(ctx context.Context, at string) ([]string, error) {
	rows, err := l.pool.Query(ctx, replicasBehind, at)
	if err != nil {
		return nil, fmt.Errorf("look at the replicas: %w", err)
	}
	behind, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var name string
		var bytes int64
		if err := row.Scan(&name, &bytes); err != nil {
			return "", err
		}
		if bytes < 0 {
			return name + " (it has not said how far it is)", nil
		}
		return fmt.Sprintf("%s (%d bytes)", name, bytes), nil
	})
	return behind, wrap(err, "look at the replicas")
}

func (l *Ledger) lagging(ctx context.Context, p placement.Partition, behind []string) error {
	refused := &protocol.Problem{
		Code: protocol.CodeReplica,
		Message: fmt.Sprintf("the source keeps its rows until every replica of %s has the moved ones; behind: %s. A slot whose replica is gone for good is to be dropped",
			l.identity.Cell, strings.Join(behind, ", ")),
	}
	if row, err := l.Row(ctx, p); err == nil {
		refused.Row = &row
	}
	return refused
}
