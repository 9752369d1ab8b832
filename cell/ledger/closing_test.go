package ledger

import (
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

func TestTheMarkerRefusesNewWritersAndLetsTheOldOnesEnd(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	other := s.source.person(t, s.p, 1)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	old := session(t, s.source.appURL, "")
	exec(t, old, `BEGIN`)
	exec(t, old, update, key)
	if err := s.source.SetClosing(t.Context(), s.p, cmd, time.Minute); err != nil {
		t.Fatal(err) // it does not wait for the writer
	}
	_, err := s.source.app.Exec(t.Context(), update, other)
	if sqlState(err) != SQLFenced {
		t.Fatalf("a new writer: got %v", err)
	}
	exec(t, old, `COMMIT`)
	do(t, s.source.Fence, s.p, cmd)
	do(t, s.source.Release, s.p, cmd)
	exec(t, s.source.app, update, key) // the release has taken the marker with it
}

func TestTheMarkerEndsByItself(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	if err := s.source.SetClosing(t.Context(), s.p, cmd, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the partition is open again", func() bool {
		_, err := s.source.app.Exec(t.Context(), update, key)
		return err == nil
	})
}

func TestALateMarkerCommandChangesNothing(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	refused(t, protocol.CodeConflict, s.source.SetClosing(t.Context(), s.p, cmd, time.Minute)) // before the record
	s.begin(t, cmd)
	s.undo(t, cmd)
	refused(t, protocol.CodeConflict, s.source.SetClosing(t.Context(), s.p, cmd, time.Minute)) // after the undo
	exec(t, s.source.app, update, key)

	next := command("m2", 3)
	next.Token = 2
	s.begin(t, next)
	if err := s.source.SetClosing(t.Context(), s.p, next, time.Minute); err != nil {
		t.Fatal(err)
	}
	refused(t, protocol.CodeStale, s.source.ClearClosing(t.Context(), s.p, cmd)) // an old leader's
	late := cmd
	late.Token = 2
	if err := s.source.ClearClosing(t.Context(), s.p, late); err != nil { // an old move's
		t.Fatal(err)
	}
	_, err := s.source.app.Exec(t.Context(), update, key)
	if sqlState(err) != SQLFenced {
		t.Fatalf("the marker of m2 is gone: %v", err)
	}
	if err := s.source.ClearClosing(t.Context(), s.p, next); err != nil {
		t.Fatal(err)
	}
	exec(t, s.source.app, update, key)
}

func TestAFenceOpensByItselfOnlyAfterItsDeadline(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.fence(t, cmd) // 30 s
	if rows, err := s.source.SelfRelease(t.Context()); err != nil || len(rows) != 0 {
		t.Fatalf("%+v, %v", rows, err)
	}
	s.undo(t, cmd)
	cmd = command("m2", 3)
	cmd.FenceMS = 50
	s.begin(t, cmd)
	cmd = s.fence(t, cmd)
	do(t, s.source.MarkReads, s.p, cmd)
	var released []protocol.Row
	eventually(t, "the fence has opened", func() bool {
		rows, err := s.source.SelfRelease(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		released = rows
		return len(rows) > 0
	})
	if r := released[0]; r.State != protocol.StateOwned || r.ReadFence != 0 || !r.Deadline.IsZero() || r.Move != "m2" {
		t.Errorf("%+v", r)
	}
	exec(t, s.source.app, update, key)
	_, err := s.source.Handover(t.Context(), s.p, cmd)
	refused(t, protocol.CodeConflict, err)
}
