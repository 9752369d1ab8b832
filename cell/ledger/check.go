package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// maxExcept is how many rows of a table may have been written since the target owned, for it still to be compared.
const maxExcept = 5000

// Look is a snapshot of the target, held open: taken between ready and owned, it shows what was sealed, however long
// the counting takes and whatever is written meanwhile. Taken later, the rows that were written since are left out.
type Look struct {
	l  *Ledger
	p  placement.Partition
	tx *transaction
}

// Look takes a snapshot of the target, which is ready or owns by this move. Whoever gets it closes it.
func (l *Ledger) Look(ctx context.Context, p placement.Partition, cmd protocol.Command) (*Look, error) {
	if err := l.hasPartition(p); err != nil {
		return nil, err
	}
	var r record
	first := opening(snapshot)
	l.queueRow(first, p, "", &r)
	tx, err := begin(ctx, l.pool, first)
	if err != nil {
		return nil, fmt.Errorf("look at partition %d: %w", p, err)
	}
	look := &Look{l: l, p: p, tx: tx}
	if !r.Busy(cmd.Move) || r.State != protocol.StateReady && !r.arrived(cmd) {
		look.Close(ctx)
		return nil, fmt.Errorf("look at partition %d: %w", p, conflict(r, cmd, "ready or owned by this move"))
	}
	return look, nil
}

// Close gives the snapshot up.
func (k *Look) Close(ctx context.Context) {
	k.tx.close(ctx)
}

// Check counts what the snapshot shows, of the tables and columns that the source has.
func (k *Look) Check(ctx context.Context, source []Table) (*protocol.Check, error) {
	if err := k.l.settle(ctx, k.tx); err != nil {
		return nil, err
	}
	check := &protocol.Check{Except: map[string][]json.RawMessage{}, Columns: map[string][]string{}}
	own, err := k.l.catalog(ctx, k.tx)
	if err != nil {
		return nil, err
	}
	for _, t := range source {
		i := slices.IndexFunc(own, func(o Table) bool { return o.Name == t.Name })
		if i < 0 {
			check.LeftOut = append(check.LeftOut, t.Name)
			continue
		}
		if err := k.count(ctx, common(t, own[i]), check); err != nil {
			return nil, err
		}
	}
	return check, nil
}

// common is the table with the columns that both sides have.
func common(t, other Table) Table {
	t.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c Column) bool {
		return !slices.ContainsFunc(other.Columns, func(o Column) bool { return o.Name == c.Name && o.Type == c.Type })
	})
	return t
}

func (k *Look) count(ctx context.Context, t Table, check *protocol.Check) error {
	rows, err := k.tx.Query(ctx, `SELECT key FROM (
			SELECT key FROM `+k.l.table("cellway_touched")+` WHERE partition = $1 AND table_name = $2
			UNION SELECT key FROM `+k.l.table("cellway_tombstones")+` WHERE partition = $1 AND table_name = $2) k
		LIMIT $3`, k.p, t.Name, maxExcept+1)
	if err != nil {
		return fmt.Errorf("read what was written in %s: %w", t.Name, err)
	}
	except, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
	if err != nil {
		return fmt.Errorf("read what was written in %s: %w", t.Name, err)
	}
	if len(except) > maxExcept {
		check.LeftOut = append(check.LeftOut, t.Name)
		return nil
	}
	d, err := k.l.digest(ctx, k.tx, t, k.p, except)
	if err != nil {
		return err
	}
	check.Digests, check.Columns[t.Name] = append(check.Digests, d), t.names()
	if len(except) > 0 {
		check.Except[t.Name] = except
	}
	return nil
}

// compareFrozen counts the source's rows, which nobody writes any more, in the way that the target has counted.
func (l *Ledger) compareFrozen(ctx context.Context, p placement.Partition, cmd protocol.Command) error {
	if err := l.hasPartition(p); err != nil {
		return err
	}
	var r record
	first := l.settling()
	l.queueRow(first, p, "", &r)
	return transact(ctx, l.pool, first, func(tx *transaction) error {
		if !r.gone(cmd) || r.Swept || r.Checked {
			return nil // the step itself says what that means
		}
		tables, err := l.catalog(ctx, tx)
		if err != nil {
			return err
		}
		return l.compareTables(ctx, tx, r, tables, *cmd.Check)
	})
}

func (l *Ledger) compareTables(ctx context.Context, tx pgx.Tx, r record, tables []Table, check protocol.Check) error {
	for _, theirs := range check.Digests {
		i := slices.IndexFunc(tables, func(t Table) bool { return t.Name == theirs.Table })
		if i < 0 {
			return problem(protocol.CodeDiffers, r, "table %s is tracked at the target and not at the source", theirs.Table)
		}
		t := tables[i]
		t.Columns = nil
		for _, name := range check.Columns[t.Name] {
			t.Columns = append(t.Columns, tables[i].column(name))
		}
		ours, err := l.digest(ctx, tx, t, r.Partition, check.Except[t.Name])
		if err != nil {
			return err
		}
		if what := difference([]Table{t}, []protocol.Digest{ours}, []protocol.Digest{theirs}); what != "" {
			return problem(protocol.CodeDiffers, r, "after the hand-over: %s", what)
		}
	}
	for _, t := range tables {
		known := slices.Contains(check.LeftOut, t.Name) || slices.Contains(slices.Collect(maps.Keys(check.Columns)), t.Name)
		if !known {
			return problem(protocol.CodeDiffers, r, "table %s: the target counted none of it", t.Name)
		}
	}
	return nil
}
