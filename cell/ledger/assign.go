package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
)

// Assign gives the cell its share of the cluster's first map: rows that never had an owner here become owned at the
// assignment's epoch. Rows that are owned at that epoch already are fine; anything else refuses the whole
// assignment, with that row (CodeConflict, CodeStale).
func (l *Ledger) Assign(ctx context.Context, a protocol.Assignment) error {
	if a.Cluster != l.identity.ClusterID {
		return invalid("the assignment is for cluster %q, this cell belongs to %q", a.Cluster, l.identity.ClusterID)
	}
	if refused := (needs{epoch: true}).missing(protocol.Command{Epoch: a.Epoch, Token: a.Token}); refused != nil {
		return refused
	}
	wanted := make([]int32, 0, len(a.Partitions))
	for _, p := range a.Partitions {
		if err := l.hasPartition(p); err != nil {
			return err
		}
		wanted = append(wanted, int32(p))
	}
	err := l.inStep(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, l.selectRows()+` WHERE partition = ANY ($1) ORDER BY partition FOR UPDATE`, wanted)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (record, error) { return scanRecord(row) })
		if err != nil {
			return err
		}
		fresh := make([]int32, 0, len(found))
		for _, r := range found {
			assign, refused := assignable(r, a)
			if refused != nil {
				return refused
			}
			if assign {
				fresh = append(fresh, int32(r.Partition))
			}
		}
		_, err = tx.Exec(ctx, `UPDATE `+l.table("cellway_partitions")+` SET state = 'owned', epoch = $2, high_epoch = $2, token = $3
			WHERE partition = ANY ($1)`, fresh, int64(a.Epoch), int64(a.Token))
		return err
	})
	if protocol.CodeOf(err) != "" {
		return err
	}
	return wrap(err, "assign %d partitions", len(wanted))
}

// assignable says whether the row is to become owned; false for one that is already.
func assignable(r record, a protocol.Assignment) (bool, *protocol.Problem) {
	switch {
	case a.Token < r.Token:
		return false, problem(protocol.CodeStale, r, "token %d is below the row's %d", a.Token, r.Token)
	case r.State == protocol.StateOwned && r.Epoch == a.Epoch:
		return false, nil
	case r.State == protocol.StateAbsent && r.HighEpoch == 0:
		return true, nil
	}
	return false, problem(protocol.CodeConflict, r, "partition %d is %s, its highest epoch %d: it has had an owner",
		r.Partition, r.State, r.HighEpoch)
}

// CountOwned counts the rows of a tracked table in the partitions that this cell owns (owned or fenced). What is
// importing here, or moved and not yet swept, is counted elsewhere.
func (l *Ledger) CountOwned(ctx context.Context, table string) (int64, error) {
	var tracked bool
	err := l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+l.table("cellway_tables")+` WHERE name = $1)`, table).Scan(&tracked)
	if err != nil {
		return 0, fmt.Errorf("look for tracked table %s: %w", table, err)
	}
	if !tracked {
		return 0, invalid("table %q is not tracked", table)
	}
	var n int64
	err = l.pool.QueryRow(ctx, `SELECT count(*) FROM `+l.table(table)+` t JOIN `+l.table("cellway_partitions")+` p
		ON p.partition = t.cellway_partition WHERE p.state IN ('owned', 'fenced')`).Scan(&n)
	return n, wrap(err, "count rows of %s", table)
}
