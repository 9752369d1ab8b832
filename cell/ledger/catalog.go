package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Column is a column of a tracked table, as far as it travels.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`               // as Postgres writes it, modifiers included
	Required bool   `json:"required,omitempty"` // NOT NULL and without a default

	// What a name alone does not say of a type that the application has made; of an array's elements, where it is one.
	Labels []string `json:"labels,omitempty"` // of an enum
	Shape  string   `json:"shape,omitempty"`  // attributes of a composite type, base type of a domain
}

// Table is a tracked table. Generated columns are not among its columns (each side computes them), and neither are
// the platform's own.
type Table struct {
	Name      string   `json:"name"`
	Key       string   `json:"key"` // the key column
	Columns   []Column `json:"columns"`
	Generated []string `json:"generated,omitempty"` // names of generated columns
}

// Tables returns the catalog of the tracked tables, those that are referred to before those that refer.
func (l *Ledger) Tables(ctx context.Context) ([]Table, error) {
	var tables []Table
	err := pgx.BeginTxFunc(ctx, l.pool, snapshot, func(tx pgx.Tx) (err error) {
		if err := l.settle(ctx, tx); err != nil {
			return err
		}
		tables, err = l.catalog(ctx, tx)
		return err
	})
	return tables, err
}

// snapshot is one consistent reading of the database.
var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// settle makes the transaction read and write texts in the same form as every other one that digests or copies,
// and takes names of the schema without their schema (types of its own are then called alike on both sides).
func (l *Ledger) settle(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SET LOCAL search_path = `+pgx.Identifier{l.schema}.Sanitize()+`; SET LOCAL client_encoding = 'UTF8';
		SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';
		SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'`)
	return wrap(err, "settle the form of texts")
}

// catalogSQL gives every column of every tracked table, but the platform's own.
const catalogSQL = `SELECT t.name, t.key_column, a.attgenerated <> '', a.attname, format_type(a.atttypid, a.atttypmod),
	a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
	ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = el.oid ORDER BY e.enumsortorder),
	CASE WHEN ty.typtype = 'd' THEN format_type(ty.typbasetype, ty.typtypmod)
		WHEN el.typtype = 'c' THEN (SELECT string_agg(quote_ident(p.attname) || ' ' || format_type(p.atttypid, p.atttypmod), ', ' ORDER BY p.attnum)
			FROM pg_attribute p WHERE p.attrelid = el.typrelid AND p.attnum > 0 AND NOT p.attisdropped)
		ELSE '' END
	FROM %s t
	JOIN pg_class c ON c.relname = t.name AND c.relnamespace = $1::text::regnamespace
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type ty ON ty.oid = a.atttypid
	JOIN pg_type el ON el.oid = CASE WHEN ty.typcategory = 'A' THEN ty.typelem WHEN ty.typtype = 'd' THEN ty.typbasetype ELSE ty.oid END
	WHERE a.attname NOT IN ('cellway_partition', 'cellway_xid')
	ORDER BY t.name, a.attnum`

// catalog reads the tracked tables; the transaction is settled.
func (l *Ledger) catalog(ctx context.Context, tx pgx.Tx) ([]Table, error) {
	rows, err := tx.Query(ctx, fmt.Sprintf(catalogSQL, l.table("cellway_tables")), pgx.Identifier{l.schema}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("read tracked tables: %w", err)
	}
	var tables []Table
	var name, key string
	var generated bool
	var c Column
	_, err = pgx.ForEachRow(rows, []any{&name, &key, &generated, &c.Name, &c.Type, &c.Required, &c.Labels, &c.Shape}, func() error {
		if len(tables) == 0 || tables[len(tables)-1].Name != name {
			tables = append(tables, Table{Name: name, Key: key})
		}
		last := &tables[len(tables)-1]
		if generated {
			last.Generated = append(last.Generated, c.Name)
			return nil
		}
		one := c
		one.Labels = append([]string(nil), c.Labels...) // the next row may be read into the same array
		last.Columns = append(last.Columns, one)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read tracked tables: %w", err)
	}
	references, err := l.references(ctx, tx)
	return parentsFirst(tables, references), err
}

// references maps each tracked table to those that its foreign keys go to.
func (l *Ledger) references(ctx context.Context, tx pgx.Tx) (map[string][]string, error) {
	rows, err := tx.Query(ctx, `SELECT c.relname, p.relname FROM pg_constraint f
		JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
		WHERE f.contype = 'f' AND c.oid <> p.oid AND f.connamespace = $1::text::regnamespace
		ORDER BY 1, 2`, pgx.Identifier{l.schema}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("read foreign keys: %w", err)
	}
	out := map[string][]string{}
	var child, parent string
	_, err = pgx.ForEachRow(rows, []any{&child, &parent}, func() error {
		out[child] = append(out[child], parent)
		return nil
	})
	return out, wrap(err, "read foreign keys")
}

// parentsFirst orders the tables so that rows can be inserted table by table. Tables that refer to each other in a
// circle keep their order by name: their foreign keys must be INITIALLY DEFERRED.
func parentsFirst(tables []Table, references map[string][]string) []Table {
	out := make([]Table, 0, len(tables))
	byName := map[string]Table{}
	for _, t := range tables {
		byName[t.Name] = t
	}
	seen := map[string]bool{}
	var visit func(t Table)
	visit = func(t Table) {
		if seen[t.Name] {
			return
		}
		seen[t.Name] = true
		for _, parent := range references[t.Name] {
			if p, ok := byName[parent]; ok {
				visit(p)
			}
		}
		out = append(out, t)
	}
	for _, t := range tables {
		visit(t)
	}
	return out
}

// columnList is the quoted list of the columns that travel.
func (t Table) columnList() string {
	var list []byte
	for i, c := range t.Columns {
		if i > 0 {
			list = append(list, ", "...)
		}
		list = append(list, pgx.Identifier{c.Name}.Sanitize()...)
	}
	return string(list)
}
