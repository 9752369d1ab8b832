package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// digest is the content of one tracked table in one partition, over the table's travelling columns: how many rows,
// and the sum of a hash of each. Rows whose keys (objects, in a JSON array) are in except are left out.
func (l *Ledger) digest(ctx context.Context, tx pgx.Tx, t Table, p placement.Partition, except []json.RawMessage) (protocol.Digest, error) {
	d := protocol.Digest{Table: t.Name}
	sql := `SELECT count(*), coalesce(sum(` + rowHash(t.names()) + `), 0)::text FROM ` + l.table(t.Name) + ` t WHERE cellway_partition = $1`
	args := []any{p}
	if len(except) > 0 {
		sql += ` AND NOT EXISTS (SELECT FROM jsonb_array_elements($2::jsonb) k WHERE ` + t.sameKey("k") + `)`
		raw, err := json.Marshal(except)
		if err != nil {
			return d, fmt.Errorf("encode keys of %s: %w", t.Name, err)
		}
		args = append(args, raw)
	}
	err := tx.QueryRow(ctx, sql, args...).Scan(&d.Rows, &d.Sum)
	return d, wrap(err, "digest table %s of partition %d", t.Name, p)
}

func (l *Ledger) digests(ctx context.Context, tx pgx.Tx, tables []Table, p placement.Partition) ([]protocol.Digest, error) {
	out := make([]protocol.Digest, 0, len(tables))
	for _, t := range tables {
		d, err := l.digest(ctx, tx, t, p, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// passingFence lets the rest of the transaction, whose partition's row is locked, write past the fence.
func passingFence() string {
	return setLocal("cellway.import", "on", "statement_timeout", longStatement)
}

// wipe deletes the partition's rows from the tracked tables, those that refer first. The row is locked.
func (l *Ledger) wipe(ctx context.Context, tx pgx.Tx, p placement.Partition, tables []Table) error {
	if _, err := tx.Exec(ctx, passingFence()); err != nil {
		return fmt.Errorf("pass the fence: %w", err)
	}
	for _, t := range slices.Backward(tables) {
		if _, err := tx.Exec(ctx, `DELETE FROM `+l.table(t.Name)+` WHERE cellway_partition = $1`, p); err != nil {
			return fmt.Errorf("delete rows of %s in partition %d: %w", t.Name, p, err)
		}
	}
	return nil
}

// mustBeEmpty refuses to begin an import where rows are that no state accounts for: they may be the only copy.
func (l *Ledger) mustBeEmpty(ctx context.Context, tx pgx.Tx, r record) error {
	tables, err := l.catalog(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		var some bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+l.table(t.Name)+` WHERE cellway_partition = $1)`, r.Partition).Scan(&some)
		if err != nil {
			return fmt.Errorf("look for rows of %s in partition %d: %w", t.Name, r.Partition, err)
		}
		if some {
			return problem(protocol.CodeConflict, r, "table %s holds rows of partition %d, which is %s here: they are not wiped",
				t.Name, r.Partition, r.State)
		}
	}
	return nil
}
