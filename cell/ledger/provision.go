package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const provisionTries = 5

// Provisioning is what a cell needs of a Postgres database before it can start.
type Provisioning struct {
	Schema           string // the cell's schema; [a-z_][a-z0-9_]{0,62}
	PlatformRole     string // owns the schema and everything in it
	PlatformPassword string
	AppRole          string // works with the application's tables
	AppPassword      string
}

// Validate names the first field that is wrong.
func (p Provisioning) Validate() error {
	for field, name := range map[string]string{"Schema": p.Schema, "PlatformRole": p.PlatformRole, "AppRole": p.AppRole} {
		if !sqlName.MatchString(name) {
			return fmt.Errorf("%w: %s %q must match %s", ErrBadConfig, field, name, sqlName)
		}
	}
	if p.PlatformRole == p.AppRole {
		return fmt.Errorf("%w: AppRole is the PlatformRole: the fence would not hold it", ErrBadConfig)
	}
	return nil
}

// Provision creates, or brings into line, the two roles and the schema of a cell in the database that the URL of a
// superuser names. It takes from everybody what no cell's role should have there: temporary tables, and the
// schema public. Safe to repeat, and to run for several cells at once.
func Provision(ctx context.Context, superuserURL string, p Provisioning) (err error) {
	if err := p.Validate(); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, superuserURL)
	if err != nil {
		return fmt.Errorf("connect to provision schema %s: %w", p.Schema, err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	for try := 1; ; try++ {
		err = provision(ctx, conn, p)
		if err == nil || try == provisionTries || !raced(err) {
			return wrap(err, "provision schema %s", p.Schema)
		}
	}
}

// raced: somebody changed the same role through another database of the server, where our lock does not hold.
func raced(err error) bool {
	state := sqlState(err)
	return state == sqlDuplicateObject || state == sqlUniqueViolation || state == sqlInternal
}

func provision(ctx context.Context, conn *pgx.Conn, p Provisioning) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Grants on the database change one row of the catalog: two at once would fail.
		_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('cellway provision', 0))`)
		if err != nil {
			return err
		}
		if err := provisionRole(ctx, tx, p.PlatformRole, p.PlatformPassword, p.Schema); err != nil {
			return err
		}
		if err := provisionRole(ctx, tx, p.AppRole, p.AppPassword, p.Schema); err != nil {
			return err
		}
		return provisionSchema(ctx, tx, p)
	})
}

func provisionRole(ctx context.Context, tx pgx.Tx, role, password, schema string) error {
	var there bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, role).Scan(&there)
	if err != nil {
		return err
	}
	name := pgx.Identifier{role}.Sanitize()
	if !there {
		if _, err := tx.Exec(ctx, `CREATE ROLE `+name); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `ALTER ROLE `+name+` LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD `+literal(password)+`;
		ALTER ROLE `+name+` SET search_path = `+pgx.Identifier{schema}.Sanitize())
	return err
}

func provisionSchema(ctx context.Context, tx pgx.Tx, p Provisioning) error {
	var database string
	if err := tx.QueryRow(ctx, `SELECT current_database()`).Scan(&database); err != nil {
		return err
	}
	db := pgx.Identifier{database}.Sanitize()
	schema := pgx.Identifier{p.Schema}.Sanitize()
	platform, app := pgx.Identifier{p.PlatformRole}.Sanitize(), pgx.Identifier{p.AppRole}.Sanitize()
	for _, sql := range []string{
		`REVOKE TEMPORARY ON DATABASE ` + db + ` FROM PUBLIC`,
		`REVOKE CREATE, TEMPORARY ON DATABASE ` + db + ` FROM ` + app,
		`GRANT CONNECT ON DATABASE ` + db + ` TO ` + platform + `, ` + app,
		`REVOKE ALL ON SCHEMA public FROM PUBLIC`,
		`CREATE SCHEMA IF NOT EXISTS ` + schema,
		`ALTER SCHEMA ` + schema + ` OWNER TO ` + platform,
		`REVOKE ALL ON SCHEMA ` + schema + ` FROM PUBLIC, ` + app,
		`GRANT USAGE ON SCHEMA ` + schema + ` TO ` + app,
		// How long a transaction has held up a move, whoever runs it.
		`GRANT pg_read_all_stats TO ` + platform,
		// Who the server is: for the check against restored copies.
		`GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system(), pg_catalog.pg_walfile_name(pg_lsn) TO ` + platform,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}
