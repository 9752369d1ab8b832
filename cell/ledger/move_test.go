package ledger

import (
	"bytes"
	"context"
	"io"
	"reflect"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
)

// stage is a pair of cells between which partitions move.
type stage struct {
	source, target *testCell
	p              placement.Partition
}

// newStage: cell-a owns everything, cell-b nothing; each in a database of its own, or both in one.
func newStage(t testing.TB, apart bool) stage {
	t.Helper()
	url := testenv.Postgres(t)
	other := url
	if apart {
		other = testenv.Postgres(t)
	}
	s := stage{source: newCell(t, url, "cell-a"), target: newCell(t, other, "cell-b"), p: 3}
	s.source.assignAll(t)
	return s
}

func (s stage) begin(t testing.TB, cmd protocol.Command) (source, target protocol.Row) {
	t.Helper()
	cmd.Peer = s.target.name
	source = do(t, s.source.Record, s.p, cmd)
	cmd.Peer = s.source.name
	return source, do(t, s.target.Import, s.p, cmd)
}

// fence closes and fences the source; the command returned names fence number and attempt.
func (s stage) fence(t testing.TB, cmd protocol.Command) protocol.Command {
	t.Helper()
	if err := s.source.SetClosing(t.Context(), s.p, cmd, 1e9); err != nil {
		t.Fatal(err)
	}
	cmd.FenceNo = do(t, s.source.Fence, s.p, cmd).FenceNo
	if err := s.source.ClearClosing(t.Context(), s.p, cmd); err != nil {
		t.Fatal(err)
	}
	return s.attempt(t, cmd)
}

// from gives the target what the source exports, as another cell's listener would.
func (s stage) from(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error) {
	var stream bytes.Buffer
	if err := s.source.Export(ctx, s.p, wanted, &stream); err != nil {
		return nil, err
	}
	return io.NopCloser(&stream), nil
}

// always is a source that gives the same stream, whatever is wanted.
func always(r io.Reader) Source {
	return func(context.Context, protocol.Wanted) (io.ReadCloser, error) { return io.NopCloser(r), nil }
}

// export is the stream that step 7 would get now.
func (s stage) export(t testing.TB, cmd protocol.Command) []byte {
	t.Helper()
	row, err := s.target.Row(t.Context(), s.p)
	if err != nil {
		t.Fatal(err)
	}
	var stream bytes.Buffer
	wanted := protocol.Wanted{Move: cmd.Move, FenceNo: cmd.FenceNo, Base: row.Base, Mark: row.Mark}
	if err := s.source.Export(t.Context(), s.p, wanted, &stream); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

// copy is step 4; the reply holds what both sides counted.
func (s stage) copy(t testing.TB, cmd protocol.Command) protocol.Reply {
	t.Helper()
	reply, err := s.target.Copy(t.Context(), s.p, s.attempt(t, cmd), s.from)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// attempt is the command with the target's attempt in it.
func (s stage) attempt(t testing.TB, cmd protocol.Command) protocol.Command {
	t.Helper()
	row, err := s.target.Row(t.Context(), s.p)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Attempt = row.Attempt
	return cmd
}

func (s stage) pull(t testing.TB, cmd protocol.Command) protocol.Reply {
	t.Helper()
	reply, _, err := s.target.Pull(t.Context(), s.p, cmd, s.from)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// check compares the sides once more, and sweeps.
func (s stage) check(t testing.TB, cmd protocol.Command) (protocol.Row, error) {
	t.Helper()
	look, err := s.target.Look(t.Context(), s.p, cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close(t.Context())
	return s.compare(t, cmd, look)
}

func (s stage) compare(t testing.TB, cmd protocol.Command, look *Look) (protocol.Row, error) {
	t.Helper()
	tables, err := s.source.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cmd.Check, err = look.Check(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	return s.source.Compare(t.Context(), s.p, cmd)
}

// undo takes a move back on both sides, the source first.
func (s stage) undo(t testing.TB, cmd protocol.Command) {
	t.Helper()
	do(t, s.source.Release, s.p, cmd)
	do(t, s.target.Clear, s.p, cmd)
}

// move carries a move out from step 2 to step 12.
func (s stage) move(t testing.TB, move string, epoch placement.Epoch) {
	t.Helper()
	cmd := command(move, epoch)
	s.begin(t, cmd)
	s.copy(t, cmd)
	s.finish(t, s.fence(t, cmd))
}

// finish carries a move out from step 7 to step 12; what was fenced is in the command.
func (s stage) finish(t testing.TB, cmd protocol.Command) {
	t.Helper()
	s.arrive(t, cmd)
	s.settle(t, cmd)
}

// arrive carries a move out from step 7 to step 9.
func (s stage) arrive(t testing.TB, cmd protocol.Command) {
	t.Helper()
	s.pull(t, cmd)
	do(t, s.source.MarkReads, s.p, cmd)
	do(t, s.source.Handover, s.p, cmd)
	do(t, s.target.Own, s.p, cmd)
}

// settle carries a move out from step 11 to step 12.
func (s stage) settle(t testing.TB, cmd protocol.Command) {
	t.Helper()
	if _, err := s.check(t, cmd); err != nil {
		t.Fatal(err)
	}
	cmd.Receipt = &protocol.Receipt{Move: cmd.Move, Partition: s.p, From: s.source.name, To: s.target.name, Epoch: cmd.Epoch}
	do(t, s.source.Receipt, s.p, cmd)
	do(t, s.target.Receipt, s.p, cmd)
	do(t, s.source.Sweep, s.p, cmd)
}

func TestAMoveFromStepToStep(t *testing.T) {
	s := newStage(t, true)
	key := s.source.person(t, s.p, 0)
	s.source.person(t, s.p+1, 0)
	s.move(t, "m1", 2)
	source, err := s.source.Row(t.Context(), s.p)
	want := protocol.Row{Partition: s.p, State: protocol.StateMoved, Epoch: 2, HighEpoch: 2, Token: 1, FenceNo: 1, Peer: "cell-b", Swept: true, PeerAddrs: []string{}}
	if err != nil || !reflect.DeepEqual(source, want) {
		t.Errorf("source %+v, %v", source, err)
	}
	target, err := s.target.Row(t.Context(), s.p)
	want = protocol.Row{Partition: s.p, State: protocol.StateOwned, Epoch: 2, HighEpoch: 2, Token: 1, FenceNo: 1, Attempt: 1, Batch: 3, PeerAddrs: []string{}}
	if err != nil || !reflect.DeepEqual(target, want) {
		t.Errorf("target %+v, %v", target, err)
	}
	for _, table := range []string{"people", "notes"} {
		here, there := one[int](t, s.source.app, `SELECT count(*) FROM `+table), one[int](t, s.target.app, `SELECT count(*) FROM `+table)
		if here != 1 || there != 1 {
			t.Errorf("%s: %d at the source, %d at the target, want 1 and 1", table, here, there)
		}
	}
	exec(t, s.target.app, update, key)
	_, err = s.source.app.Exec(t.Context(), `INSERT INTO people (person) VALUES ($1)`, key)
	if sqlState(err) != SQLNotOwned {
		t.Errorf("the source still writes: %v", err)
	}
}

func TestAReceiptIsKeptOnceOnBothSides(t *testing.T) {
	s := newStage(t, false)
	s.move(t, "m1", 2)
	s.p++
	s.move(t, "m2", 3)
	s.p--
	back := stage{source: s.target, target: s.source, p: s.p}
	back.move(t, "m3", 4)
	cmd := command("m1", 2) // repeated, after the partition has gone on
	cmd.Receipt = &protocol.Receipt{Move: "m1", Partition: s.p, From: "cell-a", To: "cell-b", Epoch: 2, PauseMS: 99}
	do(t, s.source.Receipt, s.p, cmd)
	do(t, s.target.Receipt, s.p, cmd)
	for _, c := range []*testCell{s.source, s.target} {
		got := one[string](t, c.platform, `SELECT string_agg(move || ':' || partition || ':' || (receipt ->> 'pause_ms'), ' ' ORDER BY move) FROM cellway_receipts`)
		if got != "m1:3:0 m2:4:0 m3:3:0" {
			t.Errorf("%s keeps %s", c.name, got)
		}
	}
	cmd.Move = "m4"
	_, err := s.source.Receipt(t.Context(), s.p, cmd)
	refused(t, protocol.CodeInvalid, err)
	cmd.Receipt.Move = "m4"
	_, err = s.source.Receipt(t.Context(), s.p, cmd)
	refused(t, protocol.CodeConflict, err)
}

func TestACommandThatLacksSomethingIsInvalid(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	good := protocol.Command{Move: "m", Epoch: 2, Token: 1, Peer: "cell-b", FenceNo: 1, Attempt: 1, FenceMS: 1}
	for name, tc := range map[string]struct {
		step   method
		change func(*protocol.Command)
	}{
		"move":      {c.Release, func(cmd *protocol.Command) { cmd.Move = "" }},
		"epoch":     {c.Handover, func(cmd *protocol.Command) { cmd.Epoch = 0 }},
		"epoch big": {c.Own, func(cmd *protocol.Command) { cmd.Epoch = 1 << 63 }},
		"token":     {c.Adopt, func(cmd *protocol.Command) { cmd.Token = 1 << 63 }},
		"peer":      {c.Record, func(cmd *protocol.Command) { cmd.Peer = "No Cell" }},
		"fence_no":  {c.MarkReads, func(cmd *protocol.Command) { cmd.FenceNo = 0 }},
		"fence_ms":  {c.Fence, func(cmd *protocol.Command) { cmd.FenceMS = 0 }},
		"receipt":   {c.Receipt, func(*protocol.Command) {}},
	} {
		cmd := good
		tc.change(&cmd)
		_, err := tc.step(t.Context(), 1, cmd)
		if protocol.CodeOf(err) != protocol.CodeInvalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := c.Adopt(t.Context(), testPartitions, good)
	refused(t, protocol.CodeInvalid, err)
	_, err = c.Row(t.Context(), -1)
	refused(t, protocol.CodeInvalid, err)
}
