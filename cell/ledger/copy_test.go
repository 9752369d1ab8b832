package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
)

// both cells' rows of the partition, as texts.
func (s stage) contents(t testing.TB) (source, target string) {
	t.Helper()
	return one[string](t, s.source.app, content, s.p), one[string](t, s.target.app, content, s.p)
}

func (s stage) mustBeAlike(t testing.TB) {
	t.Helper()
	if source, target := s.contents(t); source != target {
		t.Errorf("the source has\n%.3000s\nthe target\n%.3000s", source, target)
	}
}

// open begins a transaction of the application that ends with the test, if not before.
func (c *testCell) open(t testing.TB) pgx.Tx {
	t.Helper()
	tx, err := c.app.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func commit(t testing.TB, tx pgx.Tx) {
	t.Helper()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestRule7TransactionsOpenWhileItIsCopiedAreNotLost: each begins before the copy's snapshot and ends after a last
// round, so that the copy sees none of it, and no later number of a transaction leads to it.
func TestRule7TransactionsOpenWhileItIsCopiedAreNotLost(t *testing.T) {
	for name, work := range map[string][]string{
		"insert":                 {`INSERT INTO people (person, name) VALUES ('@2', 'new')`},
		"update":                 {`UPDATE people SET name = 'late' WHERE person = '@0'`},
		"delete":                 {`DELETE FROM people WHERE person = '@0'`},
		"the same row twice":     {`UPDATE people SET name = 'once' WHERE person = '@0'`, `UPDATE people SET name = 'twice' WHERE person = '@0'`},
		"two tables":             {`UPDATE people SET name = 'late' WHERE person = '@0'`, `INSERT INTO notes (person, body) VALUES ('@0', 'late')`},
		"insert and delete":      {`INSERT INTO people (person) VALUES ('@2')`, `DELETE FROM people WHERE person = '@2'`},
		"delete and insert":      {`DELETE FROM people WHERE person = '@0'`, `INSERT INTO people (person, name) VALUES ('@0', 'again')`},
		"delete, insert, delete": {`DELETE FROM notes WHERE person = '@0'`, `INSERT INTO notes (id, person) VALUES (900, '@0')`, `DELETE FROM notes WHERE id = 900`},
		"another primary key":    {`UPDATE notes SET id = id + 500 WHERE person = '@0'`},
		"savepoints": {
			`SAVEPOINT a`, `UPDATE people SET name = 'kept' WHERE person = '@0'`, `RELEASE a`,
			`SAVEPOINT b`, `DELETE FROM notes WHERE person = '@1'`, `ROLLBACK TO b`,
			`SAVEPOINT c`, `INSERT INTO notes (person, body) VALUES ('@1', 'kept')`, `RELEASE c`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, false)
			s.source.person(t, s.p, 0)
			s.source.person(t, s.p, 1)
			cmd := command("m1", 2)
			s.begin(t, cmd)
			tx := s.source.open(t)
			exec(t, tx, `INSERT INTO people (person) VALUES ($1)`, keyOf(s.p, 5)) // it has its number now
			for i, sql := range work {
				if i > 0 && i == len(work)-1 {
					s.copy(t, cmd) // between its changes
				}
				exec(t, tx, s.keys(sql))
			}
			s.copy(t, cmd)
			exec(t, s.source.app, `INSERT INTO people (person) VALUES ($1)`, keyOf(s.p, 6)) // a later number, sent first
			s.copy(t, cmd)
			commit(t, tx)
			cmd = s.fence(t, cmd)
			s.pull(t, cmd)
			s.mustBeAlike(t)
			s.handOverAndSweep(t, cmd)
		})
	}
}

// keys puts the partition's keys into a statement.
func (s stage) keys(sql string) string {
	for n := range 3 {
		sql = string(bytes.ReplaceAll([]byte(sql), fmt.Append(nil, "@", n), []byte(keyOf(s.p, n))))
	}
	return sql
}

// handOverAndSweep ends a move whose target is ready: what the check finds is not for it to decide.
func (s stage) handOverAndSweep(t testing.TB, cmd protocol.Command) {
	t.Helper()
	s.finish(t, cmd)
	for _, c := range []*testCell{s.source, s.target} {
		if n := c.noted(t); n != 0 {
			t.Errorf("%s: %d notes and tombstones are left", c.name, n)
		}
	}
}

// noted counts what the cell noted of rows that changed.
func (c *testCell) noted(t testing.TB) int {
	t.Helper()
	return one[int](t, c.platform, `SELECT (SELECT count(*) FROM cellway_touched) + (SELECT count(*) FROM cellway_tombstones)`)
}

func TestRule7TheMarkIsSetOncePerAttemptBeforeTheFirstBatch(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	first := s.copy(t, cmd).Row
	exec(t, s.source.app, `UPDATE people SET name = 'other'`)
	second := s.copy(t, cmd).Row
	if first.Base == "" || second.Base != first.Base || second.Mark == first.Mark || second.Batch <= first.Batch {
		t.Errorf("%+v, then %+v", first, second)
	}
	s.begin(t, cmd)
	row := s.attemptRow(t)
	if row.Base != "" || row.Mark != "" || row.Copied || row.Batch != 0 || row.Attempt != first.Attempt+1 {
		t.Errorf("a new attempt begins with %+v", row)
	}
	third := s.copy(t, cmd).Row
	if third.Base == first.Base || third.Base == "" {
		t.Errorf("the new attempt's base is %q", third.Base)
	}
}

func (s stage) attemptRow(t testing.TB) protocol.Row {
	t.Helper()
	row, err := s.target.Row(t.Context(), s.p)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestRule7ImportsAndSweepsLeaveNoNotesAndSetTheNumberAnew(t *testing.T) {
	s := newStage(t, true)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	for range 2 { // as rows copied, and as rows that changed since
		before := one[int64](t, s.target.admin, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint`)
		s.copy(t, cmd)
		old := one[int](t, s.target.admin, `SELECT count(*) FROM cell_b.people WHERE cellway_xid::text::bigint < $1`, before)
		if rows := one[int](t, s.target.admin, `SELECT count(*) FROM cell_b.people`); old != 0 || rows != 1 {
			t.Errorf("%d of %d rows have a number from before the import", old, rows)
		}
		exec(t, s.source.app, `UPDATE people SET name = 'changed'`)
		exec(t, s.source.app, `DELETE FROM notes`)
	}
	s.copy(t, cmd)
	if n := s.target.noted(t); n != 0 {
		t.Errorf("the import left %d notes at the target", n)
	}
	s.finish(t, s.fence(t, cmd))
	if n := s.source.noted(t) + s.target.noted(t); n != 0 {
		t.Errorf("%d notes are left after the sweep", n)
	}
}

func TestNothingNotedIsLeftAfterAnUndo(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	exec(t, s.source.app, `UPDATE people SET name = 'x'`)
	exec(t, s.source.app, `DELETE FROM notes`)
	if n := s.source.noted(t); n != 2 {
		t.Fatalf("%d notes, want 2", n)
	}
	s.undo(t, cmd)
	if n := s.source.noted(t) + s.target.noted(t); n != 0 {
		t.Errorf("%d notes are left", n)
	}
	exec(t, s.source.app, `UPDATE people SET name = 'y'`)
	if n := s.source.noted(t); n != 0 {
		t.Errorf("%d notes without a move", n)
	}
}

func TestRule3TwoCopiesOfOneAttemptDoNotMix(t *testing.T) {
	s := newStage(t, false)
	exec(t, s.source.app, `INSERT INTO people (person, name) VALUES ($1, repeat('x', 3000000))`, keyOf(s.p, 0))
	exec(t, s.source.app, `INSERT INTO people (person, name) VALUES ($1, 'y')`, keyOf(s.p, 1))
	cmd := command("m1", 2)
	s.begin(t, cmd)
	cmd = s.attempt(t, cmd)
	var inner error
	slow := func(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error) {
		body, err := s.from(ctx, wanted)
		if err == nil && wanted.Base == "" { // the other copy comes first, in full
			_, inner = s.target.Copy(t.Context(), s.p, cmd, s.from)
		}
		return body, err
	}
	_, err := s.target.Copy(t.Context(), s.p, cmd, slow)
	refused(t, protocol.CodeConflict, err)
	if inner != nil {
		t.Error(inner)
	}
	s.mustBeAlike(t)
}

func TestRule3ACopyThatBrokeOffNeedsANewAttempt(t *testing.T) {
	s := newStage(t, false)
	for n := range 40 {
		exec(t, s.source.app, `INSERT INTO people (person, name) VALUES ($1, repeat('x', 100000))`, keyOf(s.p, n))
	}
	cmd := command("m1", 2)
	s.begin(t, cmd)
	cmd = s.attempt(t, cmd)
	breaks := func(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error) {
		body, err := s.from(ctx, wanted)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(io.MultiReader(io.LimitReader(body, 2_500_000), failing{})), nil
	}
	_, err := s.target.Copy(t.Context(), s.p, cmd, breaks)
	refused(t, protocol.CodePeer, err)
	row := s.attemptRow(t)
	if row.Batch == 0 || row.Copied || row.Base == "" {
		t.Fatalf("the first batches were to stay: %+v", row)
	}
	_, err = s.target.Copy(t.Context(), s.p, cmd, s.from)
	refused(t, protocol.CodeConflict, err)
	_, _, err = s.target.Pull(t.Context(), s.p, s.fence(t, cmd), s.from)
	refused(t, protocol.CodeConflict, err)
	s.expire(t)
	s.begin(t, command("m1", 2)) // wipes
	if n := one[int](t, s.target.app, `SELECT count(*) FROM people`); n != 0 {
		t.Errorf("%d rows of the broken attempt are left", n)
	}
	s.copy(t, command("m1", 2))
	s.mustBeAlike(t)
}

func TestRule3ANewLeaderOrAttemptStopsACopy(t *testing.T) {
	for name, disturb := range map[string]func(t *testing.T, s stage){
		"attempt": func(t *testing.T, s stage) { s.begin(t, command("m1", 2)) },
		"leader": func(t *testing.T, s stage) {
			newer := command("m1", 2)
			newer.Token = 9
			do(t, s.target.Adopt, s.p, newer)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, false)
			s.source.person(t, s.p, 0)
			cmd := command("m1", 2)
			s.begin(t, cmd)
			_, err := s.target.Copy(t.Context(), s.p, s.attempt(t, cmd), func(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error) {
				if wanted.Base == "" {
					disturb(t, s)
				}
				return s.from(ctx, wanted)
			})
			if code := protocol.CodeOf(err); code != protocol.CodeConflict && code != protocol.CodeStale {
				t.Fatalf("got %v", err)
			}
			if n := one[int](t, s.target.app, `SELECT count(*) FROM people`); n != 0 {
				t.Errorf("%d rows came in", n)
			}
		})
	}
}

func TestACopyTellsWhatTheSourceRefused(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	_, err := s.target.Copy(t.Context(), s.p, s.attempt(t, cmd), func(context.Context, protocol.Wanted) (io.ReadCloser, error) {
		return nil, errors.New("away")
	})
	if !contains(err, "away") || s.attemptRow(t).Batch != 0 {
		t.Errorf("got %v", err)
	}
}
