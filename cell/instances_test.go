package cell

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// two is a cell of two instances, and the target of a move from it that is recorded.
func two(t *testing.T) (a1, a2 *running, m *handMove) {
	t.Helper()
	s := newSystem(t)
	a1, a2 = s.start("cell-a"), s.start("cell-a")
	a1.assign(0)
	eventually(t, "the second instance serves", func() bool { return a2.get(0).status == 404 })
	m = newMove(t, a1, s.start("cell-b"), 0, 2)
	m.record()
	m.importNew()
	m.copy()
	return a1, a2, m
}

// ghost gives a lease to an instance that answers nobody.
func (s *system) ghost(cell, addr string) *ledger.Ledger {
	s.t.Helper()
	pool := s.pool(cell)
	l, err := ledger.Open(s.t.Context(), pool, ledger.OpenConfig{Schema: placement.SchemaName(cell), Cell: cell})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := l.RenewLease(s.t.Context(), "ghost", addr, time.Minute); err != nil {
		s.t.Fatal(err)
	}
	return l
}

func TestClose_waits_for_writes_at_every_instance(t *testing.T) {
	a1, a2, m := two(t)
	for _, at := range []*running{a1, a2} {
		goOn := at.hold("PUT", 0)
		_, err := m.try(a1, protocol.VerbClose, nil)
		if protocol.CodeOf(err) != protocol.CodeBusy || !strings.Contains(err.Error(), "PUT /k/"+keyOf(0)) {
			t.Errorf("error %v", err)
		}
		wantStatus(t, "reopened at the first", a1.put(0, "x"), 200)
		wantStatus(t, "reopened at the second", a2.put(0, "x"), 200)
		wantStatus(t, "the write that was in flight", goOn(), 200)
	}
	m.do(a1, protocol.VerbClose, nil)
	wantFenced(t, "closed at the first", a1.put(0, "x"))
	wantFenced(t, "closed at the second", a2.put(0, "x"))
}

func TestClose_waits_until_the_writes_end(t *testing.T) {
	_, a2, m := two(t)
	m.base.DrainMS = patience.Milliseconds()
	goOn := a2.hold("PUT", 0)
	closed := make(chan error, 1)
	go func() { _, err := m.try(m.from, protocol.VerbClose, nil); closed <- err }()
	eventually(t, "the gate closes", func() bool { return a2.put(0, "x").status == 503 })
	goOn()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestClose_needs_every_instance_with_a_lease(t *testing.T) {
	a1, _, m := two(t)
	l := a1.s.ghost("cell-a", "127.0.0.1:1")
	_, err := m.try(a1, protocol.VerbClose, nil)
	if protocol.CodeOf(err) != protocol.CodeSilent || !strings.Contains(err.Error(), "ghost") {
		t.Errorf("error %v", err)
	}
	wantStatus(t, "reopened", a1.put(0, "x"), 200)
	if err := l.DropLease(t.Context(), "ghost"); err != nil {
		t.Fatal(err)
	}
	m.do(a1, protocol.VerbClose, nil)
}

func TestClose_another_instance_at_the_address_does_not_count(t *testing.T) {
	a1, a2, m := two(t)
	a1.s.ghost("cell-a", a2.InternalAddr())
	_, err := m.try(a1, protocol.VerbClose, nil)
	if protocol.CodeOf(err) != protocol.CodeSilent || !strings.Contains(err.Error(), "ghost") {
		t.Errorf("error %v", err)
	}
}

func TestClose_is_for_the_move_that_the_row_names(t *testing.T) {
	a1, _, m := two(t)
	for what, c := range map[string]struct {
		change func(*protocol.Command)
		code   string
	}{
		"another move":  {func(c *protocol.Command) { c.Move = "another" }, protocol.CodeConflict},
		"an old leader": {func(c *protocol.Command) { c.Token = 0 }, protocol.CodeStale},
		"no deadline":   {func(c *protocol.Command) { c.FenceMS = 0 }, protocol.CodeInvalid},
		"a long drain":  {func(c *protocol.Command) { c.DrainMS = time.Hour.Milliseconds() }, protocol.CodeInvalid},
	} {
		if _, err := m.try(a1, protocol.VerbClose, c.change); protocol.CodeOf(err) != c.code {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantStatus(t, "never closed", a1.put(0, "x"), 200)
}

func TestHandover_closes_reads_at_every_instance(t *testing.T) {
	a1, a2, m := two(t)
	m.closeAndFence()
	m.pull()
	wantStatus(t, "read while fenced", a2.get(0), 404)
	m.handover()
	for _, a := range []*running{a1, a2} {
		if got := a.get(0); got.status == 200 || got.status == 404 {
			t.Errorf("%s gives an answer: %v", a.cfg.Instance, got)
		}
		eventually(t, "the gate knows that it has moved", func() bool { return a.get(0).status == 421 })
	}
}

func TestHandover_is_not_done_while_one_gate_is_silent(t *testing.T) {
	a1, a2, m := two(t)
	m.fenceFor = 2 * time.Second
	m.closeAndFence()
	m.pull()
	a1.s.ghost("cell-a", "127.0.0.1:1")
	_, err := m.try(a1, protocol.VerbHandover, m.underFence)
	if protocol.CodeOf(err) != protocol.CodeSilent {
		t.Fatalf("error %v", err)
	}
	row := a1.row(0)
	if row.State == protocol.StateMoved || row.State == protocol.StateFenced && row.ReadFence != row.FenceNo {
		t.Errorf("row %+v", row)
	}
	for _, at := range []*running{a1, a2} {
		eventually(t, "the deadline opens the gate", func() bool { return at.put(0, "x").status == 200 && at.get(0).status == 200 })
	}
}

func TestSweep_waits_for_reads_from_before_the_handover(t *testing.T) {
	a1, a2, m := two(t)
	wantStatus(t, "create", a1.put(0, "Ann"), 200)
	goOn := a2.hold("GET", 0)
	m.closeAndFence()
	m.pull()
	m.handover()
	if _, err := m.try(a1, protocol.VerbSweep, nil); protocol.CodeOf(err) != protocol.CodeBusy {
		t.Errorf("error %v", err)
	}
	if got := goOn(); got.status != 200 || got.body != "Ann" {
		t.Errorf("the early read: %v", got)
	}
	m.check()
	m.do(a1, protocol.VerbSweep, nil)
}

func TestStop_gives_the_lease_back(t *testing.T) {
	a1, a2, m := two(t)
	if err := a2.stop(); err != nil {
		t.Fatal(err)
	}
	m.do(a1, protocol.VerbClose, nil)
}

func TestStop_lets_requests_in_flight_end(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	a.assign(0)
	eventually(t, "registered", func() bool { return len(s.instances()) == 1 })
	goOn := a.hold("PUT", 0)
	stopped := make(chan error, 1)
	go func() { stopped <- a.stop() }()
	eventually(t, "deregistered", func() bool { return len(s.instances()) == 0 })
	wantStatus(t, "the write that was in flight", goOn(), 200)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := s.peers().Rows(ctx, a.InternalAddr()); err == nil {
		t.Error("still listening")
	}
}
