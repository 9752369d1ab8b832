package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Errors that say in what a schema's identity differs from the wanted one.
var (
	// ErrOtherCluster: the schema belongs to another cluster.
	ErrOtherCluster = errors.New("the schema belongs to another cluster")
	// ErrOtherCell: the schema belongs to another cell of the cluster.
	ErrOtherCell = errors.New("the schema belongs to another cell")
	// ErrOtherDatabase: the cell is known with another database than this schema.
	ErrOtherDatabase = errors.New("the schema is not the cell's database")
	// ErrOtherPartitions: the schema was made for another partition count.
	ErrOtherPartitions = errors.New("the schema was made for another partition count")
	// ErrOtherHash: the schema was made for another hash of keys.
	ErrOtherHash = errors.New("the schema was made for another hash")
	// ErrRestored: the schema is a copy: its server has another system identifier or timeline than the one that
	// wrote it (a restore or a failover), or it is in another database. What it holds may be the past.
	ErrRestored = errors.New("the schema is a restored or promoted copy")
)

// Identity is who a schema is, fixed when it was first migrated.
type Identity struct {
	ClusterID        string // the cluster's UUID
	Cell             string // the cell's name
	DatabaseID       string // a UUID, drawn by the database when the schema was first migrated
	Partitions       int    // the cluster's partition count
	Hash             string // the name of the hash that turns keys into partitions
	SystemIdentifier string // of the Postgres server that wrote the schema
	Timeline         int64  // of that server, at that time
}

// server is where a schema lives now.
type server struct {
	SystemIdentifier string
	Timeline         int64
	DatabaseOID      uint32
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// ReadIdentity reads who the schema is; false if it has never been migrated (or is not there).
func ReadIdentity(ctx context.Context, pool *pgxpool.Pool, schema string) (Identity, bool, error) {
	id, _, found, err := readIdentity(ctx, pool, schema)
	return id, found, err
}

func readIdentity(ctx context.Context, q querier, schema string) (id Identity, oid uint32, found bool, err error) {
	table := pgx.Identifier{schema, "cellway_identity"}.Sanitize()
	err = q.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&found)
	if err != nil || !found {
		return id, 0, false, wrap(err, "look for the identity of schema %s", schema)
	}
	err = q.QueryRow(ctx, `SELECT cluster_id, cell, database_id, partitions, hash, system_identifier, timeline, database_oid
		FROM `+table).Scan(&id.ClusterID, &id.Cell, &id.DatabaseID, &id.Partitions, &id.Hash,
		&id.SystemIdentifier, &id.Timeline, &oid)
	if errors.Is(err, pgx.ErrNoRows) {
		// The table and its row come in one transaction: somebody has deleted it.
		return id, 0, false, fmt.Errorf("schema %s has lost its identity: %w", schema, ErrRestored)
	}
	return id, oid, err == nil, wrap(err, "read the identity of schema %s", schema)
}

// readServer asks the server who it is. The timeline is the one being written, not that of the last checkpoint,
// which lags behind a promotion.
func readServer(ctx context.Context, q querier) (server, error) {
	var s server
	var standby bool
	err := q.QueryRow(ctx, `SELECT pg_is_in_recovery(), s.system_identifier::text, d.oid
		FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()`).
		Scan(&standby, &s.SystemIdentifier, &s.DatabaseOID)
	if err != nil {
		return s, fmt.Errorf("read the server's system identifier: %w", err)
	}
	if standby {
		return s, errors.New("the server is a standby: a cell needs the primary")
	}
	err = q.QueryRow(ctx, `SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint`).
		Scan(&s.Timeline)
	return s, wrap(err, "read the server's timeline")
}

// differs says in what the schema's identity is not the wanted one; fields that want leaves empty are not asked.
func (id Identity) differs(want Identity) error {
	say := func(err error, has, wanted any) error {
		return fmt.Errorf("%w: it has %v, wanted is %v", err, has, wanted)
	}
	switch {
	case want.ClusterID != "" && want.ClusterID != id.ClusterID:
		return say(ErrOtherCluster, id.ClusterID, want.ClusterID)
	case want.Cell != "" && want.Cell != id.Cell:
		return say(ErrOtherCell, id.Cell, want.Cell)
	case want.DatabaseID != "" && want.DatabaseID != id.DatabaseID:
		return say(ErrOtherDatabase, id.DatabaseID, want.DatabaseID)
	case want.Partitions != 0 && want.Partitions != id.Partitions:
		return say(ErrOtherPartitions, id.Partitions, want.Partitions)
	case want.Hash != "" && want.Hash != id.Hash:
		return say(ErrOtherHash, id.Hash, want.Hash)
	}
	return nil
}

// restored says whether the schema lives elsewhere than where it was written.
func (id Identity) restored(oid uint32, now server) error {
	switch {
	case id.SystemIdentifier != now.SystemIdentifier:
		return fmt.Errorf("%w: written by system %s, now on %s", ErrRestored, id.SystemIdentifier, now.SystemIdentifier)
	case id.Timeline != now.Timeline:
		return fmt.Errorf("%w: written on timeline %d, now on %d", ErrRestored, id.Timeline, now.Timeline)
	case oid != now.DatabaseOID:
		return fmt.Errorf("%w: written in database %d, now in %d", ErrRestored, oid, now.DatabaseOID)
	}
	return nil
}

// checkIdentity reads the schema's identity and compares it with the wanted one and with the server.
func checkIdentity(ctx context.Context, q querier, schema string, want Identity) (Identity, bool, error) {
	id, oid, found, err := readIdentity(ctx, q, schema)
	if err != nil || !found {
		return id, found, err
	}
	if err := id.differs(want); err != nil {
		return id, true, fmt.Errorf("schema %s: %w", schema, err)
	}
	now, err := readServer(ctx, q)
	if err != nil {
		return id, true, err
	}
	if err := id.restored(oid, now); err != nil {
		return id, true, fmt.Errorf("schema %s: %w", schema, err)
	}
	return id, true, nil
}

// wrap says what was being done; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
