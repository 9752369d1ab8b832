package ledger

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
)

// The tests of this file are named after the rules of the protocol.

func TestRule1AMapThatWentBackInTimeNeverWipesTheOnlyCopy(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	// The map says that cell-b owns the partition, and a move to cell-a, its true owner, is begun.
	for _, state := range []protocol.State{protocol.StateOwned, protocol.StateFenced, protocol.StateReady, protocol.StateMoved} {
		s.source.force(t, s.p, state)
		cmd := command("m9", 9)
		cmd.Peer = "cell-b"
		_, err := s.source.Import(t.Context(), s.p, cmd)
		refused(t, protocol.CodeConflict, err)
	}
	if n := one[int](t, s.source.app, `SELECT count(*) FROM people WHERE person = $1`, key); n != 1 {
		t.Fatal("the only copy is gone")
	}
}

func TestRule1RowsThatNoStateAccountsForAreNotWiped(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	s.source.force(t, s.p, protocol.StateAbsent)
	cmd := command("m9", 9)
	cmd.Peer = "cell-b"
	_, err := s.source.Import(t.Context(), s.p, cmd)
	refused(t, protocol.CodeConflict, err)
}

func TestRule1RecordAndImportRefuseAnEpochNotAboveTheHighest(t *testing.T) {
	s := newStage(t, false)
	s.begin(t, command("m1", 5))
	do(t, s.source.Release, s.p, command("m1", 5))
	do(t, s.target.Clear, s.p, command("m1", 5))
	for _, epoch := range []placement.Epoch{4, 5} {
		late := command("m2", epoch)
		late.Peer = "cell-b"
		_, err := s.source.Record(t.Context(), s.p, late)
		refused(t, protocol.CodeStale, err)
		late.Peer = "cell-a"
		_, err = s.target.Import(t.Context(), s.p, late)
		refused(t, protocol.CodeStale, err)
	}
	s.begin(t, command("m2", 6))
	s.begin(t, command("m2", 6)) // repeats this very move
}

func TestRule2EachFencingDrawsANewNumberAndHandoverNamesIt(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	first := s.fence(t, cmd)
	s.pull(t, first)
	s.expire(t)
	second := s.fence(t, cmd)
	if second.FenceNo <= first.FenceNo {
		t.Fatalf("number %d after %d", second.FenceNo, first.FenceNo)
	}
	_, err := s.source.MarkReads(t.Context(), s.p, first)
	refused(t, protocol.CodeConflict, err)
	do(t, s.source.MarkReads, s.p, second)
	_, err = s.source.Handover(t.Context(), s.p, first)
	refused(t, protocol.CodeConflict, err)
	// What is ready under the first number is not taken for what the second one froze.
	_, err = s.target.Own(t.Context(), s.p, second)
	refused(t, protocol.CodeConflict, err)
}

func TestRule2FenceNumbersRiseFromOwnerToOwner(t *testing.T) {
	there := newStage(t, false)
	cmd := command("m1", 2)
	there.begin(t, cmd)
	for range 3 { // three fencings at cell-a
		there.fence(t, cmd)
		there.expire(t)
	}
	do(t, there.source.Release, there.p, cmd)
	do(t, there.target.Clear, there.p, cmd)
	there.move(t, "m2", 3)
	back := stage{source: there.target, target: there.source, p: there.p}
	back.move(t, "m3", 4)
	there.begin(t, command("m4", 5))
	if n := there.fence(t, command("m4", 5)).FenceNo; n != 6 {
		t.Fatalf("the sixth fencing of the partition has number %d", n)
	}
}

func TestRule2LowerTokensAreRefusedOnceAHigherOneWasSeen(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	newer := cmd
	newer.Token = 8
	if row := do(t, s.source.Adopt, s.p, newer); row.Token != 8 || row.State != protocol.StateOwned {
		t.Fatalf("%+v", row)
	}
	_, err := s.source.Fence(t.Context(), s.p, cmd)
	refused(t, protocol.CodeStale, err)
	err = s.source.SetClosing(t.Context(), s.p, cmd, 1e9)
	refused(t, protocol.CodeStale, err)
	do(t, s.source.Fence, s.p, newer)
}

func TestRule2SelfReleaseAndHandoverCompeteForTheRow(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	cmd = s.fence(t, cmd)
	do(t, s.source.MarkReads, s.p, cmd)
	exec(t, s.source.admin, `UPDATE `+s.source.table("cellway_partitions")+` SET deadline = now() - interval '1 hour' WHERE partition = $1`, s.p)
	do(t, s.source.Handover, s.p, cmd) // an hour late, but first
	rows, err := s.source.SelfRelease(t.Context())
	if err != nil || len(rows) != 0 {
		t.Fatalf("%v, %v", rows, err)
	}
}

func TestRule3PullAndSweepCheckStateEpochAndAttempt(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	old := s.fence(t, cmd)
	s.begin(t, cmd) // a second attempt
	_, _, err := s.target.Pull(t.Context(), s.p, old, nil)
	refused(t, protocol.CodeConflict, err)
	_, err = s.source.Sweep(t.Context(), s.p, cmd)
	refused(t, protocol.CodeConflict, err)
	_, err = s.target.Own(t.Context(), s.p, cmd) // importing, not ready
	refused(t, protocol.CodeConflict, err)
}

func TestRule3APartitionReturnsOnlyAfterItsSweep(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.copy(t, cmd)
	cmd = s.fence(t, cmd)
	s.pull(t, cmd)
	do(t, s.source.MarkReads, s.p, cmd)
	do(t, s.source.Handover, s.p, cmd)
	do(t, s.target.Own, s.p, cmd)
	back := command("m2", 3)
	back.Peer = "cell-b"
	_, err := s.source.Import(t.Context(), s.p, back)
	refused(t, protocol.CodeConflict, err)
	if _, err := s.check(t, cmd); err != nil {
		t.Fatal(err)
	}
	do(t, s.source.Sweep, s.p, cmd)
	do(t, s.source.Import, s.p, back)
}

func TestRule4UndoWritesEpochAndTokenIntoCleanRowsToo(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 7)
	cmd.Token = 4
	source, target := do(t, s.source.Release, s.p, cmd), do(t, s.target.Clear, s.p, cmd)
	if source.HighEpoch != 7 || source.Token != 4 || source.State != protocol.StateOwned || source.Epoch != 1 {
		t.Errorf("source %+v", source)
	}
	if target.HighEpoch != 7 || target.Token != 4 || target.State != protocol.StateAbsent {
		t.Errorf("target %+v", target)
	}
	cmd.Peer = "cell-a"
	_, err := s.target.Import(t.Context(), s.p, cmd) // step 3, late
	refused(t, protocol.CodeStale, err)
}

func TestRule4ClearNamesTheAttempt(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.begin(t, cmd)
	cmd.Attempt = 1
	_, err := s.target.Clear(t.Context(), s.p, cmd)
	refused(t, protocol.CodeConflict, err)
	cmd.Attempt = 2
	if row := do(t, s.target.Clear, s.p, cmd); row.State != protocol.StateAbsent || row.Attempt != 2 {
		t.Fatalf("%+v", row)
	}
}

func TestRule4WhatWasHandedOverIsNotUndone(t *testing.T) {
	s := newStage(t, false)
	s.move(t, "m1", 2)
	_, err := s.source.Release(t.Context(), s.p, command("m1", 2))
	refused(t, protocol.CodeConflict, err)
	_, err = s.target.Clear(t.Context(), s.p, command("m1", 2))
	refused(t, protocol.CodeConflict, err)
}

func TestRule5TheMarkerDecidesNothing(t *testing.T) {
	s := newStage(t, false)
	key := s.source.person(t, s.p, 0)
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.fence(t, cmd)
	exec(t, s.source.platform, `DELETE FROM cellway_closing`)
	_, err := s.source.app.Exec(t.Context(), update, key)
	if sqlState(err) != SQLFenced {
		t.Fatalf("without a marker the row is open: %v", err)
	}
}

func TestRule6TheMarkerGoesWithTheFencing(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 2)
	cmd.FenceMS = 60_000
	s.begin(t, cmd)
	if err := s.source.SetClosing(t.Context(), s.p, cmd, maxFence); err != nil {
		t.Fatal(err)
	}
	do(t, s.source.Fence, s.p, cmd)
	if n := one[int](t, s.source.platform, `SELECT count(*) FROM `+s.source.table("cellway_closing")); n != 0 {
		t.Errorf("%d markers are left", n)
	}
}

func TestRule13StepsCommitDurablyWhateverTheRoleSays(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	role := pgx.Identifier{one[string](t, c.platform, `SELECT current_user`)}.Sanitize()
	exec(t, c.admin, `ALTER ROLE `+role+` SET synchronous_commit = off`)
	lazy := connect(t, c.migrate.URL)
	if got := one[string](t, lazy, `SHOW synchronous_commit`); got != "off" {
		t.Fatalf("the role's setting is %s: the test proves nothing", got)
	}
	var got string
	err := open(t, lazy, "cell-a").inStep(t.Context(), func(tx pgx.Tx) error {
		return tx.QueryRow(t.Context(), `SHOW synchronous_commit`).Scan(&got)
	})
	if err != nil || got != "on" {
		t.Errorf("synchronous_commit is %q in a step, %v", got, err)
	}
}

func TestRule9EpochsAndTokensSurviveAnUndo(t *testing.T) {
	s := newStage(t, false)
	cmd := command("m1", 5)
	cmd.Token = 3
	s.begin(t, cmd)
	do(t, s.source.Release, s.p, cmd)
	target := do(t, s.target.Clear, s.p, cmd)
	lower := command("m0", 4) // an undo of an older move, by the same leader
	lower.Token = 3
	source := do(t, s.source.Release, s.p, lower)
	if source.HighEpoch != 5 || source.Token != 3 || source.Epoch != 1 || target.HighEpoch != 5 || target.Token != 3 {
		t.Fatalf("source %+v, target %+v", source, target)
	}
}

// expire lets the fence's deadline pass.
func (s stage) expire(t testing.TB) {
	t.Helper()
	exec(t, s.source.admin, `UPDATE `+s.source.table("cellway_partitions")+` SET deadline = now() - interval '1 second' WHERE partition = $1`, s.p)
	rows, err := s.source.SelfRelease(t.Context())
	if err != nil || len(rows) != 1 || rows[0].State != protocol.StateOwned || rows[0].Partition != s.p || rows[0].ReadFence != 0 {
		t.Fatalf("%+v, %v", rows, err)
	}
}
