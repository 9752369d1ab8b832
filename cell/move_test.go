package cell

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
)

// handMove is a move whose commands are sent one by one.
type handMove struct {
	t        *testing.T
	from, to *running
	p        placement.Partition
	base     protocol.Command
	fenceFor time.Duration
}

func newMove(t *testing.T, from, to *running, p placement.Partition, epoch placement.Epoch) *handMove {
	return &handMove{
		t: t, from: from, to: to, p: p, fenceFor: time.Minute,
		base: protocol.Command{Move: uuid.NewString(), Epoch: epoch, Token: 1, DrainMS: 50},
	}
}

func (m *handMove) try(at *running, verb protocol.Verb, change func(*protocol.Command)) (protocol.Reply, error) {
	cmd := m.base
	cmd.FenceMS = m.fenceFor.Milliseconds()
	cmd.Peer, cmd.PeerAddrs = m.to.cfg.Cell, []string{m.to.InternalAddr()}
	if at.cfg.Cell == m.to.cfg.Cell {
		cmd.Peer, cmd.PeerAddrs = m.from.cfg.Cell, []string{m.from.InternalAddr()}
	}
	if change != nil {
		change(&cmd)
	}
	return m.from.s.peers().Do(m.t.Context(), at.InternalAddr(), m.p, verb, cmd)
}

func (m *handMove) do(at *running, verb protocol.Verb, change func(*protocol.Command)) protocol.Reply {
	m.t.Helper()
	reply, err := m.try(at, verb, change)
	if err != nil {
		m.t.Fatalf("%s: %v", verb, err)
	}
	return reply
}

func (m *handMove) record()    { m.t.Helper(); m.do(m.from, protocol.VerbRecord, nil) }
func (m *handMove) importNew() { m.t.Helper(); m.do(m.to, protocol.VerbImport, nil) }
func (m *handMove) fence()     { m.t.Helper(); m.do(m.from, protocol.VerbFence, nil) }

func (m *handMove) closeAndFence() {
	m.t.Helper()
	m.do(m.from, protocol.VerbClose, nil)
	m.fence()
}

func (m *handMove) pull() protocol.Reply {
	m.t.Helper()
	return m.do(m.to, protocol.VerbPull, m.underFence)
}

// copy takes all rows, and leaves the command's answer.
func (m *handMove) copy() protocol.Reply {
	m.t.Helper()
	return m.do(m.to, protocol.VerbCopy, m.underFence)
}

// check compares the sides once more.
func (m *handMove) check() {
	m.t.Helper()
	reply := m.do(m.to, protocol.VerbCheck, nil)
	m.do(m.from, protocol.VerbCompare, func(c *protocol.Command) { c.Check = reply.Check })
}

func (m *handMove) underFence(cmd *protocol.Command) {
	cmd.FenceNo, cmd.Attempt = m.from.row(m.p).FenceNo, m.to.row(m.p).Attempt
}

func (m *handMove) handover() { m.t.Helper(); m.do(m.from, protocol.VerbHandover, m.underFence) }

// until takes the move up to where the target is ready.
func (m *handMove) untilReady() {
	m.t.Helper()
	m.record()
	m.importNew()
	m.copy()
	m.closeAndFence()
	m.pull()
}

func TestMove_step_by_step(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0, 1, 2)
	b.assign(3)
	wantStatus(t, "create", a.put(0, "Ann"), 200)
	wantStatus(t, "create in another partition", a.put(1, "Bob"), 200)

	m := newMove(t, a, b, 0, 2)
	m.record()
	wantStatus(t, "target before the move", b.get(0), 421)
	m.importNew()
	wantFenced(t, "target, importing", b.get(0))
	wantStatus(t, "source, recorded", a.put(0, "Ann1"), 200)
	if reply := m.copy(); len(reply.Target) != 1 || reply.Target[0].Rows != 1 || reply.Target[0] != reply.Source[0] {
		t.Errorf("digests %+v, %+v", reply.Source, reply.Target)
	}
	wantFenced(t, "target, copied", b.get(0))
	wantStatus(t, "source, copied", a.put(0, "Ann2"), 200)

	m.do(a, protocol.VerbClose, nil)
	wantFenced(t, "source, closed, write", a.put(0, "never"))
	wantStatus(t, "source, closed, read", a.get(0), 200)
	wantStatus(t, "another partition, write", a.put(1, "Bob2"), 200)

	m.fence()
	wantFenced(t, "source, fenced, write", a.put(0, "never"))
	wantStatus(t, "source, fenced, read", a.get(0), 200)

	reply := m.pull()
	if len(reply.Target) != 1 || reply.Target[0].Rows != 1 || reply.Target[0] != reply.Source[0] {
		t.Errorf("digests %+v, %+v", reply.Source, reply.Target)
	}
	wantFenced(t, "target, ready, not handed over", b.get(0))
	m.handover()
	got := a.get(0)
	if got.status == http.StatusOK {
		t.Errorf("the source answers what it has handed over: %v", got)
	}
	eventually(t, "the source's gate knows that it has moved", func() bool {
		got = a.get(0)
		return got.status == http.StatusMisdirectedRequest
	})
	if owner := got.header.Get(protocol.HeaderOwner); owner != "cell-b; epoch=2" {
		t.Errorf("owner %q", owner)
	}
	m.do(b, protocol.VerbOwn, func(c *protocol.Command) { m.underFence(c) })
	if got := b.get(0); got.status != 200 || got.body != "Ann2" {
		t.Errorf("at the target: %v", got)
	}
	wantStatus(t, "target, write", b.put(0, "Ann3"), 200)

	m.check()
	receipt := &protocol.Receipt{Move: m.base.Move, Partition: 0, From: "cell-a", To: "cell-b", Epoch: 2}
	for _, at := range []*running{a, b} {
		m.do(at, protocol.VerbReceipt, func(c *protocol.Command) { c.Receipt = receipt })
	}
	m.do(a, protocol.VerbSweep, nil)
	if row := a.row(0); !row.Swept || row.State != protocol.StateMoved {
		t.Errorf("source's row %+v", row)
	}
	wantStatus(t, "source, swept", a.get(0), 421)
}

func TestMove_commands_may_be_repeated(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	m.record()
	m.record()
	m.importNew()
	m.copy()
	m.copy()
	m.closeAndFence()
	m.fence()
	m.pull()
	m.pull()
	under := protocol.Command{}
	m.underFence(&under)
	byHand := func(c *protocol.Command) { c.FenceNo, c.Attempt = under.FenceNo, under.Attempt }
	for range 2 {
		m.do(a, protocol.VerbHandover, byHand)
	}
	for range 2 {
		m.do(b, protocol.VerbOwn, byHand)
	}
	m.check()
	m.check()
	for range 2 {
		m.do(a, protocol.VerbSweep, nil)
	}
	wantStatus(t, "target", b.put(0, "x"), 200)
}

func TestMove_undone_before_the_handover(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	m.untilReady()
	m.do(a, protocol.VerbRelease, nil)
	wantStatus(t, "source, released", a.put(0, "Ann"), 200)
	m.do(b, protocol.VerbClear, nil)
	wantStatus(t, "target, cleared", b.get(0), 421)
}

func TestFence_opens_at_its_deadline_without_anybody(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	m.fenceFor = 300 * time.Millisecond
	m.record()
	m.closeAndFence()
	eventually(t, "a write is admitted again", func() bool { return a.put(0, "Ann").status == 200 })
	if row := a.row(0); row.State != protocol.StateOwned {
		t.Errorf("row %+v", row)
	}
}

func TestPull_from_an_instance_that_is_away_takes_the_next(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	m.record()
	m.importNew()
	m.copy()
	m.closeAndFence()
	_, err := m.try(b, protocol.VerbPull, func(c *protocol.Command) {
		m.underFence(c)
		c.PeerAddrs = []string{"127.0.0.1:1"}
	})
	if protocol.CodeOf(err) != protocol.CodePeer {
		t.Errorf("nobody there: %v", err)
	}
	m.do(b, protocol.VerbPull, func(c *protocol.Command) {
		m.underFence(c)
		c.PeerAddrs = []string{"127.0.0.1:1", a.InternalAddr()}
	})
}

func TestExport_is_refused_before_the_first_byte(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	a.assign(0)
	_, err := s.peers().Pull(t.Context(), a.InternalAddr(), 0, protocol.Wanted{Move: "no-such-move", FenceNo: 1})
	if protocol.CodeOf(err) != protocol.CodeConflict {
		t.Errorf("error %v", err)
	}
}

func TestFence_that_cannot_be_had_opens_the_gates(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	m.record()
	m.do(a, protocol.VerbClose, nil)
	// A writer that came past the gate holds the row.
	conn, err := pgx.Connect(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM cell_a.cellway_partitions WHERE partition = 0 FOR SHARE`); err != nil {
		t.Fatal(err)
	}
	if _, err := m.try(a, protocol.VerbFence, nil); protocol.CodeOf(err) != protocol.CodeLocked {
		t.Errorf("error %v", err)
	}
	wantStatus(t, "write", a.put(0, "x"), 200)
}

func TestCommand_for_another_cell_is_refused(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	meant := func(c *protocol.Command) { c.Cell = "cell-b" }
	if _, err := m.try(a, protocol.VerbRecord, meant); protocol.CodeOf(err) != protocol.CodeConflict || a.row(0).Move != "" {
		t.Errorf("%v, row %+v", err, a.row(0))
	}
	share := protocol.Assignment{Cell: "cell-b", Cluster: a.cluster(), Partitions: []placement.Partition{1}, Epoch: 1, Token: 1}
	if err := s.peers().Assign(t.Context(), a.InternalAddr(), share); protocol.CodeOf(err) != protocol.CodeConflict || a.row(1).Epoch != 0 {
		t.Errorf("%v, row %+v", err, a.row(1))
	}
}

// The leader, or the machine, may sleep between steps 5 and 6, until the gates have opened by themselves.
func TestFence_empties_the_gates_once_more(t *testing.T) {
	s := newSystem(t)
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	m := newMove(t, a, b, 0, 2)
	m.record()
	m.do(a, protocol.VerbClose, nil)
	if _, err := s.peers().Gate(t.Context(), a.InternalAddr(), 0, protocol.GateOrder{Action: protocol.GateOpen}); err != nil {
		t.Fatal(err)
	}
	goOn := a.hold("PUT", 0)
	if _, err := m.try(a, protocol.VerbFence, nil); protocol.CodeOf(err) != protocol.CodeBusy {
		t.Errorf("fence over a write in flight: %v", err)
	}
	wantStatus(t, "the write that was admitted", goOn(), 200)
	m.fence()
	wantFenced(t, "write", a.put(0, "never"))
}

func TestStop_while_the_database_is_frozen(t *testing.T) {
	server := testenv.PostgresServer(t)
	s := newSystemAt(t, server.Database(t))
	a := s.start("cell-a")
	a.assign(0)
	server.Pause()
	defer server.Resume()
	stopped := make(chan error, 1)
	go func() { stopped <- a.stop() }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("hangs")
	}
}
