package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cellway/cellway/internal/testenv"
)

func TestTrackingRefusesWhatCouldNotMoveAndSaysTheRemedy(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	const shop = `CREATE TABLE shop (person text PRIMARY KEY, nick text);`
	for name, tc := range map[string]struct{ sql, says string }{
		"missing table":            {`SELECT cellway_track('nowhere', 'person')`, "create it first"},
		"missing column":           {shop + `SELECT cellway_track('shop', 'buyer')`, "it has no column buyer"},
		"nullable key":             {`CREATE TABLE s (id int PRIMARY KEY, person text); SELECT cellway_track('s', 'person')`, "SET NOT NULL"},
		"key of another type":      {`CREATE TABLE s (person uuid PRIMARY KEY); SELECT cellway_track('s', 'person')`, "make it text"},
		"loose collation":          {`CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TABLE s (person text COLLATE ci PRIMARY KEY); SELECT cellway_track('s', 'person')`, "deterministic"},
		"generated key":            {`CREATE TABLE s (n text, person text GENERATED ALWAYS AS (lower(n)) STORED PRIMARY KEY); SELECT cellway_track('s', 'person')`, "store it"},
		"no primary key":           {`CREATE TABLE s (person text NOT NULL); SELECT cellway_track('s', 'person')`, "add one that contains person"},
		"primary key without it":   {`CREATE TABLE s (id int PRIMARY KEY, person text NOT NULL); SELECT cellway_track('s', 'person')`, "add person to it"},
		"unique constraint":        {`CREATE TABLE s (person text PRIMARY KEY, nick text UNIQUE); SELECT cellway_track('s', 'person')`, "s_nick_key lacks the key column"},
		"unique index":             {shop + `CREATE UNIQUE INDEX by_nick ON shop (lower(nick)); SELECT cellway_track('shop', 'person')`, "by_nick lacks the key column"},
		"key only included":        {shop + `CREATE UNIQUE INDEX by_nick ON shop (nick) INCLUDE (person); SELECT cellway_track('shop', 'person')`, "by_nick lacks the key column"},
		"reference to untracked":   {`CREATE TABLE u (person text PRIMARY KEY); CREATE TABLE s (person text PRIMARY KEY REFERENCES u); SELECT cellway_track('s', 'person')`, "track u first"},
		"reference from untracked": {shop + `CREATE TABLE u (person text REFERENCES shop); SELECT cellway_track('shop', 'person')`, "comes from cell_a.u, which is not tracked"},
		"reference beside the key": {`CREATE TABLE s (person text PRIMARY KEY, friend text REFERENCES people); SELECT cellway_track('s', 'person')`, "add that pair"},
		"reference across":         {`CREATE TABLE s (person text, friend text, PRIMARY KEY (person, friend), UNIQUE (friend, person), FOREIGN KEY (friend, person) REFERENCES s (person, friend)); SELECT cellway_track('s', 'person')`, "add that pair"},
		"another key":              {`SELECT cellway_track('notes', 'body')`, "tracked by person already"},
		"partitioned table":        {`CREATE TABLE s (person text PRIMARY KEY) PARTITION BY HASH (person); SELECT cellway_track('s', 'person')`, "plain"},
		"unlogged table":           {`CREATE UNLOGGED TABLE s (person text PRIMARY KEY); SELECT cellway_track('s', 'person')`, "plain"},
		"schema in the name":       {`SELECT cellway_track('cell_a.people', 'person')`, "without its schema"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.platform.Exec(t.Context(), tc.sql) // one implicit transaction
			pg, ok := errors.AsType[*pgconn.PgError](err)
			if !ok || pg.Code != SQLRefused || !strings.Contains(pg.Message, tc.says) {
				t.Fatalf("got %v, want %s with %q", err, SQLRefused, tc.says)
			}
		})
	}
}

func TestTrackingAgainIsFine(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	exec(t, c.platform, `SELECT cellway_track('notes', 'person')`)
	if n := one[int](t, c.platform, `SELECT count(*) FROM pg_trigger WHERE tgrelid = 'notes'::regclass AND tgname LIKE '~cellway%'`); n != 2 {
		t.Fatalf("%d triggers, want 2", n)
	}
}

func TestRowsThatExistWhenTheirTableIsTrackedGetTheirPartition(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	exec(t, c.platform, `CREATE TABLE old (person text PRIMARY KEY, touched boolean NOT NULL DEFAULT false)`)
	exec(t, c.platform, `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched := true; RETURN NEW; END'`)
	exec(t, c.platform, `CREATE TRIGGER touch BEFORE UPDATE ON old FOR EACH ROW EXECUTE FUNCTION touch()`)
	exec(t, c.platform, `INSERT INTO old SELECT 'p' || n FROM generate_series(1, 100) AS n`)
	exec(t, c.platform, `SELECT cellway_track('old', 'person')`)
	bad := one[int](t, c.platform, `SELECT count(*) FROM old
		WHERE touched OR cellway_partition <> cellway_partition_of(person) OR cellway_xid IS NULL`)
	if n := one[int](t, c.app, `SELECT count(*) FROM old`); bad != 0 || n != 100 {
		t.Fatalf("%d of %d rows are wrong, or were run through triggers", bad, n)
	}
}

func TestTheFenceSeesTheRowAsOtherTriggersLeftIt(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	exec(t, c.platform, `CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.person := NEW.person || ''-x''; RETURN NEW; END'`)
	exec(t, c.platform, `CREATE TRIGGER zzz_shift BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION shift()`)
	exec(t, c.app, `INSERT INTO people (person) SELECT 'p' || n FROM generate_series(1, 50) AS n`)
	if n := one[int](t, c.platform, `SELECT count(*) FROM people WHERE cellway_partition <> cellway_partition_of(person)`); n != 0 {
		t.Fatalf("%d rows carry the partition of another key", n)
	}
}

func TestAVeryLongTableNameIsTracked(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	long := strings.Repeat("t", 62)
	for _, name := range []string{long + "1", long + "2", "Odd \"name'%s"} {
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		exec(t, c.platform, `CREATE TABLE `+quoted+` ("Per%son" text PRIMARY KEY)`)
		exec(t, c.platform, `SELECT cellway_track($1, 'Per%son')`, name)
		exec(t, c.app, `INSERT INTO `+quoted+` VALUES ('x')`)
		if n, err := c.CountOwned(t.Context(), name); err != nil || n != 1 {
			t.Fatalf("%s: %d rows, %v", name, n, err)
		}
	}
}
