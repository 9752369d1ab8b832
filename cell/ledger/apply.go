package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// pageRows are taken in by one statement.
const pageRows = 2000

// taken is what a transaction took in of a stream of changes.
type taken struct {
	changed int64 // rows and deletes
	digests []protocol.Digest
}

// applier takes a stream of changes in at the target, in one transaction that holds the partition's row and passes
// the fence: deletes child first, then rows parent first.
type applier struct {
	l   *Ledger
	tx  pgx.Tx
	p   placement.Partition
	own []Table // the target's
	in  *frameReader
}

// changes reads to the end of what changed and compares every key that was sent with what is here now.
func (a applier) changes(ctx context.Context, m manifest, v verdict) (taken, error) {
	var got taken
	for _, t := range slices.Backward(m.Tables) {
		n, err := a.deletes(ctx, t)
		if err != nil {
			return got, err
		}
		got.changed += n
	}
	for _, t := range m.Tables {
		d, err := a.upserts(ctx, t)
		if err != nil {
			return got, err
		}
		got.changed += d.Rows
		got.digests = append(got.digests, d)
	}
	var end ending
	if err := a.in.json(frameEnd, &end); err != nil {
		return got, err
	}
	if what := difference(m.Tables, end.Digests, got.digests); what != "" {
		return got, problem(protocol.CodeDiffers, v.was, "what changed last: %s", what)
	}
	return got, nil
}

// ours is the target's table of the name; the catalogs fit.
func (a applier) ours(name string) Table {
	return a.own[slices.IndexFunc(a.own, func(t Table) bool { return t.Name == name })]
}

func (a applier) named(kind byte, t Table) error {
	var name string
	if err := a.in.json(kind, &name); err != nil {
		return err
	}
	if name != t.Name {
		return a.in.fail(fmt.Errorf("table %q where %q belongs", name, t.Name))
	}
	return nil
}

// deletes removes what is gone. Where no table refers to this one, it also removes the old versions of what comes
// next: then no row that comes meets the unique key or the reference that another has given up.
func (a applier) deletes(ctx context.Context, t Table) (int64, error) {
	if err := a.named(frameKeys, t); err != nil {
		return 0, err
	}
	gone, n := len(t.Primary), int64(0)
	text := newCopyText(a.in, gone+1)
	for {
		page, err := text.page(pageRows)
		if err != nil {
			return 0, err
		}
		if page.rows() == 0 {
			return n, nil
		}
		for _, kind := range page[gone] {
			if kind != nil && *kind == "d" {
				n++
			}
		}
		sql := `DELETE FROM ` + a.l.table(t.Name) + ` t USING unnest(` + arrays(gone+1) + `) AS k (` + list(t.Primary, ", ", quoted) + `, kind)
			WHERE ` + t.samePrimary() + ` AND (k.kind = 'd' OR ` + strconv.FormatBool(!a.ours(t.Name).referred) + `)`
		if _, err := a.tx.Exec(ctx, sql, page.args()...); err != nil {
			return 0, fmt.Errorf("delete rows of %s: %w", t.Name, err)
		}
	}
}

// upserts takes in what is new or other. The rows' cellway_xid is this transaction's.
func (a applier) upserts(ctx context.Context, t Table) (protocol.Digest, error) {
	d, sum := protocol.Digest{Table: t.Name}, new(big.Int)
	if err := a.named(frameTable, t); err != nil {
		return d, err
	}
	limit := pageRows
	if t.Whole {
		limit = 0
	}
	text := newCopyText(a.in, len(t.Columns)+1)
	for {
		page, err := text.page(limit)
		if err != nil {
			return d, err
		}
		if page.rows() == 0 {
			d.Sum = sum.String()
			return d, nil
		}
		rows, part, err := a.upsert(ctx, t, page)
		if err != nil {
			return d, err
		}
		d.Rows += rows
		sum.Add(sum, part)
	}
}

func (a applier) upsert(ctx context.Context, t Table, page columns) (int64, *big.Int, error) {
	if _, err := a.tx.Exec(ctx, a.l.upsertSQL(t, a.ours(t.Name)), page.args()...); err != nil {
		return 0, nil, fmt.Errorf("take in rows of %s: %w", t.Name, err)
	}
	if err := a.liftSequences(ctx, t, page); err != nil {
		return 0, nil, err
	}
	var keys columns
	for _, name := range t.Primary {
		keys = append(keys, page[slices.Index(t.names(), name)])
	}
	var rows int64
	var digest string
	err := a.tx.QueryRow(ctx, `SELECT count(*), coalesce(sum(`+rowHash(t.names())+`), 0)::text
		FROM unnest(`+arrays(len(keys))+`) AS k (`+list(t.Primary, ", ", quoted)+`)
		CROSS JOIN LATERAL (SELECT * FROM `+a.l.table(t.Name)+` t WHERE `+t.samePrimary()+fmt.Sprintf(` AND t.cellway_partition = %d`, a.p)+` OFFSET 0) t`, keys.args()...).Scan(&rows, &digest)
	sum, ok := new(big.Int).SetString(digest, 10)
	if err == nil && !ok {
		err = fmt.Errorf("digest %q", digest)
	}
	return rows, sum, wrap(err, "digest rows of %s", t.Name)
}

func (l *Ledger) upsertSQL(t, own Table) string {
	columns := append(t.names(), "cellway_partition")
	values := list(t.names(), ", ", func(name string) string { return "k." + quoted(name) + "::" + t.column(name).Type })
	settable := slices.DeleteFunc(slices.Clone(columns), func(name string) bool {
		return slices.Contains(t.Primary, name) || own.column(name).always
	})
	set := list(settable, ", ", func(name string) string { return quoted(name) + " = EXCLUDED." + quoted(name) })
	return `INSERT INTO ` + l.table(t.Name) + ` (` + list(columns, ", ", quoted) + `) OVERRIDING SYSTEM VALUE
		SELECT ` + values + `, k.cellway_partition::integer FROM unnest(` + arrays(len(columns)) + `) AS k (` + list(columns, ", ", quoted) + `)
		ON CONFLICT (` + list(t.Primary, ", ", quoted) + `) DO UPDATE SET ` + set + `, cellway_xid = pg_current_xact_id()`
}

// liftSequences lifts those of the table above what came.
func (a applier) liftSequences(ctx context.Context, t Table, page columns) error {
	for i, c := range t.Columns {
		if !a.ours(t.Name).column(c.Name).serial {
			continue
		}
		var top int64
		for _, v := range page[i] {
			if v == nil {
				continue
			}
			n, err := strconv.ParseInt(*v, 10, 64)
			if err != nil {
				return errors.Join(errStream, fmt.Errorf("column %s.%s: %w", t.Name, c.Name, err))
			}
			top = max(top, n)
		}
		_, err := a.tx.Exec(ctx, `SELECT `+a.l.table("cellway_lift_sequence")+`($1, $2, $3)`, t.Name, c.Name, top)
		if err != nil {
			return fmt.Errorf("lift sequences of %s: %w", t.Name, err)
		}
	}
	return nil
}

// samePrimary is the condition that the row t has the primary key k, whose columns are texts.
func (t Table) samePrimary() string {
	return list(t.Primary, " AND ", func(name string) string {
		return "t." + quoted(name) + " = k." + quoted(name) + "::" + t.column(name).Type
	})
}

// arrays are the parameters of unnest.
func arrays(n int) string {
	s := ""
	for i := range n {
		if i > 0 {
			s += ", "
		}
		s += "$" + strconv.Itoa(i+1) + "::text[]"
	}
	return s
}

func (c columns) args() []any {
	args := make([]any, 0, len(c))
	for _, column := range c {
		args = append(args, column)
	}
	return args
}
