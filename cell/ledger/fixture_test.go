package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	testPartitions = 16
	testCluster    = "6f2b3a5e-0000-4000-8000-000000000001"
)

// testApp is a small application: people, and their notes with a serial number each.
var testApp = fstest.MapFS{"00001_people.sql": {Data: []byte(`
-- +goose Up
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE people (
    person  text PRIMARY KEY,
    name    text,
    profile jsonb NOT NULL DEFAULT '{}',
    mood    mood,
    ratio   double precision,
    raw     bytea,
    seen_at timestamptz,
    shout   text GENERATED ALWAYS AS (upper(name)) STORED
);
CREATE TABLE notes (
    id     bigserial,
    person text NOT NULL REFERENCES people ON DELETE CASCADE,
    body   text NOT NULL DEFAULT '',
    PRIMARY KEY (person, id)
);
SELECT cellway_track('people', 'person');
SELECT cellway_track('notes', 'person');
`)}}

// testCell is a cell's database with its ledger, and a connection pool as each of its users.
type testCell struct {
	*Ledger
	name     string
	schema   string
	migrate  MigrateConfig
	admin    *pgxpool.Pool // a superuser
	platform *pgxpool.Pool
	app      *pgxpool.Pool
	appURL   string
}

// newCell provisions, migrates and opens the cell in the database of a superuser's URL.
func newCell(t testing.TB, superuser, name string) *testCell {
	t.Helper()
	c := &testCell{name: name, schema: placement.SchemaName(name)}
	c.migrate = prepare(t, superuser, name)
	if err := Migrate(t.Context(), c.migrate); err != nil {
		t.Fatal(err)
	}
	c.appURL = withUser(t, superuser, c.migrate.AppRole)
	c.admin, c.platform, c.app = connect(t, superuser), connect(t, c.migrate.URL), connect(t, c.appURL)
	c.Ledger = open(t, c.platform, name)
	return c
}

// prepare provisions a schema for the cell, with roles that no other test has, and says how to migrate it.
func prepare(t testing.TB, superuser, name string) MigrateConfig {
	t.Helper()
	suffix := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	p := Provisioning{
		Schema:       placement.SchemaName(name),
		PlatformRole: "platform_" + suffix, PlatformPassword: "it's platform",
		AppRole: "app_" + suffix, AppPassword: "it's platform",
	}
	if err := Provision(t.Context(), superuser, p); err != nil {
		t.Fatal(err)
	}
	return MigrateConfig{
		URL: withUser(t, superuser, p.PlatformRole), Schema: p.Schema, AppRole: p.AppRole, App: testApp,
		Identity: Identity{ClusterID: testCluster, Cell: name, Partitions: testPartitions, Hash: placement.HashName},
	}
}

func open(t testing.TB, pool *pgxpool.Pool, name string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), pool, OpenConfig{
		Schema: placement.SchemaName(name), Cell: name, ClusterID: testCluster,
		Partitions: testPartitions, Hash: placement.HashName,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func withUser(t testing.TB, raw, role string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "it's platform")
	return u.String()
}

// connect opens a pool whose sessions have no search path, but for roles that bring their own: an unqualified name
// of ours fails at once.
func connect(t testing.TB, rawURL string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), rawURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func exec(t testing.TB, q interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, sql string, args ...any,
) {
	t.Helper()
	rows, err := q.Query(t.Context(), sql, args...)
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func one[T any](t testing.TB, q querier, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := q.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// assignAll makes the cell the owner of every partition, at epoch 1.
func (c *testCell) assignAll(t testing.TB) {
	t.Helper()
	a := protocol.Assignment{Cluster: testCluster, Epoch: 1, Token: 1}
	for p := range placement.Partition(testPartitions) {
		a.Partitions = append(a.Partitions, p)
	}
	if err := c.Assign(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// keyOf returns the n-th key of a partition.
func keyOf(p placement.Partition, n int) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("key-%d", i)
		if placement.PartitionOf(key, testPartitions) != p {
			continue
		}
		if n == 0 {
			return key
		}
		n--
	}
}

// command is about one move from cell-a to cell-b.
func command(move string, epoch placement.Epoch) protocol.Command {
	return protocol.Command{Move: move, Epoch: epoch, Token: 1, FenceMS: 30_000}
}

type method func(context.Context, placement.Partition, protocol.Command) (protocol.Row, error)

// do runs a step that must be allowed.
func do(t testing.TB, step method, p placement.Partition, cmd protocol.Command) protocol.Row {
	t.Helper()
	row, err := step(t.Context(), p, cmd)
	if err != nil {
		t.Fatalf("%+v: %v", cmd, err)
	}
	return row
}

// refused expects the Problem, with the row.
func refused(t testing.TB, code string, err error) {
	t.Helper()
	if protocol.CodeOf(err) != code {
		t.Fatalf("got %v, want a problem %s", err, code)
	}
}

// detail of a database error.
func detail(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Detail
	}
	return ""
}

func contains(err error, part string) bool { return err != nil && strings.Contains(err.Error(), part) }

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never came true: %s", what)
		}
	}
}
