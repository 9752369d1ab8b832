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
		"inheritance":              {shop + `CREATE TABLE s () INHERITS (shop); SELECT cellway_track('shop', 'person')`, "plain"},
		"a view":                   {`CREATE VIEW s AS SELECT 'x'::text AS person; SELECT cellway_track('s', 'person')`, "plain"},
		"partial unique index":     {shop + `CREATE UNIQUE INDEX by_nick ON shop (nick) WHERE nick <> ''; SELECT cellway_track('shop', 'person')`, "add person to it"},
		"exclusion without it":     {`CREATE TABLE s (person text PRIMARY KEY, nick text, EXCLUDE USING hash (nick WITH =)); SELECT cellway_track('s', 'person')`, "s_nick_excl lacks the key column"},
		"deferrable primary key":   {`CREATE TABLE s (person text PRIMARY KEY DEFERRABLE); SELECT cellway_track('s', 'person')`, "make it NOT DEFERRABLE"},
		"generated in primary key": {`CREATE TABLE s (person text, n text GENERATED ALWAYS AS (lower(person)) STORED, PRIMARY KEY (person, n)); SELECT cellway_track('s', 'person')`, "store it, or leave it out"},
		"shared sequence":          {`CREATE SEQUENCE q; CREATE TABLE s (person text, n int DEFAULT nextval('q'), PRIMARY KEY (person, n)); SELECT cellway_track('s', 'person')`, "OWNED BY s.n"},
		"another column's":         {`CREATE TABLE s (person text, n serial, m int DEFAULT nextval('s_n_seq'), PRIMARY KEY (person, n)); SELECT cellway_track('s', 'person')`, "its column m draws from the sequence cell_a.s_n_seq"},
		"sequence that falls":      {`CREATE TABLE s (person text, n int GENERATED ALWAYS AS IDENTITY (INCREMENT BY -1), PRIMARY KEY (person, n)); SELECT cellway_track('s', 'person')`, "INCREMENT BY 1 NO CYCLE"},
		"sequence that cycles":     {`CREATE TABLE s (person text, n int GENERATED ALWAYS AS IDENTITY (CYCLE), PRIMARY KEY (person, n)); SELECT cellway_track('s', 'person')`, "INCREMENT BY 1 NO CYCLE"},
		"sequence of texts":        {`CREATE SEQUENCE q; CREATE TABLE s (person text, n text DEFAULT 'N' || nextval('q'), PRIMARY KEY (person, n)); ALTER SEQUENCE q OWNED BY s.n; SELECT cellway_track('s', 'person')`, "make the column bigint"},
		"large object":             {`CREATE TABLE s (person text PRIMARY KEY, photo oid); SELECT cellway_track('s', 'person')`, "store the content (bytea)"},
		"array of objects' names":  {`CREATE DOMAIN tables AS regclass[]; CREATE TABLE s (person text PRIMARY KEY, t tables); SELECT cellway_track('s', 'person')`, "its column t is of type regclass"},
		"column of our name":       {`CREATE TABLE s (person text PRIMARY KEY, cellway_xid text); SELECT cellway_track('s', 'person')`, "rename the column"},
		"trigger":                  {shop + touch + `CREATE TRIGGER touch AFTER DELETE ON shop FOR EACH ROW EXECUTE FUNCTION touch(); SELECT cellway_track('shop', 'person')`, "give it WHEN (coalesce(current_setting('cellway.import'"},
		"trigger of statements":    {shop + touch + `CREATE TRIGGER touch BEFORE INSERT ON shop EXECUTE FUNCTION touch(); SELECT cellway_track('shop', 'person')`, "its trigger touch would run again"},
		"constraint trigger":       {shop + touch + `CREATE CONSTRAINT TRIGGER touch AFTER UPDATE ON shop DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch(); SELECT cellway_track('shop', 'person')`, "its trigger touch would run again"},
		"trigger for replicas":     {shop + touch + `CREATE TRIGGER touch AFTER INSERT ON shop FOR EACH ROW EXECUTE FUNCTION touch(); ALTER TABLE shop ENABLE ALWAYS TRIGGER touch; SELECT cellway_track('shop', 'person')`, "its trigger touch would run again"},
		"trigger behind the fence": {shop + touch + `CREATE TRIGGER "~~touch" BEFORE INSERT ON shop FOR EACH ROW ` + spared + ` EXECUTE FUNCTION touch(); SELECT cellway_track('shop', 'person')`, "RENAME TO"},
		"rule":                     {shop + `CREATE RULE keep AS ON DELETE TO shop DO INSTEAD NOTHING; SELECT cellway_track('shop', 'person')`, "its rule keep"},
		"row security of all":      {shop + `ALTER TABLE shop ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; SELECT cellway_track('shop', 'person')`, "NO FORCE ROW LEVEL SECURITY"},
		"circle": {`CREATE TABLE s (person text PRIMARY KEY); CREATE TABLE u (person text PRIMARY KEY REFERENCES s);
			SELECT cellway_track('s', 'person'); SELECT cellway_track('u', 'person'); ALTER TABLE s ADD FOREIGN KEY (person) REFERENCES u; SELECT cellway_track('s', 'person')`, "DEFERRABLE INITIALLY DEFERRED"},
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

// touch is a trigger's function; spared makes a trigger leave alone what moves do.
const (
	touch  = `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.nick := ''touched''; RETURN NEW; END';`
	spared = `WHEN (coalesce(current_setting('cellway.import', true), '') <> 'on')`
)

func TestAnExclusionThatDoesNotCompareTheKeysByEqualityIsRefused(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	exec(t, c.admin, `CREATE EXTENSION btree_gist SCHEMA cell_a`)
	exec(t, c.platform, `CREATE TABLE s (person text, n int, PRIMARY KEY (person, n), EXCLUDE USING gist (person WITH <>, n WITH =))`)
	_, err := c.platform.Exec(t.Context(), `SELECT cellway_track('s', 'person')`)
	if sqlState(err) != SQLRefused || !contains(err, "say person WITH =") {
		t.Errorf("got %v", err)
	}
}

// What looks like the above and moves all the same: triggers that spare moves, row security that binds the
// application alone, foreign keys in a deferred circle, and within a table.
func TestWhatSparesMovesIsTrackedAndMoves(t *testing.T) {
	s := newStage(t, false)
	const tables = `
-- +goose Up
CREATE TABLE shop (person text PRIMARY KEY REFERENCES people, nick text, best int);
CREATE TABLE orders (person text REFERENCES shop DEFERRABLE INITIALLY DEFERRED, n serial, up int, PRIMARY KEY (person, n),
	FOREIGN KEY (person, up) REFERENCES orders ON DELETE RESTRICT);
-- +goose StatementBegin
` + touch + `
-- +goose StatementEnd
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON shop FOR EACH ROW ` + spared + ` EXECUTE FUNCTION touch();
CREATE TRIGGER off AFTER DELETE ON shop FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE shop DISABLE TRIGGER off;
ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON shop USING (best IS NULL OR best > 0);
SELECT cellway_track('shop', 'person');
SELECT cellway_track('orders', 'person');
ALTER TABLE shop ADD FOREIGN KEY (person, best) REFERENCES orders DEFERRABLE INITIALLY DEFERRED;
`
	s.source.add(t, tables)
	s.target.add(t, tables)
	key := s.source.person(t, s.p, 0)
	exec(t, s.source.app, `INSERT INTO shop (person) VALUES ($1)`, key)
	exec(t, s.source.app, `INSERT INTO orders (person, n, up) VALUES ($1, 1, 2), ($1, 2, 1)`, key)
	exec(t, s.source.app, `UPDATE shop SET best = 2`)
	exec(t, s.source.platform, `ALTER TABLE shop DISABLE TRIGGER touch`)
	exec(t, s.source.app, `UPDATE shop SET nick = 'as it was'`)
	exec(t, s.source.platform, `ALTER TABLE shop ENABLE TRIGGER touch`)
	before := map[string]string{}
	for _, table := range []string{"people", "notes", "shop", "orders"} {
		before[table] = everything(t, s.source, table, s.p)
	}
	s.move(t, "m1", 2)
	s.arrivedWhole(t, before)
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
	exec(t, c.platform, `CREATE TRIGGER touch BEFORE UPDATE ON old FOR EACH ROW `+spared+` EXECUTE FUNCTION touch()`)
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
