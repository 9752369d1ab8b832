package ledger

import (
	"context"
	"io"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
)

// spoil changes a row at a cell behind the back of everybody.
func (c *testCell) spoil(t testing.TB, sql string) {
	t.Helper()
	tx, err := c.platform.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, `SET LOCAL cellway.import = 'on'`)
	exec(t, tx, sql)
	commit(t, tx)
}

func TestRule8WhatWasCopiedIsComparedAsAWholeBeforeTheFence(t *testing.T) {
	for table, sql := range map[string]string{
		"people": `UPDATE people SET name = 'spoilt'`,
		"notes":  `DELETE FROM notes`,
	} {
		s := newStage(t, false)
		s.source.person(t, s.p, 0)
		cmd := command("m1", 2)
		s.begin(t, cmd)
		_, err := s.target.Copy(t.Context(), s.p, s.attempt(t, cmd), func(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error) {
			if wanted.Whole {
				s.target.spoil(t, sql)
			}
			return s.from(ctx, wanted)
		})
		refused(t, protocol.CodeDiffers, err)
		if !contains(err, "table "+table) {
			t.Errorf("the table is not named: %v", err)
		}
		if s.attemptRow(t).Copied {
			t.Error("it is copied all the same")
		}
	}
}

func TestRule8WholePartitionsAreComparedWhileTheSourceIsWritten(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	n := 0
	reply, err := s.target.Copy(t.Context(), s.p, s.attempt(t, cmd), func(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error) {
		body, err := s.from(ctx, wanted)
		n++
		exec(t, s.source.app, `INSERT INTO people (person) VALUES ($1)`, keyOf(s.p, n)) // after the snapshot
		return body, err
	})
	if err != nil || reply.Target[0].Rows != 2 || reply.Target[0] != reply.Source[0] {
		t.Errorf("%+v, %v", reply, err)
	}
	s.finish(t, s.fence(t, cmd))
}

func TestRule8UnderTheFenceTheLastChangesAreComparedByKey(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	exec(t, s.source.app, `UPDATE people SET name = 'changed'`)
	// A trigger of the target's makes something else of what it gets.
	exec(t, s.target.admin, `CREATE FUNCTION cell_b.meddle() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN NEW.name := 'meddled'; RETURN NEW; END $$`)
	exec(t, s.target.admin, `CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON cell_b.people FOR EACH ROW EXECUTE FUNCTION cell_b.meddle()`)
	_, _, err := s.target.Pull(t.Context(), s.p, s.fence(t, cmd), s.from)
	refused(t, protocol.CodeDiffers, err)
	if !contains(err, "table people") || s.attemptRow(t).State != protocol.StateImporting {
		t.Errorf("got %v, row %+v", err, s.attemptRow(t))
	}
}

// owned takes a move until the target owns; the look is from between ready and owned.
func (s stage) owned(t testing.TB, cmd protocol.Command) (*Look, protocol.Command) {
	t.Helper()
	s.begin(t, cmd)
	s.copy(t, cmd)
	cmd = s.fence(t, cmd)
	s.pull(t, cmd)
	look, err := s.target.Look(t.Context(), s.p, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { look.Close(context.Background()) })
	do(t, s.source.MarkReads, s.p, cmd)
	do(t, s.source.Handover, s.p, cmd)
	do(t, s.target.Own, s.p, cmd)
	return look, cmd
}

func TestRule8TheFrozenRowsAreComparedWithWhatWasReady(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	look, cmd := s.owned(t, command("m1", 2))
	exec(t, s.target.app, `UPDATE people SET name = 'written since' WHERE person = $1`, key)
	exec(t, s.target.app, `DELETE FROM notes`)
	_, err := s.source.Sweep(t.Context(), s.p, cmd)
	refused(t, protocol.CodeConflict, err) // not compared yet
	if row, err := s.compare(t, cmd, look); err != nil || !row.Checked {
		t.Fatalf("%+v, %v", row, err)
	}
	do(t, s.source.Sweep, s.p, cmd)
}

func TestRule8ADifferenceAfterTheHandoverForbidsTheSweep(t *testing.T) {
	for name, late := range map[string]bool{"with the snapshot of what was ready": false, "with a later one": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, false)
			s.source.person(t, s.p, 0)
			s.source.person(t, s.p, 1)
			look, cmd := s.owned(t, command("m1", 2))
			exec(t, s.target.app, `UPDATE people SET name = 'written since' WHERE person = $1`, keyOf(s.p, 0))
			s.source.spoil(t, `UPDATE people SET name = 'spoilt' WHERE person = '`+keyOf(s.p, 1)+`'`)
			var err error
			if late {
				_, err = s.check(t, cmd)
			} else {
				_, err = s.compare(t, cmd, look)
			}
			refused(t, protocol.CodeDiffers, err)
			if !contains(err, "table people") {
				t.Errorf("the table is not named: %v", err)
			}
			_, err = s.source.Sweep(t.Context(), s.p, cmd)
			refused(t, protocol.CodeConflict, err)
			if n := one[int](t, s.source.app, `SELECT count(*) FROM people`); n != 2 {
				t.Errorf("%d rows are left at the source", n)
			}
		})
	}
}

func TestRule8ALateLookLeavesOutWhatWasWrittenSince(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	s.source.person(t, s.p, 1)
	s.source.person(t, s.p, 2)
	_, cmd := s.owned(t, command("m1", 2))
	exec(t, s.target.app, `UPDATE people SET name = 'written since' WHERE person = $1`, keyOf(s.p, 0))
	exec(t, s.target.app, `DELETE FROM people WHERE person = $1`, keyOf(s.p, 1))
	exec(t, s.target.app, `INSERT INTO people (person) VALUES ($1)`, keyOf(s.p, 3))
	if row, err := s.check(t, cmd); err != nil || !row.Checked {
		t.Fatalf("%+v, %v", row, err)
	}
}
