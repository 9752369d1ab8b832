package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/placement"
)

// liftSequences lifts the tables' sequences above what the partition holds. It looks through the partition: before
// the fence only.
func (l *Ledger) liftSequences(ctx context.Context, tx pgx.Tx, tables []Table, p placement.Partition) error {
	for _, t := range tables {
		sql := `SELECT ` + l.table("cellway_lift_sequences") + `($1, $2)`
		if _, err := tx.Exec(ctx, sql, t.Name, p); err != nil {
			return fmt.Errorf("lift sequences of %s: %w", t.Name, err)
		}
	}
	return nil
}
