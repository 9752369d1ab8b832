package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

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

	serial bool // draws from a sequence of its own
	always bool // an identity that no update may change
}

// Table is a tracked table. Generated columns are not among its columns (each side computes them), and neither are
// the platform's own.
type Table struct {
	Name    string   `json:"name"`
	Key     string   `json:"key"`     // the key column
	Primary []string `json:"primary"` // the primary key's columns
	Columns []Column `json:"columns"`
	// Generated are the names of generated columns.
	Generated []string `json:"generated,omitempty"`
	// Whole: its rows, or those of a table before it, may refer to later ones of this table: they are taken in
	// together or not at all.
	Whole bool `json:"whole,omitempty"`
	// Until: with this table, rows before it still refer to tables after it.
	Until bool `json:"until,omitempty"`

	referred bool // by foreign keys
}

// Tables returns the catalog of the tracked tables, those that are referred to before those that refer.
func (l *Ledger) Tables(ctx context.Context) ([]Table, error) {
	var tables []Table
	err := transact(ctx, l.pool, l.settling(), func(tx *transaction) (err error) {
		tables, err = l.catalog(ctx, tx)
		return err
	})
	return tables, err
}

// longStatement is how long one statement on a partition's rows may take, in milliseconds; contexts bound it, too.
const longStatement = "900000"

// settled makes the transaction read and write texts in the same form as every other one that digests or copies,
// and takes names of the schema without their schema (types of its own are then called alike on both sides). Nothing
// in it is compiled: what the planner was kept from (byKey) and cannot do without costs so much that it would be, for
// up to a second, while customers wait.
func (l *Ledger) settled() string {
	return setLocal("search_path", pgx.Identifier{l.schema}.Sanitize(), "client_encoding", "UTF8",
		"TimeZone", "UTC", "DateStyle", "ISO, YMD", "IntervalStyle", "postgres", "extra_float_digits", "3",
		"jit", "off", "statement_timeout", longStatement, "bytea_output", "hex", "lc_monetary", "C")
}

// settle is settled, for a transaction that has begun.
func (l *Ledger) settle(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, l.settled())
	return wrap(err, "settle the form of texts")
}

// settling begins one consistent reading of the database, settled.
func (l *Ledger) settling() *pgx.Batch {
	first := opening(snapshot)
	first.Queue(l.settled())
	return first
}

// setLocal is one statement that makes settings, names and values by turns, for the rest of the transaction.
func setLocal(settings ...string) string {
	var calls []string
	for pair := range slices.Chunk(settings, 2) {
		calls = append(calls, "set_config("+literal(pair[0])+", "+literal(pair[1])+", true)")
	}
	return `SELECT ` + strings.Join(calls, ", ")
}

// catalogSQL gives every column of every tracked table, but the platform's own. It has no parameter: Postgres then
// plans it once a session, and it is asked several times a move.
const catalogSQL = `SELECT t.name, t.key_column, a.attgenerated <> '', a.attname, format_type(a.atttypid, a.atttypmod),
	a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
	ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = el.oid ORDER BY e.enumsortorder),
	CASE WHEN ty.typtype = 'd' THEN format_type(ty.typbasetype, ty.typtypmod)
		WHEN el.typtype = 'c' THEN (SELECT string_agg(quote_ident(p.attname) || ' ' || format_type(p.atttypid, p.atttypmod), ', ' ORDER BY p.attnum)
			FROM pg_attribute p WHERE p.attrelid = el.typrelid AND p.attnum > 0 AND NOT p.attisdropped)
		ELSE '' END,
	a.attidentity = 'a',
	(a.atthasdef OR a.attidentity <> '') AND (SELECT d.objid FROM pg_depend d JOIN pg_sequence q ON q.seqrelid = d.objid
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
		AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1) IS NOT NULL, -- an EXISTS would look through all of pg_depend
	coalesce(a.attnum = ANY (i.indkey), false)
	FROM %[1]s t
	JOIN pg_class c ON c.relname = t.name AND c.relnamespace = %[2]s::regnamespace
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type ty ON ty.oid = a.atttypid
	JOIN pg_type el ON el.oid = CASE WHEN ty.typcategory = 'A' THEN ty.typelem WHEN ty.typtype = 'd' THEN ty.typbasetype ELSE ty.oid END
	LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
	WHERE a.attname NOT IN ('cellway_partition', 'cellway_xid')
	ORDER BY t.name, a.attnum`

// namespace is the schema as a literal that can be cast to regnamespace.
func (l *Ledger) namespace() string { return literal(pgx.Identifier{l.schema}.Sanitize()) }

// catalog reads the tracked tables; the transaction is settled.
func (l *Ledger) catalog(ctx context.Context, tx pgx.Tx) ([]Table, error) {
	var tables []Table
	b := &pgx.Batch{}
	l.queueCatalog(b, &tables)
	return tables, wrap(tx.SendBatch(ctx, b).Close(), "read catalog")
}

// queueCatalog reads the tracked tables into tables; the transaction is settled.
func (l *Ledger) queueCatalog(b *pgx.Batch, tables *[]Table) {
	b.Queue(fmt.Sprintf(catalogSQL, l.table("cellway_tables"), l.namespace())).Query(func(rows pgx.Rows) (err error) {
		*tables, err = scanTables(rows)
		return err
	})
	b.Queue(fmt.Sprintf(referencesSQL, l.namespace())).Query(func(rows pgx.Rows) error {
		references, err := scanReferences(rows)
		*tables = noteReferences(parentsFirst(*tables, references), references)
		return err
	})
}

func scanTables(rows pgx.Rows) ([]Table, error) {
	var tables []Table
	var name, key string
	var generated, primary bool
	var c Column
	into := []any{&name, &key, &generated, &c.Name, &c.Type, &c.Required, &c.Labels, &c.Shape, &c.always, &c.serial, &primary}
	_, err := pgx.ForEachRow(rows, into, func() error {
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
		if primary {
			last.Primary = append(last.Primary, one.Name)
		}
		return nil
	})
	return tables, wrap(err, "read tracked tables")
}

// noteReferences says of each table, in their order, who refers to it and where their rows can be taken in part by part.
func noteReferences(tables []Table, references map[string][]string) []Table {
	place := map[string]int{}
	for i, t := range tables {
		place[t.Name] = i
	}
	last := -1 // the last table that those seen so far refer to
	for i := range tables {
		for _, parent := range references[tables[i].Name] {
			if at, ok := place[parent]; ok {
				tables[at].referred = true
				last = max(last, at)
			}
		}
		tables[i].Whole, tables[i].Until = last >= i, last > i
	}
	return tables
}

const referencesSQL = `SELECT c.relname, p.relname FROM pg_constraint f
	JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
	WHERE f.contype = 'f' AND f.connamespace = %s::regnamespace ORDER BY 1, 2`

// scanReferences maps each tracked table to those that its foreign keys go to, itself included.
func scanReferences(rows pgx.Rows) (map[string][]string, error) {
	out := map[string][]string{}
	var child, parent string
	_, err := pgx.ForEachRow(rows, []any{&child, &parent}, func() error {
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
