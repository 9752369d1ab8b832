package checker

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/load"
)

// Check reads every cell's schema on every server and compares: each partition owned exactly once and by the map's
// owner, every customer that the model knows of in exactly one cell, which owns it, with the value last acknowledged,
// and no row that nobody knows. superusers are the servers' URLs, each a superuser's on the database that holds the
// cells' schemas; each server is named once. owners is the map by cell as the admin API gives it. The system has to
// be at rest: no move under way, and nobody who writes.
func Check(ctx context.Context, superusers []string, partitions int, owners map[string]int, m *load.Model) (*Report, error) {
	e := newEvidence(partitions)
	for i, url := range superusers {
		if err := readServer(ctx, url, e); err != nil {
			return nil, fmt.Errorf("check server %d of %d: %w", i+1, len(superusers), err)
		}
	}
	e.compare(owners, m.States())
	return e.report, nil
}

func readServer(ctx context.Context, superuser string, e *evidence) error {
	conn, err := pgx.Connect(ctx, superuser)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	schemas, err := cellSchemas(ctx, conn)
	if err != nil {
		return err
	}
	for _, schema := range schemas {
		cell := strings.ReplaceAll(schema, "_", "-")
		if err := readStates(ctx, conn, schema, cell, e); err != nil {
			return fmt.Errorf("read states of %s: %w", cell, err)
		}
		if err := readRows(ctx, conn, schema, cell, e); err != nil {
			return fmt.Errorf("read rows of %s: %w", cell, err)
		}
	}
	return nil
}

func cellSchemas(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = 'cellway_partitions' AND c.relkind = 'r' ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("list schemas: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func readStates(ctx context.Context, conn *pgx.Conn, schema, cell string, e *evidence) error {
	rows, err := conn.Query(ctx, `SELECT partition, state, coalesce(move::text, '') FROM `+pgx.Identifier{schema, "cellway_partitions"}.Sanitize())
	if err != nil {
		return err
	}
	var p int
	var state, move string
	_, err = pgx.ForEachRow(rows, []any{&p, &state, &move}, func() error {
		e.addState(cell, p, state, move)
		return nil
	})
	return err
}

func readRows(ctx context.Context, conn *pgx.Conn, schema, cell string, e *evidence) error {
	rows, err := conn.Query(ctx, `SELECT customer_id, profile FROM `+pgx.Identifier{schema, "customers"}.Sanitize())
	if err != nil {
		return err
	}
	var id string
	var profile []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &profile}, func() error {
		e.addRow(cell, id, profile)
		return nil
	})
	return err
}
