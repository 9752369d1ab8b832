package ledger

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
)

// force puts a partition into a state, as no step would.
func (c *testCell) force(t testing.TB, p placement.Partition, state protocol.State) {
	t.Helper()
	exec(t, c.admin, `UPDATE `+c.table("cellway_partitions")+` SET state = $2, epoch = 7, peer = 'cell-b', read_fence = 0,
		move = CASE WHEN $2 IN ('importing', 'ready', 'fenced') THEN 'm' ELSE '' END,
		deadline = CASE WHEN $2 = 'fenced' THEN now() + interval '1 hour' END WHERE partition = $1`, p, state)
}

// person adds one to the partition, with a note, and returns the key.
func (c *testCell) person(t testing.TB, p placement.Partition, n int) string {
	t.Helper()
	key := keyOf(p, n)
	exec(t, c.app, `INSERT INTO people (person, name) VALUES ($1, 'Ada')`, key)
	exec(t, c.app, `INSERT INTO notes (person, body) VALUES ($1, 'hello')`, key)
	return key
}

// statements that write to a partition, by what they are; $1 is the key of a person there, $2 one that is not there yet.
var statements = map[string]string{
	"insert":                   `INSERT INTO people (person) VALUES ($2)`,
	"insert of a child":        `INSERT INTO notes (person) VALUES ($1)`,
	"update":                   `UPDATE people SET name = 'Eve' WHERE person = $1`,
	"update of nothing":        `UPDATE people SET person = person WHERE person = $1`,
	"update of all":            `UPDATE people SET name = 'Eve'`,
	"delete":                   `DELETE FROM notes WHERE person = $1`,
	"upsert of a new row":      `INSERT INTO people (person) VALUES ($2) ON CONFLICT (person) DO UPDATE SET name = 'Eve'`,
	"upsert of an old row":     `INSERT INTO people (person) VALUES ($1) ON CONFLICT (person) DO UPDATE SET name = 'Eve'`,
	"insert or nothing":        `INSERT INTO people (person) VALUES ($1) ON CONFLICT DO NOTHING`,
	"merge":                    `MERGE INTO people p USING (VALUES ($1)) AS v (k) ON p.person = v.k WHEN MATCHED THEN UPDATE SET name = 'Eve'`,
	"in a CTE":                 `WITH gone AS (DELETE FROM notes WHERE person = $1 RETURNING body) SELECT count(*) FROM gone`,
	"forged partition":         `INSERT INTO people (person, cellway_partition) VALUES ($2, 0)`,
	"update of the partition":  `UPDATE people SET cellway_partition = 0 WHERE person = $1`,
	"with the import's switch": `UPDATE people SET name = 'Eve' WHERE person = $1 AND set_config('cellway.import', 'on', false) = 'on'`,
}

func TestNoStatementGetsPastTheFence(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	p := placement.Partition(3)
	key, other := c.person(t, p, 0), keyOf(p, 1)
	want := map[protocol.State]string{
		protocol.StateAbsent: SQLNotOwned, protocol.StateMoved: SQLNotOwned, protocol.StateFenced: SQLFenced,
		protocol.StateImporting: SQLFenced, protocol.StateReady: SQLFenced,
	}
	users := map[string]func() *pgx.Conn{
		"application": func() *pgx.Conn { return session(t, c.appURL, "") },
		"platform":    func() *pgx.Conn { return session(t, c.migrate.URL, "") },
		"superuser":   func() *pgx.Conn { return session(t, c.admin.Config().ConnString(), c.schema) },
		"replica": func() *pgx.Conn {
			conn := session(t, c.admin.Config().ConnString(), c.schema)
			exec(t, conn, `SET session_replication_role = replica`)
			return conn
		},
	}
	for user, connect := range users {
		conn := connect()
		for state, code := range want {
			c.force(t, p, state)
			for name, sql := range statements {
				if user == "platform" && name == "with the import's switch" {
					continue // the platform's own way past the fence, which it takes under the row's lock
				}
				t.Run(user+"/"+string(state)+"/"+name, func(t *testing.T) {
					if got := sqlState(run(t, conn, sql, key, other)); got != code {
						t.Fatalf("got %q, want %s", got, code)
					}
				})
			}
			t.Run(user+"/"+string(state)+"/copy", func(t *testing.T) {
				_, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(other+"\n"), `COPY people (person) FROM STDIN`)
				if got := sqlState(err); got != code {
					t.Fatalf("got %q, want %s", got, code)
				}
			})
		}
	}
	c.force(t, p, protocol.StateOwned)
	if n := one[int](t, c.admin, `SELECT count(*) FROM `+c.table("people")+` WHERE name = 'Ada'`); n != 1 {
		t.Errorf("the person was changed, or is not alone")
	}
	if n := one[int](t, c.admin, `SELECT count(*) FROM `+c.table("notes")); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}

// run executes a statement that uses some of the two keys.
func run(t testing.TB, conn *pgx.Conn, sql, key, other string) error {
	t.Helper()
	sql = strings.NewReplacer("$1", literal(key), "$2", literal(other)).Replace(sql)
	_, err := conn.Exec(t.Context(), sql)
	return err
}

func session(t testing.TB, url, schema string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	if schema != "" {
		exec(t, conn, `SET search_path = `+pgx.Identifier{schema}.Sanitize())
	}
	return conn
}

func TestOwnedPartitionsTakeEveryWriteAndNumberItsRows(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	p := placement.Partition(3)
	key := c.person(t, p, 0)
	for name, sql := range statements {
		if err := run(t, session(t, c.appURL, ""), sql, key, keyOf(p, 1)); err != nil && sqlState(err) != sqlUniqueViolation {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := one[int](t, c.admin, `SELECT count(*) FROM `+c.table("people")+` WHERE cellway_partition <> $1`, p); n != 0 {
		t.Errorf("%d rows carry another partition than their key's", n)
	}
}

func TestAKeyNeverChangesAndNoTableIsTruncated(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	key, other := c.person(t, 3, 0), keyOf(4, 0)
	for user, conn := range map[string]*pgx.Conn{
		"application": session(t, c.appURL, ""),
		"platform":    session(t, c.migrate.URL, ""),
		"superuser":   session(t, c.admin.Config().ConnString(), c.schema),
	} {
		exec(t, conn, `SELECT set_config('cellway.import', CASE WHEN $1 = 'platform' THEN '' ELSE 'on' END, false)`, user)
		for name, sql := range map[string]string{
			"update":   `UPDATE people SET person = $2 WHERE person = $1`,
			"upsert":   `INSERT INTO people (person) VALUES ($1) ON CONFLICT (person) DO UPDATE SET person = $2`,
			"truncate": `TRUNCATE people CASCADE`,
		} {
			got := sqlState(run(t, conn, sql, key, other))
			// The application's role may not truncate at all.
			if got != SQLRefused && !(name == "truncate" && user == "application" && got == "42501") {
				t.Errorf("%s by %s: got %q", name, user, got)
			}
		}
	}
}

func TestARefusalNamesTheOwnerAndItsEpoch(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	key := c.person(t, 3, 0)
	c.force(t, 3, protocol.StateMoved)
	_, err := c.app.Exec(t.Context(), `UPDATE people SET name = 'Eve' WHERE person = $1`, key)
	cell, epoch, parseErr := protocol.ParseOwner(detail(err))
	if parseErr != nil || cell != "cell-b" || epoch != 7 {
		t.Fatalf("detail %q of %v", detail(err), err)
	}
	c.force(t, 3, protocol.StateFenced)
	_, err = c.app.Exec(t.Context(), `UPDATE people SET name = 'Eve' WHERE person = $1`, key)
	if detail(err) != "state=fenced; epoch=7" {
		t.Fatalf("detail %q of %v", detail(err), err)
	}
}

func TestDeletesLeaveTombstonesOnlyWhileTheRowNamesAMove(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	tombstones := func() int { return one[int](t, s.source.platform, `SELECT count(*) FROM cellway_tombstones`) }
	s.source.person(t, s.p, 1)
	exec(t, s.source.app, `DELETE FROM notes WHERE person = $1`, key)
	if n := tombstones(); n != 0 {
		t.Fatalf("%d tombstones without a move", n)
	}
	s.begin(t, command("m1", 2))
	exec(t, s.source.app, `DELETE FROM people WHERE person = $1`, key)
	got := one[string](t, s.source.platform, `SELECT table_name || ' ' || partition || ' ' || key FROM cellway_tombstones`)
	if want := `people 3 {"person": "` + key + `"}`; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	// A foreign key's action runs as the tables' owner, and anybody may set the switch: it must not silence the child.
	exec(t, s.source.app, `DELETE FROM people WHERE person = $1 AND set_config('cellway.import', 'on', false) = 'on'`, keyOf(s.p, 1))
	if n := tombstones(); n != 3 {
		t.Fatalf("%d tombstones, want 3: one of the first person, one of the second, one of the second's note", n)
	}
	do(t, s.source.Release, s.p, command("m1", 2))
	if n := tombstones(); n != 0 {
		t.Fatalf("%d tombstones after the release", n)
	}
}
