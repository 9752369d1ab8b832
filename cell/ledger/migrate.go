package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/cellway/cellway/migrations"
	"github.com/cellway/cellway/placement"
)

// ErrNoSchema: the schema is not there yet: provision it first.
var ErrNoSchema = errors.New("the schema does not exist: provision it first")

// ErrBadConfig: a setting is missing or malformed; the message names it.
var ErrBadConfig = errors.New("bad setting")

const (
	platformVersions   = "cellway_schema_version"
	appVersions        = "cellway_app_version"
	defaultMigrateWait = time.Minute
)

// sqlName is what schemas and roles may be called: Postgres would cut a longer name.
var sqlName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// MigrateConfig says what to migrate, and for whom.
type MigrateConfig struct {
	URL      string        // of the cell's database, as the platform's role (the owner of the schema)
	Schema   string        // the cell's schema; [a-z_][a-z0-9_]{0,62}
	AppRole  string        // the application's role, which cellway_track grants to
	Identity Identity      // wanted: ClusterID, Cell, Partitions and Hash; DatabaseID too where it is known
	App      fs.FS         // the application's migrations, at the root; nil for none
	Wait     time.Duration // how long to wait for another process's migration; default 1 minute
	Logger   *slog.Logger  // default: discards
}

// Validate names the first field that is wrong.
func (c MigrateConfig) Validate() error {
	switch {
	case c.URL == "":
		return fmt.Errorf("%w: URL is empty", ErrBadConfig)
	case !sqlName.MatchString(c.Schema):
		return fmt.Errorf("%w: Schema %q must match %s", ErrBadConfig, c.Schema, sqlName)
	case !sqlName.MatchString(c.AppRole):
		return fmt.Errorf("%w: AppRole %q must match %s", ErrBadConfig, c.AppRole, sqlName)
	case c.Identity.ClusterID == "":
		return fmt.Errorf("%w: Identity.ClusterID is empty", ErrBadConfig)
	case placement.ValidateCellName(c.Identity.Cell) != nil:
		return fmt.Errorf("%w: Identity.Cell: %w", ErrBadConfig, placement.ValidateCellName(c.Identity.Cell))
	case placement.ValidatePartitionCount(c.Identity.Partitions) != nil:
		return fmt.Errorf("%w: Identity.Partitions: %w", ErrBadConfig, placement.ValidatePartitionCount(c.Identity.Partitions))
	case c.Identity.Hash == "":
		return fmt.Errorf("%w: Identity.Hash is empty", ErrBadConfig)
	}
	return nil
}

// Migrate brings the schema up to date: first the platform's objects, then the application's tables, then a last
// look at every tracked table. It runs as the platform's role with the schema as its whole search path, one
// process at a time. A schema whose identity differs from the wanted one is refused before anything is changed,
// with the error that names the difference ([ErrOtherCell] and its like).
//
// The database's ID is drawn in the transaction that creates the schema's identity, and never again.
func Migrate(ctx context.Context, cfg MigrateConfig) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg.Wait = cmp.Or(cfg.Wait, defaultMigrateWait)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	conf, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		return fmt.Errorf("read the URL of schema %s: %w", cfg.Schema, err)
	}
	conf.RuntimeParams["search_path"] = pgx.Identifier{cfg.Schema}.Sanitize()
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return fmt.Errorf("connect to migrate schema %s: %w", cfg.Schema, err)
	}
	// Closing the session gives back its lock.
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := lockSchema(ctx, conn, cfg); err != nil {
		return err
	}
	fresh, err := mayMigrate(ctx, conn, cfg)
	if err != nil {
		return err
	}
	cfg.Logger.DebugContext(ctx, "migrating schema", "schema", cfg.Schema, "fresh", fresh)
	if err := runAll(ctx, conn, conf, cfg); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `SELECT cellway_check_all()`)
	return wrap(err, "look at the tracked tables of schema %s", cfg.Schema)
}

// lockSchema keeps other migrations of this schema out for as long as the session lives.
func lockSchema(ctx context.Context, conn *pgx.Conn, cfg MigrateConfig) error {
	_, err := conn.Exec(ctx, fmt.Sprintf(`SET lock_timeout = %d`, cfg.Wait.Milliseconds()))
	if err != nil {
		return fmt.Errorf("limit the wait for other migrations: %w", err)
	}
	_, err = conn.Exec(ctx, `SELECT pg_advisory_lock(hashtextextended($1, 0))`, "cellway migrate "+cfg.Schema)
	return wrap(err, "wait for other migrations of schema %s", cfg.Schema)
}

// mayMigrate refuses a schema that is not there, or not ours.
func mayMigrate(ctx context.Context, conn *pgx.Conn, cfg MigrateConfig) (fresh bool, err error) {
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, cfg.Schema).Scan(&there)
	if err != nil {
		return false, fmt.Errorf("look for schema %s: %w", cfg.Schema, err)
	}
	if !there {
		return false, fmt.Errorf("schema %s: %w", cfg.Schema, ErrNoSchema)
	}
	_, found, err := checkIdentity(ctx, conn, cfg.Schema, cfg.Identity)
	if err != nil {
		return false, err
	}
	if !found && cfg.Identity.DatabaseID != "" {
		return false, fmt.Errorf("schema %s is empty, the cell's data is in database %s: %w",
			cfg.Schema, cfg.Identity.DatabaseID, ErrOtherDatabase)
	}
	return !found, nil
}

func runAll(ctx context.Context, conn *pgx.Conn, conf *pgx.ConnConfig, cfg MigrateConfig) (err error) {
	n := names{Schema: cfg.Schema, AppRole: cfg.AppRole, Identity: cfg.Identity}
	if err := conn.QueryRow(ctx, `SELECT current_user`).Scan(&n.PlatformRole); err != nil {
		return fmt.Errorf("read the platform's role: %w", err)
	}
	db := stdlib.OpenDB(*conf)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := up(ctx, db, filledFS{migrations.Cellway, n.values()}, platformVersions, cfg.Logger); err != nil {
		return fmt.Errorf("migrate the platform's objects of schema %s: %w", cfg.Schema, err)
	}
	if cfg.App == nil {
		return nil
	}
	if err := up(ctx, db, cfg.App, appVersions, cfg.Logger); err != nil {
		return fmt.Errorf("migrate the application's tables of schema %s: %w", cfg.Schema, err)
	}
	return nil
}

// up runs what is pending in one tree of migrations.
func up(ctx context.Context, db *sql.DB, files fs.FS, versions string, logger *slog.Logger) error {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versions),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	done, err := provider.Up(ctx)
	for _, r := range done {
		logger.InfoContext(ctx, "migrated", "file", r.Source.Path, "duration", r.Duration)
	}
	return err
}
