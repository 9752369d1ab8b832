package ledger

import (
	"context"
	osexec "os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/internal/testgroup"
)

const update = `UPDATE people SET name = 'Eve' WHERE person = $1`

// blocked waits until some session of the database waits for a lock.
func (c *testCell) blocked(t testing.TB) {
	t.Helper()
	eventually(t, "a session waits for a lock", func() bool {
		return one[bool](t, c.admin, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`)
	})
}

func TestAWriteThatWaitedForTheFenceIsRefused(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	s.begin(t, command("m1", 2))
	for isolation, want := range map[pgx.TxIsoLevel]string{
		pgx.ReadCommitted:  SQLFenced,
		pgx.RepeatableRead: "40001",
		pgx.Serializable:   "40001",
	} {
		t.Run(string(isolation), func(t *testing.T) {
			writer, err := session(t, s.source.appURL, "").BeginTx(t.Context(), pgx.TxOptions{IsoLevel: isolation})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = writer.Rollback(context.WithoutCancel(t.Context())) }()
			one[int](t, writer, `SELECT count(*) FROM people`) // takes the snapshot
			// The fence, held open before its commit.
			fencer := session(t, s.source.migrate.URL, "")
			exec(t, fencer, `BEGIN`)
			exec(t, fencer, `UPDATE cellway_partitions SET state = 'fenced', move = 'm', deadline = now() + interval '1 hour' WHERE partition = $1`, s.p)
			wrote := make(chan error, 1)
			go func() {
				_, err := writer.Exec(context.WithoutCancel(t.Context()), update, key)
				wrote <- err
			}()
			s.source.blocked(t)
			exec(t, fencer, `COMMIT`)
			if got := sqlState(<-wrote); got != want {
				t.Fatalf("got %q, want %s", got, want)
			}
			s.source.force(t, s.p, protocol.StateOwned)
		})
	}
}

func TestATransactionThatBeganBeforeTheFenceIsRefused(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	s.begin(t, command("m1", 2))
	writer, err := session(t, s.source.appURL, "").BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	one[int](t, writer, `SELECT count(*) FROM people`)
	s.fence(t, command("m1", 2))
	if _, err := writer.Exec(t.Context(), update, key); sqlState(err) != "40001" {
		t.Fatalf("got %v", err)
	}
	_ = writer.Rollback(t.Context())
}

func TestTheFenceWaitsForAWriterUntilItEnds(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	writer := session(t, s.source.appURL, "")
	exec(t, writer, `BEGIN`)
	exec(t, writer, update, key)
	_, err := s.source.Fence(t.Context(), s.p, cmd)
	refused(t, protocol.CodeLocked, err)
	exec(t, writer, `COMMIT`)
	s.fence(t, cmd)
}

func TestASavepointRolledBackGivesTheLockBackAndTheNextWriteIsRefused(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	s.begin(t, command("m1", 2))
	writer := session(t, s.source.appURL, "")
	exec(t, writer, `BEGIN`)
	exec(t, writer, `SAVEPOINT s`)
	exec(t, writer, update, key)
	exec(t, writer, `ROLLBACK TO SAVEPOINT s`)
	s.fence(t, command("m1", 2)) // not CodeLocked: the savepoint's lock is gone
	if got := sqlState(run(t, writer, update, key, "")); got != SQLFenced {
		t.Fatalf("got %q", got)
	}
}

func TestTheApplicationsRoleInPsqlIsFencedAndHasNothingOfThePlatforms(t *testing.T) {
	psql, err := osexec.LookPath("psql")
	if err != nil {
		testgroup.NotRun(t, "the fence as psql meets it", err) // through pgx it is met in TestNoStatementGetsPastTheFence
	}
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	key, other := c.person(t, 3, 0), keyOf(3, 1)
	c.force(t, 3, protocol.StateFenced)
	ask := func(script string) string {
		cmd := osexec.CommandContext(t.Context(), psql, "-X", "-v", "VERBOSITY=verbose", "-d", c.appURL)
		cmd.Stdin = strings.NewReader(script)
		out, _ := cmd.CombinedOutput() // psql ends with 0 after a failed statement
		return string(out)
	}
	for script, want := range map[string]string{
		`INSERT INTO people (person) VALUES ('` + other + `');`:        SQLFenced,
		`UPDATE people SET name = 'Eve' WHERE person = '` + key + `';`: SQLFenced,
		`DELETE FROM notes;`: SQLFenced,
		"\\copy people (person) FROM STDIN\n" + other + "\n\\.\n":           SQLFenced,
		`BEGIN; SET cellway.import = 'on'; UPDATE people SET name = 'Eve';`: SQLFenced,
		`TRUNCATE notes;`:                                                                                  "42501",
		`SET session_replication_role = replica;`:                                                          "42501",
		`ALTER TABLE people DISABLE TRIGGER ALL;`:                                                          "42501",
		`SELECT * FROM cellway_partitions;`:                                                                "42501",
		`UPDATE cellway_partitions SET state = 'owned';`:                                                   "42501",
		`SELECT cellway_partition_of('x');`:                                                                "42501",
		`CREATE TABLE mine (x int);`:                                                                       "42501",
		`CREATE TEMP TABLE mine (x int);`:                                                                  "42501",
		`CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1';`:                                   "42501",
		`SELECT * FROM cellway_identity;`:                                                                  "42501",
		`INSERT INTO cellway_closing VALUES (3, 'x', 9, now() + '1 hour');`:                                "42501",
		`SELECT 'people: ' || count(*) FROM people;`:                                                       "people: ",
		`SELECT 'a number: ' || (nextval('notes_id_seq') > 0);`:                                            "a number: true",
		`INSERT INTO people (person) VALUES ('` + keyOf(4, 0) + `') RETURNING 'in ' || cellway_partition;`: "in 4",
	} {
		if got := ask(script); !strings.Contains(got, want) {
			t.Errorf("%s\nanswers %s\nwithout %s", script, got, want)
		}
	}
}
