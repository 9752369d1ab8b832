package ledger

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	defaultLockWait  = 3 * time.Second
	defaultFenceWait = 300 * time.Millisecond
)

// OpenConfig says which schema is opened, and for whom.
type OpenConfig struct {
	Schema     string        // the cell's schema
	Cell       string        // the cell's name
	ClusterID  string        // wanted; "" is not checked
	DatabaseID string        // wanted; "" is not checked
	Partitions int           // wanted; 0 is not checked
	Hash       string        // wanted; "" is not checked
	LockWait   time.Duration // how long a step waits for a partition's row, which writers hold; default 3 s
	FenceWait  time.Duration // the same for Fence, for which a gate is closed; default 300 ms
}

// Ledger is a cell's database. Its methods may be called by many goroutines.
type Ledger struct {
	pool      *pgxpool.Pool
	schema    string
	identity  Identity
	database  uint32 // its OID, which the identity was written with
	lockWait  time.Duration
	fenceWait time.Duration
}

// Open returns the ledger in the schema, which [Migrate] has brought up to date. The pool logs in as the
// platform's role and stays the caller's to close. A schema with another identity, or one that lives elsewhere
// than where it was written, is refused ([ErrOtherCell], [ErrRestored] and their like).
func Open(ctx context.Context, pool *pgxpool.Pool, cfg OpenConfig) (*Ledger, error) {
	if !sqlName.MatchString(cfg.Schema) {
		return nil, fmt.Errorf("%w: Schema %q must match %s", ErrBadConfig, cfg.Schema, sqlName)
	}
	if err := placement.ValidateCellName(cfg.Cell); err != nil {
		return nil, fmt.Errorf("%w: Cell: %w", ErrBadConfig, err)
	}
	want := Identity{
		ClusterID: cfg.ClusterID, Cell: cfg.Cell, DatabaseID: cfg.DatabaseID,
		Partitions: cfg.Partitions, Hash: cfg.Hash,
	}
	id, found, err := checkIdentity(ctx, pool, cfg.Schema, want)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("schema %s has never been migrated: %w", cfg.Schema, ErrNoSchema)
	}
	l := &Ledger{
		pool: pool, schema: cfg.Schema, identity: id,
		lockWait: cmp.Or(cfg.LockWait, defaultLockWait), fenceWait: cmp.Or(cfg.FenceWait, defaultFenceWait),
	}
	err = pool.QueryRow(ctx, `SELECT database_oid FROM `+l.table("cellway_identity")).Scan(&l.database)
	return l, wrap(err, "read the database of schema %s", cfg.Schema)
}

// Identity is who the schema is.
func (l *Ledger) Identity() Identity { return l.identity }

// Ping asks the database for a sign of life.
func (l *Ledger) Ping(ctx context.Context) error { return wrap(l.pool.Ping(ctx), "ping database") }

// CheckServer makes sure that the database is still the one that was opened. [ErrRestored] if its server has
// another system identifier or timeline by now: the cell must accept no write and release nothing.
func (l *Ledger) CheckServer(ctx context.Context) error {
	now, err := readServer(ctx, l.pool)
	if err != nil {
		return err
	}
	return l.identity.restored(l.database, now)
}

// Row reads a partition's row as it is committed now. A [*protocol.Problem] if there is no such partition.
func (l *Ledger) Row(ctx context.Context, p placement.Partition) (protocol.Row, error) {
	if err := l.hasPartition(p); err != nil {
		return protocol.Row{}, err
	}
	r, err := queryRecord(ctx, l.pool, l.selectRows()+` WHERE partition = $1`, p)
	return r.Row, wrap(err, "read partition %d", p)
}

// Rows reads every partition's row, in order, as of one moment.
func (l *Ledger) Rows(ctx context.Context) ([]protocol.Row, error) {
	rows, err := l.pool.Query(ctx, l.selectRows()+` ORDER BY partition`)
	if err != nil {
		return nil, fmt.Errorf("read partitions: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (protocol.Row, error) {
		r, err := scanRecord(row)
		return r.Row, err
	})
	return out, wrap(err, "read partitions")
}

func (l *Ledger) hasPartition(p placement.Partition) error {
	if p < 0 || int(p) >= l.identity.Partitions {
		return invalid("partition %d is not below %d", p, l.identity.Partitions)
	}
	return nil
}

// table is the quoted name of a table of the schema.
func (l *Ledger) table(name string) string { return pgx.Identifier{l.schema, name}.Sanitize() }
