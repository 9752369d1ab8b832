package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// keepLapsed is how long a lapsed lease stays to be looked at.
const keepLapsed = 10 * time.Minute

// Lease is the right of one instance to admit requests, for a time.
type Lease struct {
	Instance  string        // the instance's ID
	Addr      string        // host:port of its internal listener
	Remaining time.Duration // by the database's clock
}

// RenewLease takes or renews the instance's lease, for ttl from now by the database's clock. The instance counts its
// own from before this call.
func (l *Ledger) RenewLease(ctx context.Context, instance, internalAddr string, ttl time.Duration) error {
	if instance == "" || ttl <= 0 {
		return invalid("a lease needs an instance and a time, not %q and %v", instance, ttl)
	}
	err := l.inStep(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO `+l.table("cellway_gates")+` (instance, addr, until)
			VALUES ($1, $2, clock_timestamp() + $3::bigint * interval '1 microsecond')
			ON CONFLICT (instance) DO UPDATE SET addr = EXCLUDED.addr, until = EXCLUDED.until`,
			instance, internalAddr, ttl.Microseconds())
		if err != nil {
			return err
		}
		// Instances that died left theirs. One that is being renewed is never old enough.
		_, err = tx.Exec(ctx, `DELETE FROM `+l.table("cellway_gates")+`
			WHERE until < statement_timestamp() - $1::bigint * interval '1 microsecond'`, keepLapsed.Microseconds())
		return err
	})
	return wrap(err, "renew lease of %s", instance)
}

// DropLease gives the instance's lease back: nobody waits for it any more.
func (l *Ledger) DropLease(ctx context.Context, instance string) error {
	err := l.inStep(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM `+l.table("cellway_gates")+` WHERE instance = $1`, instance)
		return err
	})
	return wrap(err, "drop lease of %s", instance)
}

// Leases lists the leases that have not lapsed by the database's clock, by instance.
func (l *Ledger) Leases(ctx context.Context) ([]Lease, error) {
	rows, err := l.pool.Query(ctx, `SELECT instance, addr, (extract(epoch FROM until - now) * 1000000)::bigint
		FROM `+l.table("cellway_gates")+`, clock_timestamp() AS now WHERE until > now ORDER BY instance`)
	if err != nil {
		return nil, fmt.Errorf("read leases: %w", err)
	}
	leases, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Lease, error) {
		var lease Lease
		var micros int64
		err := row.Scan(&lease.Instance, &lease.Addr, &micros)
		lease.Remaining = time.Duration(micros) * time.Microsecond
		return lease, err
	})
	return leases, wrap(err, "read leases")
}
