package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/systemtest"
)

var firstCells = []string{"cell_a", "cell_b", "cell_c"} // schemas of a new system

// customerID is the name of the n-th customer.
func customerID(n int) string { return fmt.Sprintf("bench-%d", n) }

// fill puts customers into the cells that own them, by SQL: that is quicker than by the API, and the fence looks at
// each all the same.
func (b *bench) fill(ctx context.Context, conn *pgx.Conn, count int) error {
	if err := systemtest.Until(ctx, func() error { return b.assigned(ctx, conn) }); err != nil {
		return err
	}
	var filled int64
	for _, schema := range firstCells {
		tag, err := conn.Exec(ctx, `INSERT INTO `+schema+`.customers (customer_id, name, email)
			SELECT id, 'A Customer of the Benchmark', id || '@example.org' FROM (SELECT 'bench-' || n AS id FROM generate_series(0, $1::int - 1) n) s
			WHERE EXISTS (SELECT FROM `+schema+`.cellway_partitions p WHERE p.state = 'owned' AND p.partition = `+schema+`.cellway_partition_of(id))`, count)
		if err != nil {
			return fmt.Errorf("fill %s: %w", schema, err)
		}
		filled += tag.RowsAffected()
		if _, err := conn.Exec(ctx, `ANALYZE `+schema+`.customers`); err != nil {
			return err
		}
	}
	if filled != int64(count) {
		return fmt.Errorf("%d customers of %d have a cell", filled, count)
	}
	return nil
}

// assigned: every partition of the first map is owned by a cell.
func (b *bench) assigned(ctx context.Context, conn *pgx.Conn) error {
	owned := 0
	for _, schema := range firstCells {
		var n int
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM `+schema+`.cellway_partitions WHERE state = 'owned'`).Scan(&n); err != nil {
			return err
		}
		owned += n
	}
	if owned != b.partitions {
		return fmt.Errorf("%d of %d partitions are owned", owned, b.partitions)
	}
	return nil
}

func (b *bench) connect(ctx context.Context) (*pgx.Conn, error) {
	e, err := b.Endpoints()
	if err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, e.Postgres)
}

// move is what the journal says of a finished one.
type move struct {
	Partition int       `json:"partition"`
	State     string    `json:"state"`
	Rows      int64     `json:"rows"`
	PauseMS   float64   `json:"pause_ms"`
	CreatedAt time.Time `json:"created_at"`
	EndedAt   time.Time `json:"ended_at"`
}

// join adds a cell and returns its moves, all of which were done.
func (b *bench) join(ctx context.Context) ([]move, error) {
	if _, err := b.Run(ctx, "add-cell", "cell-d"); err != nil {
		return nil, err
	}
	var journal struct{ Moves []move }
	if err := b.Admin(ctx, "/admin/moves?limit=10000", &journal); err != nil {
		return nil, err
	}
	if len(journal.Moves) < b.partitions/4 {
		return nil, fmt.Errorf("%d moves are in the journal, want %d", len(journal.Moves), b.partitions/4)
	}
	for _, mv := range journal.Moves {
		if mv.State != "done" {
			return nil, fmt.Errorf("partition %d: its move is %s", mv.Partition, mv.State)
		}
	}
	return journal.Moves, nil
}
