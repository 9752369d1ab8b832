package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/migrations"
)

func TestMigrateRefusesASchemaOfAnotherIdentityAndChangesNothing(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	fingerprint := func() string {
		return one[string](t, c.admin, `SELECT (SELECT count(*) FROM pg_class)::text || (SELECT count(*) FROM pg_proc)
			|| (SELECT string_agg(i::text, '') FROM cell_a.cellway_identity i)`)
	}
	before := fingerprint()
	more := fstest.MapFS{"00002_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (x int);")}}
	for name, tc := range map[string]struct {
		change func(*Identity)
		want   error
	}{
		"cluster":    {func(id *Identity) { id.ClusterID = "other" }, ErrOtherCluster},
		"cell":       {func(id *Identity) { id.Cell = "cell-b" }, ErrOtherCell},
		"database":   {func(id *Identity) { id.DatabaseID = "other" }, ErrOtherDatabase},
		"partitions": {func(id *Identity) { id.Partitions = 32 }, ErrOtherPartitions},
		"hash":       {func(id *Identity) { id.Hash = "md5" }, ErrOtherHash},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := c.migrate
			cfg.App = more
			tc.change(&cfg.Identity)
			if err := Migrate(t.Context(), cfg); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			want := cfg.Identity
			_, err := Open(t.Context(), c.platform, OpenConfig{
				Schema: "cell_a", Cell: want.Cell, ClusterID: want.ClusterID,
				DatabaseID: want.DatabaseID, Partitions: want.Partitions, Hash: want.Hash,
			})
			if !errors.Is(err, tc.want) {
				t.Fatalf("open: got %v, want %v", err, tc.want)
			}
		})
	}
	if after := fingerprint(); after != before {
		t.Fatalf("refused, but changed\n%s\ninto\n%s", before, after)
	}
}

func TestARestoredCopyIsRefused(t *testing.T) {
	for name, change := range map[string]string{
		"system identifier": `system_identifier = '1'`,
		"timeline":          `timeline = timeline + 1`,
		"database":          `database_oid = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCell(t, testenv.Postgres(t), "cell-a")
			if err := c.CheckServer(t.Context()); err != nil {
				t.Fatal(err)
			}
			exec(t, c.admin, `UPDATE cell_a.cellway_identity SET `+change)
			_, err := Open(t.Context(), c.platform, OpenConfig{Schema: "cell_a", Cell: "cell-a"})
			if !errors.Is(err, ErrRestored) {
				t.Errorf("open: got %v", err)
			}
			if err := Migrate(t.Context(), c.migrate); !errors.Is(err, ErrRestored) {
				t.Errorf("migrate: got %v", err)
			}
		})
	}
}

func TestCheckServerNoticesAnotherServer(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.identity.SystemIdentifier = "7000000000000000000"
	if err := c.CheckServer(t.Context()); !errors.Is(err, ErrRestored) {
		t.Fatalf("got %v", err)
	}
}

func TestAFreshSchemaHasNoIdentityAndIsNotTakenForAKnownDatabase(t *testing.T) {
	cfg := prepare(t, testenv.Postgres(t), "cell-a")
	pool := connect(t, cfg.URL)
	if _, found, err := ReadIdentity(t.Context(), pool, cfg.Schema); found || err != nil {
		t.Fatalf("found %t, %v", found, err)
	}
	if _, err := Open(t.Context(), pool, OpenConfig{Schema: cfg.Schema, Cell: "cell-a"}); !errors.Is(err, ErrNoSchema) {
		t.Errorf("open: got %v", err)
	}
	known := cfg
	known.Identity.DatabaseID = "0c5e2b52-0000-4000-8000-000000000000"
	if err := Migrate(t.Context(), known); !errors.Is(err, ErrOtherDatabase) {
		t.Errorf("migrate: got %v", err)
	}
	if err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	id, found, err := ReadIdentity(t.Context(), pool, cfg.Schema)
	if !found || err != nil || id.DatabaseID == "" || id.Cell != "cell-a" || id.SystemIdentifier == "" || id.Timeline < 1 {
		t.Fatalf("%+v, found %t, %v", id, found, err)
	}
}

func TestASchemaThatIsNotThereIsNamed(t *testing.T) {
	cfg := prepare(t, testenv.Postgres(t), "cell-a")
	cfg.Schema = "cell_z"
	if err := Migrate(t.Context(), cfg); !errors.Is(err, ErrNoSchema) {
		t.Fatalf("got %v", err)
	}
}

func TestInstancesThatStartTogetherMigrateOnce(t *testing.T) {
	cfg := prepare(t, testenv.Postgres(t), "cell-a")
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return Migrate(t.Context(), cfg) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	open(t, connect(t, cfg.URL), "cell-a")
}

func TestMigrateLooksAgainAtEveryTrackedTable(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	for _, tc := range []struct{ spoil, repair, says string }{
		{`CREATE UNIQUE INDEX by_name ON people (name)`, `DROP INDEX by_name`, "by_name lacks the key column"},
		{`ALTER TABLE people DISABLE TRIGGER "~cellway_fence"`, `SELECT cellway_track('people', 'person')`, "its fence is gone or off"},
		{`ALTER TABLE people ENABLE TRIGGER "~cellway_fence"`, `SELECT cellway_track('people', 'person')`, "its fence is gone or off"},
		{`CREATE TABLE pets (person text REFERENCES people)`, `DROP TABLE pets`, "pets, which is not tracked"},
		{`DROP TABLE notes`, `DELETE FROM cellway_tables WHERE name = 'notes'`, "it is gone"},
	} {
		exec(t, c.platform, tc.spoil)
		if err := Migrate(t.Context(), c.migrate); sqlState(err) != SQLRefused || !contains(err, tc.says) {
			t.Errorf("%s: got %v", tc.spoil, err)
		}
		exec(t, c.platform, tc.repair)
		if err := Migrate(t.Context(), c.migrate); err != nil {
			t.Errorf("%s: got %v", tc.repair, err)
		}
	}
}

func TestEveryPlatformMigrationIsFilledIn(t *testing.T) {
	files := filledFS{migrations.Cellway, names{Schema: `odd"name`, PlatformRole: "it's", Identity: Identity{Partitions: 8}}.values()}
	all, err := fs.Glob(files, "*.sql")
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, name := range all {
		sql, err := fs.ReadFile(files, name)
		if err != nil || placeholder.Match(sql) || !bytes.Contains(sql, []byte(`"odd""name"`)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := filledFS{fstest.MapFS{"1.sql": {Data: []byte("SELECT @nobody@")}}, names{}.values()}
	if _, err := bad.Open("1.sql"); err == nil {
		t.Fatal("an unknown placeholder was let through")
	}
}

func TestMigrateConfigNamesTheFieldThatIsWrong(t *testing.T) {
	good := MigrateConfig{
		URL: "postgres://x", Schema: "cell_a", AppRole: "app",
		Identity: Identity{ClusterID: "c", Cell: "cell-a", Partitions: 16, Hash: "h"},
	}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*MigrateConfig){
		"URL":                 func(c *MigrateConfig) { c.URL = "" },
		"Schema":              func(c *MigrateConfig) { c.Schema = `x"; DROP` },
		"AppRole":             func(c *MigrateConfig) { c.AppRole = "App" },
		"Identity.ClusterID":  func(c *MigrateConfig) { c.Identity.ClusterID = "" },
		"Identity.Cell":       func(c *MigrateConfig) { c.Identity.Cell = "Cell" },
		"Identity.Partitions": func(c *MigrateConfig) { c.Identity.Partitions = 12 },
		"Identity.Hash":       func(c *MigrateConfig) { c.Identity.Hash = "" },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); !errors.Is(err, ErrBadConfig) || !contains(err, field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
