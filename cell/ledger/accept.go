package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/internal/protocol"
)

var (
	// ErrNotRestored: the schema lives where it was written: there is nothing to accept.
	ErrNotRestored = errors.New("the schema is not a restored or promoted copy")
	// ErrChanged: between the look at a restored schema and its acceptance, it has changed.
	ErrChanged = errors.New("the restored schema has changed since it was compared")
)

const acceptTimeout = 10 * time.Minute

// Restored is a schema that lives elsewhere than where it was written, as it was found.
type Restored struct {
	Identity Identity
	Why      string // what differs, for people
	Rows     []protocol.Row
	now      server
}

// Change is what becomes of one partition's row when a restored schema is accepted.
type Change struct {
	Was, Row protocol.Row // as it was compared, and as it shall be
	Wipe     bool         // the partition's rows go
}

// ReadRestored reads a restored schema, for the comparison that comes before [Accept]. [ErrNotRestored] if it is none.
// The pool logs in as the platform's role.
func ReadRestored(ctx context.Context, pool *pgxpool.Pool, schema string) (Restored, error) {
	var found Restored
	err := transact(ctx, pool, opening(snapshot), func(tx *transaction) error {
		var err error
		found, err = readRestored(ctx, tx, schema)
		if err != nil {
			return err
		}
		l := &Ledger{pool: pool, schema: schema, identity: found.Identity}
		rows, err := tx.Query(ctx, l.selectRows()+` ORDER BY partition`)
		if err != nil {
			return fmt.Errorf("read partitions: %w", err)
		}
		found.Rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (protocol.Row, error) {
			r, err := scanRecord(row)
			return r.Row, err
		})
		return wrap(err, "read partitions")
	})
	return found, err
}

func readRestored(ctx context.Context, q querier, schema string) (Restored, error) {
	id, oid, found, err := readIdentity(ctx, q, schema)
	if err != nil {
		return Restored{}, err
	}
	if !found {
		return Restored{}, fmt.Errorf("schema %s has never been migrated: %w", schema, ErrNoSchema)
	}
	now, err := readServer(ctx, q)
	if err != nil {
		return Restored{}, err
	}
	differs := id.restored(oid, now)
	if differs == nil {
		return Restored{}, fmt.Errorf("schema %s: %w", schema, ErrNotRestored)
	}
	return Restored{Identity: id, Why: differs.Error(), now: now}, nil
}

// Accept makes a restored schema the cell's again: in one transaction it corrects the rows, deletes what belongs to
// others by now, and writes down the server on which it lives. Nothing is done ([ErrChanged]) if the schema, its
// server, or a row is not as it was compared. The cell's instances have to be started anew.
func Accept(ctx context.Context, pool *pgxpool.Pool, schema string, seen Restored, changes []Change) error {
	ctx, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	l := &Ledger{pool: pool, schema: schema, identity: seen.Identity, lockWait: defaultLockWait}
	err := l.inStep(ctx, func(tx pgx.Tx) error {
		// The lock keeps a second acceptance out.
		if _, err := tx.Exec(ctx, `LOCK TABLE `+l.table("cellway_identity")+` IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return fmt.Errorf("lock the identity of schema %s: %w", schema, err)
		}
		now, err := readRestored(ctx, tx, schema)
		if err != nil {
			return err
		}
		if now.Identity != seen.Identity || now.now != seen.now {
			return fmt.Errorf("schema %s: %w", schema, ErrChanged)
		}
		for _, c := range changes {
			if err := l.acceptRow(ctx, tx, c); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE `+l.table("cellway_identity")+` SET system_identifier = $1, timeline = $2, database_oid = $3`,
			now.now.SystemIdentifier, now.now.Timeline, now.now.DatabaseOID)
		return wrap(err, "write the server into the identity of schema %s", schema)
	})
	return wrap(err, "accept schema %s", schema)
}

func (l *Ledger) acceptRow(ctx context.Context, tx pgx.Tx, c Change) error {
	r, err := queryRecord(ctx, tx, l.selectRows()+` WHERE partition = $1 FOR UPDATE`, c.Was.Partition)
	if err != nil {
		return fmt.Errorf("lock partition %d: %w", c.Was.Partition, err)
	}
	if !reflect.DeepEqual(r.Row, c.Was) {
		return fmt.Errorf("partition %d: %w", c.Was.Partition, ErrChanged)
	}
	if reflect.DeepEqual(c.Was, c.Row) && !c.Wipe {
		return nil
	}
	next := r
	next.Row = c.Row
	v := verdict{was: r, next: next, wipe: c.Wipe, forget: c.Wipe, unmark: true}
	last := &pgx.Batch{}
	if err := l.carryOut(ctx, tx, v, protocol.Command{}, last); err != nil {
		return err
	}
	l.queueRecord(last, v, &next)
	return wrap(tx.SendBatch(ctx, last).Close(), "accept partition %d", c.Was.Partition)
}
