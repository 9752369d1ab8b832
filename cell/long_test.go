package cell

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
)

func TestClose_is_refused_before_any_gate_closes_while_a_long_transaction_writes(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	wantStatus(t, "create", a.put(0, "Ann"), 200)
	m := newMove(t, a, b, 0, 2)
	m.record()
	m.importNew()
	m.copy()

	conn, err := pgx.Connect(t.Context(), s.roles["cell-a"][1])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SET LOCAL application_name = 'a long job'`); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `UPDATE cell_a.customers SET name = 'long' WHERE id = $1`, keyOf(0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is old enough to matter", func() bool {
		_, err = m.try(a, protocol.VerbClose, nil)
		return err != nil
	})
	if protocol.CodeOf(err) != protocol.CodeLocked || !strings.Contains(err.Error(), "a long job") {
		t.Errorf("error %v", err)
	}
	if got := a.get(0); got.status != 200 || got.body != "Ann" {
		t.Errorf("read meanwhile: %v", got)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.do(b, protocol.VerbCopy, m.underFence)
	m.closeAndFence()
	m.pull()
	m.handover()
	m.do(b, protocol.VerbOwn, m.underFence)
	if got := b.get(0); got.body != "long" {
		t.Errorf("at the target: %v", got)
	}
}

func TestImport_is_refused_where_the_catalogs_do_not_fit(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	s.sql(`ALTER TABLE cell_a.customers ADD COLUMN phone text`)
	m := newMove(t, a, b, 0, 2)
	m.record()
	_, err := m.try(b, protocol.VerbImport, nil)
	if protocol.CodeOf(err) != protocol.CodeCatalog || !strings.Contains(err.Error(), "customers.phone") {
		t.Errorf("error %v", err)
	}
	if row := b.row(0); row.State != protocol.StateAbsent {
		t.Errorf("row %+v", row)
	}
}

func TestCheck_without_the_kept_snapshot_leaves_out_what_was_written_since(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	wantStatus(t, "create", a.put(0, "Ann"), 200)
	m := newMove(t, a, b, 0, 2)
	m.untilReady()
	m.handover()
	m.do(b, protocol.VerbOwn, m.underFence)
	wantStatus(t, "written since", b.put(0, "Eve"), 200)
	reply := m.do(b, protocol.VerbCheck, nil)
	if d := reply.Check.Digests; len(d) != 1 || d[0].Rows != 1 || len(reply.Check.Except) != 0 {
		t.Errorf("the snapshot from before was to show one row: %+v", reply.Check)
	}
	reply = m.do(b, protocol.VerbCheck, nil) // another leader asks; the snapshot is used up
	if d := reply.Check.Digests; len(d) != 1 || d[0].Rows != 0 || len(reply.Check.Except["customers"]) != 1 {
		t.Errorf("what was written since was to be left out: %+v", reply.Check)
	}
	m.do(a, protocol.VerbCompare, func(c *protocol.Command) { c.Check = reply.Check })
	m.do(a, protocol.VerbSweep, nil)
}
