package systemtest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Report is what the databases hold, and every way in which that is wrong.
type Report struct {
	Rows   map[string]int // customers by cell
	Owned  map[string]int // partitions owned, by cell
	Faults []string       // at most 100
}

func (r *Report) fault(format string, args ...any) {
	if len(r.Faults) < 100 {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// partitionOf is the definition, once more: the first four bytes of sha256(key), big-endian, modulo the count.
func partitionOf(key string, count int) int {
	sum := sha256.Sum256([]byte(key))
	return int(binary.BigEndian.Uint32(sum[:4]) % uint32(count))
}

type row struct {
	cell string
	n    int
}

// Check reads every cell's schema and compares: each partition owned exactly once and by the map's owner, every
// customer that the model knows of in exactly one cell, which owns it, with the value last acknowledged, and no
// row that nobody knows. owners is the map by cell as the admin API gives it.
func Check(ctx context.Context, superuser string, partitions int, owners map[string]int, m *Model) (*Report, error) {
	conn, err := pgx.Connect(ctx, superuser)
	if err != nil {
		return nil, fmt.Errorf("connect to check: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	schemas, err := cellSchemas(ctx, conn)
	if err != nil {
		return nil, err
	}
	r := &Report{Rows: map[string]int{}, Owned: map[string]int{}}
	owner := make([]string, partitions)
	found := map[string][]row{}
	for _, schema := range schemas {
		cell := strings.ReplaceAll(schema, "_", "-")
		if err := readStates(ctx, conn, schema, cell, owner, r); err != nil {
			return nil, err
		}
		if err := readRows(ctx, conn, schema, cell, found, r); err != nil {
			return nil, err
		}
	}
	for p, cell := range owner {
		if cell == "" {
			r.fault("partition %d: owned by nobody", p)
		}
	}
	for cell, n := range owners {
		if r.Owned[cell] != n {
			r.fault("the map gives %s %d partitions, its database says %d", cell, n, r.Owned[cell])
		}
	}
	compare(found, owner, m, r)
	return r, nil
}

func cellSchemas(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = 'cellway_partitions' AND c.relkind = 'r' ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("list schemas: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func readStates(ctx context.Context, conn *pgx.Conn, schema, cell string, owner []string, r *Report) error {
	rows, err := conn.Query(ctx, `SELECT partition, state, coalesce(move::text, '') FROM `+pgx.Identifier{schema, "cellway_partitions"}.Sanitize())
	if err != nil {
		return fmt.Errorf("read states of %s: %w", cell, err)
	}
	var p int
	var state, move string
	_, err = pgx.ForEachRow(rows, []any{&p, &state, &move}, func() error {
		if move != "" {
			r.fault("partition %d in %s: still names a move", p, cell)
		}
		switch state {
		case "owned":
			if p >= len(owner) || owner[p] != "" {
				r.fault("partition %d: owned by %s too", p, cell)
				return nil
			}
			owner[p] = cell
			r.Owned[cell]++
		case "absent", "moved":
		default:
			r.fault("partition %d in %s: state %s at rest", p, cell, state)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read states of %s: %w", cell, err)
	}
	return nil
}

func readRows(ctx context.Context, conn *pgx.Conn, schema, cell string, found map[string][]row, r *Report) error {
	rows, err := conn.Query(ctx, `SELECT customer_id, profile FROM `+pgx.Identifier{schema, "customers"}.Sanitize())
	if err != nil {
		return fmt.Errorf("read rows of %s: %w", cell, err)
	}
	var id string
	var profile []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &profile}, func() error {
		var body struct {
			N int `json:"n"`
		}
		if err := json.Unmarshal(profile, &body); err != nil {
			r.fault("customer %s in %s: profile %.100s", id, cell, profile)
		}
		r.Rows[cell]++
		found[id] = append(found[id], row{cell, body.N})
		return nil
	})
	if err != nil {
		return fmt.Errorf("read rows of %s: %w", cell, err)
	}
	return nil
}

func compare(found map[string][]row, owner []string, m *Model, r *Report) {
	for id, rows := range found {
		if len(rows) > 1 {
			r.fault("customer %s: doubled: %v", id, rows)
		}
		for _, in := range rows {
			if own := owner[partitionOf(id, len(owner))]; own != in.cell {
				r.fault("customer %s: orphan in %s, its partition is owned by %q", id, in.cell, own)
			}
		}
	}
	known := map[string]bool{}
	for _, c := range m.All() {
		known[c.id] = true
		if !fits(c.States(), found[c.id]) {
			r.fault("customer %s: expected one of %+v, found %v", c.id, c.States(), found[c.id])
		}
	}
	for id := range found {
		if !known[id] {
			r.fault("customer %s: nobody wrote it", id)
		}
	}
}

func fits(states []Expected, rows []row) bool {
	for _, s := range states {
		if !s.Exists && len(rows) == 0 || s.Exists && len(rows) == 1 && rows[0].n == s.N {
			return true
		}
	}
	return false
}
