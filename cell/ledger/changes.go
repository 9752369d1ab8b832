package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
)

// changes finds, at the source and in one snapshot, what a former snapshot did not show: rows with
// cellway_xid >= the copy's xmin that are not visible in the mark. The keys noted since (cellway_touched) lead to them,
// so that nobody looks through the partition under the fence; the same transactions' tombstones name what is gone.
type changes struct {
	l          *Ledger
	m          manifest
	base, mark string // literals
}

// since is the condition on a transaction's number. What is older than the mark's own xmin was visible in it.
func (c changes) since(xid string) string {
	return xid + ` >= pg_snapshot_xmin(` + c.base + `::pg_snapshot) AND ` + xid + ` >= pg_snapshot_xmin(` + c.mark +
		`::pg_snapshot) AND NOT pg_visible_in_snapshot(` + xid + `, ` + c.mark + `::pg_snapshot)`
}

func (c changes) noted(in string, t Table) string {
	return fmt.Sprintf(`(SELECT DISTINCT n.key FROM %s n WHERE n.partition = %d AND n.table_name = %s AND %s)`,
		c.l.table(in), c.m.Partition, literal(t.Name), c.since("n.xid"))
}

// rows are those to be inserted or updated, as t. OFFSET 0 keeps the planner at one look into the primary key a row.
func (c changes) rows(t Table) string {
	return fmt.Sprintf(`%s k CROSS JOIN LATERAL (SELECT * FROM %s t WHERE %s AND t.cellway_partition = %d AND %s OFFSET 0) t`,
		c.noted("cellway_touched", t), c.l.table(t.Name), t.sameKey("k.key"), c.m.Partition, c.since("t.cellway_xid"))
}

// keys are those of the rows that are gone (d), and of rows (u).
func (c changes) keys(t Table) string {
	gone := list(t.Primary, ", ", func(name string) string { return "k.key ->> " + literal(name) })
	changed := list(t.Primary, ", ", func(name string) string { return "t." + quoted(name) + "::text" })
	return `SELECT ` + gone + `, 'd' FROM ` + c.noted("cellway_tombstones", t) + ` k UNION ALL SELECT ` + changed + `, 'u' FROM ` + c.rows(t)
}

func (c changes) digest(ctx context.Context, tx pgx.Tx, t Table) (protocol.Digest, error) {
	d := protocol.Digest{Table: t.Name}
	sql := `SELECT count(*), coalesce(sum(` + rowHash(t.names()) + `), 0)::text FROM ` + c.rows(t)
	err := tx.QueryRow(ctx, sql, pgx.QueryExecModeExec).Scan(&d.Rows, &d.Sum)
	return d, wrap(err, "digest changes of %s", t.Name)
}

// tables are those of which anything was noted. Mostly that is none or one; the others need not be asked.
func (c changes) tables(ctx context.Context, tx pgx.Tx) ([]string, error) {
	noted := func(in string) string {
		return fmt.Sprintf(`SELECT n.table_name FROM %s n WHERE n.partition = %d AND %s`, c.l.table(in), c.m.Partition, c.since("n.xid"))
	}
	rows, err := tx.Query(ctx, noted("cellway_touched")+` UNION `+noted("cellway_tombstones"), pgx.QueryExecModeExec)
	if err != nil {
		return nil, fmt.Errorf("look whether anything changed: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, wrap(err, "look whether anything changed")
}

// byKey keeps the planner to looks into keys for the rest of the transaction: it knows neither how few changes there
// are nor, soon after an import, how many rows, and one look through a table would make the pause grow with it.
func byKey() string {
	return setLocal("enable_seqscan", "off", "enable_hashjoin", "off", "enable_mergejoin", "off")
}

// exportChanges writes what m.Snapshot, which is the transaction's, shows and m.Mark does not.
func (l *Ledger) exportChanges(ctx context.Context, tx pgx.Tx, m manifest, base string, out *frameWriter) error {
	c := changes{l: l, m: m, base: literal(base), mark: literal(m.Mark)}
	changed, err := c.tables(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range slices.Backward(m.Tables) {
		if err := out.json(frameKeys, t.Name); err != nil {
			return err
		}
		if !slices.Contains(changed, t.Name) {
			continue
		}
		if err := copyOut(ctx, tx, out, t, c.keys(t)); err != nil {
			return err
		}
	}
	end := ending{}
	for _, t := range m.Tables {
		if err := out.json(frameTable, t.Name); err != nil {
			return err
		}
		if !slices.Contains(changed, t.Name) {
			end.Digests = append(end.Digests, protocol.Digest{Table: t.Name, Sum: "0"})
			continue
		}
		sql := `SELECT ` + of("t", t.names()) + `, t.cellway_partition FROM ` + c.rows(t)
		if err := copyOut(ctx, tx, out, t, sql); err != nil {
			return err
		}
		d, err := c.digest(ctx, tx, t)
		if err != nil {
			return err
		}
		end.Digests = append(end.Digests, d)
	}
	return out.json(frameEnd, end)
}
