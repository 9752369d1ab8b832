package ledger

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
)

// sampleBytes is how much of a table's rows is read to count them; of more, so much is taken at random. It holds tens
// of thousands of rows and more, and is read in a fraction of a second.
const sampleBytes = 64 << 20

// Contents is what the tracked tables hold, by partition, for plans: rows are exact for tables of up to sampleBytes and
// estimated for larger ones; bytes are the tables' and their long values', as on disk, without indexes, shared out by
// rows.
type Contents struct {
	Rows  []int64 `json:"rows"`
	Bytes []int64 `json:"bytes"`
}

// Contents counts. Rows of partitions that this cell does not own (arriving, or left to be swept) are counted, too.
func (l *Ledger) Contents(ctx context.Context) (Contents, error) {
	c := Contents{Rows: make([]int64, l.identity.Partitions), Bytes: make([]int64, l.identity.Partitions)}
	rows, err := l.pool.Query(ctx, `SELECT t.name, pg_relation_size(c.oid), pg_table_size(c.oid) FROM `+l.table("cellway_tables")+` t
		JOIN pg_class c ON c.relname = t.name AND c.relnamespace = `+l.namespace()+`::regnamespace`)
	if err != nil {
		return c, fmt.Errorf("measure tracked tables: %w", err)
	}
	type size struct {
		Name        string
		Heap, Whole int64
	}
	sizes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[size])
	if err != nil {
		return c, fmt.Errorf("measure tracked tables: %w", err)
	}
	for _, s := range sizes {
		if err := l.count(ctx, c, s.Name, s.Whole, share(s.Heap, sampleBytes)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// share is the part of a table that is read, 1 for all of it.
func share(heap, most int64) float64 {
	if heap <= most {
		return 1
	}
	return float64(most) / float64(heap)
}

// count adds one table's rows, of which a share is read, and its bytes.
func (l *Ledger) count(ctx context.Context, c Contents, table string, bytes int64, share float64) error {
	sql := `SELECT cellway_partition, count(*) FROM ` + l.table(table)
	if share < 1 {
		sql += fmt.Sprintf(` TABLESAMPLE SYSTEM (%g)`, 100*share)
	}
	rows, err := l.pool.Query(ctx, sql+` GROUP BY 1`)
	if err != nil {
		return fmt.Errorf("count rows of %s: %w", table, err)
	}
	counts := map[int]int64{}
	var all int64
	var p int
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&p, &n}, func() error {
		if p >= 0 && p < len(c.Rows) {
			counts[p] = n
			all += n
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count rows of %s: %w", table, err)
	}
	for p, n := range counts {
		c.Rows[p] += int64(math.Round(float64(n) / share))
		c.Bytes[p] += int64(float64(bytes) * float64(n) / float64(all))
	}
	return nil
}
