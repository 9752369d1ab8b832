package ledger

import (
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/migrations"
)

// attachments is a third table, of types that no code of this repository names: added by one migration, with one
// call. By name it comes before the tables that it refers to; its foreign keys refuse the wrong order both ways.
const attachments = `
-- +goose Up
CREATE TYPE kind AS ENUM ('photo', 'it''s a scan', 'ünï');
CREATE TYPE size AS (width integer, height integer, unit text);
CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE attachments (
    person   text NOT NULL,
    number   bigint GENERATED ALWAYS AS IDENTITY,
    note     bigint,
    reply_to bigint,
    meta     jsonb NOT NULL DEFAULT '{}',
    raw_json json,
    tags     text[],
    kind     kind,
    kinds    kind[],
    size     size,
    share    percent,
    price    numeric,
    content  bytea,
    taken_at timestamptz,
    span     tstzrange,
    days     int4multirange,
    took     interval,
    flags    bit varying(9),
    address  inet,
    place    point,
    words    tsvector,
    ratio    real,
    "Odd ""column" character(9),
    label    text GENERATED ALWAYS AS (person || ': ' || coalesce(tags[1], 'none')) STORED,
    PRIMARY KEY (person, number),
    UNIQUE NULLS NOT DISTINCT (person, label, number),
    EXCLUDE USING btree (person WITH =, number WITH =),
    FOREIGN KEY (person) REFERENCES people ON DELETE RESTRICT,
    FOREIGN KEY (person, note) REFERENCES notes (person, id) ON DELETE RESTRICT,
    FOREIGN KEY (person, reply_to) REFERENCES attachments
);
SELECT cellway_track('attachments', 'person');
`

const someAttachments = `INSERT INTO attachments (person, note, reply_to, meta, raw_json, tags, kind, kinds, size, share, price, content,
	taken_at, span, days, took, flags, address, place, words, ratio, "Odd ""column")
VALUES ($1, (SELECT id FROM notes WHERE person = $1 LIMIT 1), NULL, '{"a": [1, null, {"b": 1.10}], "z": "\\N\t"}', '{"b":1,  "a":2, "b":3}',
	ARRAY['a,b', 'with "quotes"', NULL, '', E'back\\slash\n'], 'it''s a scan', '[2:3]={ünï,photo}', ROW(1, NULL, 'c,"m)'), 12.50,
	12345678901234567890.000000000000001, '\x00ff5c', '0099-12-31 23:59:59.999999 BC', '[2024-01-01, infinity)', '{[1,3),[7,9)}',
	'-1 year 2 mons -3 days 04:05:06.789', B'10110', '2001:db8::/32', '(0.1,-1e-300)', 'fat:1A cat:2B', 0.1::real, 'pad'),
	($1, NULL, NULL, 'null', NULL, '{}', NULL, NULL, NULL, NULL, 'NaN', '', '-infinity', 'empty', '{}', NULL, '', NULL, NULL, '', '-0', NULL)`

// everything is each row of a table of one partition, with every column, generated ones included.
func everything(t testing.TB, c *testCell, table string, p any) string {
	t.Helper()
	return one[string](t, c.platform, `SELECT coalesce(string_agg((to_jsonb(r) - 'cellway_xid')::text || r."all", E'\n' ORDER BY r."all"), '')
		FROM (SELECT x.*, x::text AS "all" FROM (SELECT `+c.columns(t, table)+`, cellway_partition FROM `+table+`) x) r WHERE cellway_partition = $1`, p)
}

func (c *testCell) columns(t testing.TB, table string) string {
	t.Helper()
	return one[string](t, c.platform, `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute
		WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT LIKE 'cellway%'`, table)
}

// add runs one more migration of the application.
func (c *testCell) add(t testing.TB, sql string) {
	t.Helper()
	cfg := c.migrate
	files := maps.Clone(testApp)
	files["00002_more.sql"] = &fstest.MapFile{Data: []byte(sql)}
	cfg.App = files
	if err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func TestATableOfAnyTypesMovesWithItsCustomers(t *testing.T) {
	for name, apart := range map[string]bool{"two schemas": false, "two databases": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, apart)
			s.source.add(t, attachments)
			s.target.add(t, attachments)
			for n := range 3 {
				key := s.source.person(t, s.p, n)
				exec(t, s.source.app, someAttachments, key)
				exec(t, s.source.app, `INSERT INTO attachments (person, reply_to) SELECT person, number FROM attachments WHERE person = $1`, key)
			}
			exec(t, s.source.app, someAttachments, s.source.person(t, s.p+1, 0)) // stays
			tables := []string{"people", "notes", "attachments"}
			before := map[string]string{}
			for _, table := range tables {
				if before[table] = everything(t, s.source, table, s.p); before[table] == "" {
					t.Fatalf("no rows in %s", table)
				}
			}
			// Taken back once and begun again, so that the rows are deleted at the target in between.
			cmd := command("m1", 2)
			s.begin(t, cmd)
			s.copy(t, cmd)
			s.pull(t, s.fence(t, cmd))
			s.undo(t, cmd)
			for _, table := range tables {
				if left := everything(t, s.target, table, s.p); left != "" {
					t.Errorf("%s after the undo: %s", table, left)
				}
			}
			s.move(t, "m2", 3)
			s.arrivedWhole(t, before)
			// And back, over a sequence that has gone on meanwhile.
			key := keyOf(s.p, 0)
			exec(t, s.target.app, `INSERT INTO attachments (person) SELECT $1 FROM generate_series(1, 20)`, key)
			before["attachments"] = everything(t, s.target, "attachments", s.p)
			back := stage{source: s.target, target: s.source, p: s.p}
			back.move(t, "m3", 4)
			back.arrivedWhole(t, before)
			exec(t, s.source.app, `INSERT INTO attachments (person) SELECT $1 FROM generate_series(1, 50)`, key)
		})
	}
}

// arrivedWhole: what left the source is at the target, value for value.
func (s stage) arrivedWhole(t testing.TB, before map[string]string) {
	t.Helper()
	for table, want := range before {
		if got := everything(t, s.target, table, s.p); got != want {
			t.Errorf("%s came as\n%.3000s\nleft as\n%.3000s", table, got, want)
		}
		if left := everything(t, s.source, table, s.p); left != "" {
			t.Errorf("%s was left behind: %.300s", table, left)
		}
	}
}

// The application that we ship, with its own migrations: notes go with their customer, when it moves and when it is
// deleted.
func TestCustomersMoveWithTheirNotes(t *testing.T) {
	s := stage{p: 3}
	url := testenv.Postgres(t)
	s.source, s.target = newCellOf(t, url, "cell-a", migrations.Customers), newCellOf(t, url, "cell-b", migrations.Customers)
	s.source.assignAll(t)
	for n := range 2 {
		exec(t, s.source.app, `INSERT INTO customers (customer_id, name, email) VALUES ($1, 'A', 'a@b')`, keyOf(s.p, n))
		exec(t, s.source.app, `INSERT INTO notes (customer_id, note_id, text) SELECT $1, gen_random_uuid(), 'note ' || i FROM generate_series(1, 3) AS i`, keyOf(s.p, n))
	}
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	exec(t, s.source.app, `DELETE FROM customers WHERE customer_id = $1`, keyOf(s.p, 1))
	dead := one[string](t, s.source.platform, `SELECT string_agg(table_name || ':' || (key ->> 'customer_id') || ':' || (SELECT count(*) FROM jsonb_object_keys(key)), ' ' ORDER BY table_name)
		FROM cellway_tombstones WHERE partition = $1`, s.p)
	gone := keyOf(s.p, 1)
	if want := "customers:" + gone + ":1 notes:" + gone + ":2 notes:" + gone + ":2 notes:" + gone + ":2"; dead != want {
		t.Errorf("tombstones %s, want %s", dead, want)
	}
	before := map[string]string{"customers": everything(t, s.source, "customers", s.p), "notes": everything(t, s.source, "notes", s.p)}
	fenced := s.fence(t, cmd)
	for _, sql := range []string{`DELETE FROM customers WHERE customer_id = $1`, `UPDATE notes SET text = 'x' WHERE customer_id = $1`, `DELETE FROM notes WHERE customer_id = $1`} {
		if _, err := s.source.app.Exec(t.Context(), sql, keyOf(s.p, 0)); sqlState(err) != SQLFenced {
			t.Errorf("%s: %v", sql, err)
		}
	}
	s.pull(t, fenced)
	s.undo(t, cmd)
	s.move(t, "m2", 3)
	s.arrivedWhole(t, before)
	if n := one[int](t, s.source.platform, `SELECT count(*) FROM cellway_tombstones`); n != 0 {
		t.Errorf("%d tombstones are left: a sweep is not a deletion", n)
	}
	exec(t, s.target.app, `DELETE FROM customers WHERE customer_id = $1`, keyOf(s.p, 0))
	if n := one[int](t, s.target.platform, `SELECT count(*) FROM notes`); n != 0 {
		t.Errorf("%d notes outlive their customer", n)
	}
	if row, err := s.target.Row(t.Context(), s.p); err != nil || row.State != protocol.StateOwned {
		t.Errorf("%+v, %v", row, err)
	}
}

// newCellOf is newCell with other migrations of the application.
func newCellOf(t testing.TB, superuser, name string, app fs.FS) *testCell {
	t.Helper()
	c := &testCell{name: name, migrate: prepare(t, superuser, name)}
	c.migrate.App = app
	if err := Migrate(t.Context(), c.migrate); err != nil {
		t.Fatal(err)
	}
	c.schema, c.appURL = c.migrate.Schema, withUser(t, superuser, c.migrate.AppRole)
	c.admin, c.platform, c.app = connect(t, superuser), connect(t, c.migrate.URL), connect(t, c.appURL)
	c.Ledger = open(t, c.platform, name)
	return c
}
