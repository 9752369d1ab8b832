package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// TestNoWriteLandsOutsideOwned lets writers loop at both cells while a partition is fenced, opens by itself, is
// handed over, undone and brought back, all at once. Every write that was acknowledged must be there at the end, at
// the cell that owns the partition, and no other.
func TestNoWriteLandsOutsideOwned(t *testing.T) {
	s := newStage(t, false)
	key := keyOf(s.p, 0)
	exec(t, s.source.app, `INSERT INTO people (person) VALUES ($1)`, key)
	ctx, stop := context.WithCancel(t.Context())
	var writers errgroup.Group
	defer func() { _ = writers.Wait() }() // before the pools close, also when the test fails
	defer stop()
	var acknowledged, refusals, unknown atomic.Int64
	for i := range 2 {
		for _, c := range []*testCell{s.source, s.target} {
			writers.Go(func() error {
				for n := 0; ctx.Err() == nil; n++ {
					err := write(c, key, fmt.Sprintf("%s %d %d", c.name, i, n))
					c.pause()
					switch state := sqlState(err); {
					case err == nil:
						acknowledged.Add(1)
					case state == SQLFenced || state == SQLNotOwned || state == "40001" || state == "23503":
						refusals.Add(1) // 23503: nobody's person at a cell that never had him
					default:
						unknown.Add(1)
						return err
					}
				}
				return nil
			})
		}
	}
	writers.Go(func() error {
		for ctx.Err() == nil {
			for _, c := range []*testCell{s.source, s.target} {
				if _, err := c.SelfRelease(context.WithoutCancel(ctx)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	from, to := s, stage{source: s.target, target: s.source, p: s.p}
	handovers, undone := 0, 0
	for epoch := 2; epoch < 100 && (handovers < 4 || undone < 4); epoch++ {
		if from.race(t, command(fmt.Sprintf("m%d", epoch), placement.Epoch(epoch))) {
			handovers++
			from, to = to, from
		} else {
			undone++
		}
	}
	stop()
	if err := writers.Wait(); err != nil {
		t.Fatal(err)
	}
	owner, other := from.source, from.target
	here := one[int64](t, owner.admin, `SELECT count(*) FROM `+owner.table("notes"))
	there := one[int64](t, other.admin, `SELECT count(*) FROM `+other.table("notes"))
	t.Logf("%d written, %d refused, %d moves, %d undone", acknowledged.Load(), refusals.Load(), handovers, undone)
	if here != acknowledged.Load() || there != 0 {
		t.Errorf("%d writes were acknowledged; %d are at the owner, %d at the other cell", acknowledged.Load(), here, there)
	}
	if handovers < 4 || undone < 4 || refusals.Load() == 0 {
		t.Errorf("the race was none: %d moves, %d undone, %d refusals", handovers, undone, refusals.Load())
	}
}

// pause is a moment without a write: steps wait for the row, and writers that never pause overtake them for seconds.
func (c *testCell) pause() {
	_, _ = c.admin.Exec(context.Background(), `SELECT pg_sleep(random() * 0.02)`)
}

// write adds a note, in one of the isolation levels, sometimes late in its transaction.
func write(c *testCell, key, body string) error {
	ctx := context.Background()
	tx, err := c.app.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if rand.IntN(2) == 0 {
		if _, err := tx.Exec(ctx, `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO notes (person, body) VALUES ($1, $2)`, key, body); err != nil {
		return err
	}
	if rand.IntN(4) == 0 {
		if _, err := tx.Exec(ctx, `SELECT pg_sleep(0.005)`); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// race tries one move with a fence so short that it may open at any point; whether it was handed over.
func (s stage) race(t testing.TB, cmd protocol.Command) bool {
	t.Helper()
	cmd.FenceMS = []int64{1, 20, 60, 5000}[rand.IntN(4)]
	s.begin(t, cmd)
	s.copy(t, cmd)
	if s.source.SetClosing(t.Context(), s.p, cmd, time.Second) == nil {
		if row, err := s.source.Fence(t.Context(), s.p, cmd); err == nil {
			cmd.FenceNo = row.FenceNo
		}
	}
	if err := s.source.ClearClosing(t.Context(), s.p, cmd); err != nil {
		t.Fatal(err)
	}
	if cmd.FenceNo == 0 || !s.handOver(t, cmd) {
		s.undo(t, cmd)
		return false
	}
	do(t, s.target.Own, s.p, cmd)
	if _, err := s.check(t, cmd); err != nil {
		t.Fatal(err)
	}
	cmd.Receipt = &protocol.Receipt{Move: cmd.Move, Partition: s.p, From: s.source.name, To: s.target.name}
	do(t, s.target.Receipt, s.p, cmd)
	do(t, s.source.Sweep, s.p, cmd)
	return true
}

// handOver pulls, closes reads and hands over; false as soon as the fence has opened by itself.
func (s stage) handOver(t testing.TB, cmd protocol.Command) bool {
	t.Helper()
	_, _, err := s.target.Pull(t.Context(), s.p, s.attempt(t, cmd), s.from)
	if protocol.CodeOf(err) == protocol.CodeConflict {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.source.MarkReads(t.Context(), s.p, cmd); err != nil {
		return false
	}
	_, err = s.source.Handover(t.Context(), s.p, cmd)
	return err == nil
}
