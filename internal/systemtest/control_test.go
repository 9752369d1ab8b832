package systemtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestOperatorsControlMoves pauses, resumes, cancels and reverses the rebalance of a joining cell, while a client writes
// and reads.
func TestOperatorsControlMoves(t *testing.T) {
	f := start(t)
	f.fill(2000)
	before := f.owners(t)
	stop := f.load(t)
	joining, enough := context.WithTimeout(t.Context(), 5*time.Minute)
	defer enough()
	joined := make(chan error, 1)
	go func() {
		_, err := f.sys.Run(joining, "add-cell", "cell-d")
		joined <- err
	}()

	f.waitForMoves(t, 30)
	f.run(t, time.Minute, "pause", "--as", "the night shift")
	f.must(t, Until(joining, f.noMoveIsOpen(joining)))
	ended := len(f.history(t))
	f.stays(t, ended)
	if out := f.run(t, time.Minute, "status"); !strings.Contains(out, "by the night shift") || !strings.Contains(out, "rebalance: running") {
		t.Errorf("status does not say who paused:\n%s", out)
	}

	f.run(t, time.Minute, "resume")
	f.waitForMoves(t, 30)
	f.run(t, 8*time.Minute, "cancel", "--rebalance", "--as", "the night shift")
	f.must(t, Until(joining, f.noMoveIsOpen(joining)))
	if err := <-joined; err == nil || !strings.Contains(err.Error(), "the night shift has cancelled moves") {
		t.Errorf("add-cell ended with %v: it is to say that its rebalance was cancelled, and by whom", err)
	}
	moves := f.history(t)
	f.stays(t, len(moves))
	stats := stop()
	t.Logf("cancelled: %s; %s", stats, f.outcomes(t))
	f.mustBeSpotless(t, stats)
	f.mustCheck(t)
	if got := f.owners(t)["cell-d"]; got == 0 || got >= 1024 {
		t.Errorf("cell-d owns %d partitions after the cancel, want some of its 1024", got)
	}

	stop = f.load(t)
	t.Logf("reverse says:\n%s", f.run(t, 8*time.Minute, "reverse"))
	f.must(t, f.noMoveIsOpen(t.Context())())
	after := f.owners(t)
	for cell, n := range before {
		if after[cell] != n {
			t.Errorf("%s owns %d partitions after the reversal, want %d as before", cell, after[cell], n)
		}
	}
	f.stays(t, len(f.history(t)))
	stats = stop()
	t.Logf("reversed: %s; %s", stats, f.outcomes(t))
	f.mustBeSpotless(t, stats)
	f.mustCheck(t)
	f.showsAMove(t)
}

// noMoveIsOpen asks the journal.
func (f *fixture) noMoveIsOpen(ctx context.Context) func() error {
	return func() error {
		var all struct{ Moves []moveInfo }
		if err := f.sys.Admin(ctx, "/admin/moves?limit=500", &all); err != nil {
			return err
		}
		for _, mv := range all.Moves {
			if mv.State != "done" && mv.State != "undone" {
				return fmt.Errorf("move %s is %s", mv.ID, mv.State)
			}
		}
		return nil
	}
}

// stays requires that for as long as the mover needs to look several times, no move begins or ends.
func (f *fixture) stays(t *testing.T, moves int) {
	t.Helper()
	looks := 0
	f.must(t, Until(t.Context(), func() error {
		if now := len(f.history(t)); now != moves {
			return Permanent(fmt.Errorf("the journal has %d moves, not %d", now, moves))
		}
		if looks++; looks < 60 { // 20 ms each, at least
			return fmt.Errorf("looked %d times", looks)
		}
		return nil
	}))
}

// outcomes counts the ended moves by how they ended.
func (f *fixture) outcomes(t *testing.T) string {
	t.Helper()
	counts := map[string]int{}
	for _, mv := range f.history(t) {
		counts[mv.State]++
	}
	return fmt.Sprint(counts)
}

// showsAMove compares one move in the list with the command that shows it.
func (f *fixture) showsAMove(t *testing.T) {
	t.Helper()
	last := f.history(t)[0]
	out := f.run(t, time.Minute, "moves", "show", last.ID[:8])
	for _, want := range []string{last.ID, last.From, last.To, "done", "reverse", "customers:"} {
		if !strings.Contains(out, want) {
			t.Errorf("the move is shown without %q:\n%s", want, out)
		}
	}
	if list := f.run(t, time.Minute, "moves", "--state", "done", "--limit", "3"); !strings.Contains(list, last.ID) {
		t.Errorf("the list lacks the newest move:\n%s", list)
	}
	if out := f.run(t, time.Minute, "moves", "watch"); !strings.Contains(out, "no rebalance is running") {
		t.Errorf("the watch says:\n%s", out)
	}
}
