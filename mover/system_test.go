package mover

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// system is a cluster of model cells with movers, inside one bubble of synctest: its clock is fake, so pauses,
// leases and deadlines cost nothing.
type system struct {
	*modelCells
	ctx context.Context
}

// inBubble runs the test with a system whose parts all end with it.
func inBubble(t *testing.T, test func(t *testing.T, s *system)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &system{modelCells: newModelCells(t), ctx: ctx}
		s.createCluster(ctx)
		defer synctest.Wait()
		defer cancel()
		test(t, s)
	})
}

// withCells is inBubble with the first map made for cell-a, cell-b and cell-c, and one mover at work.
func withCells(t *testing.T, test func(t *testing.T, s *system, stop func())) {
	t.Helper()
	inBubble(t, func(t *testing.T, s *system) {
		for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
			s.add(s.ctx, name, 1)
		}
		mover := s.start("mover-1", nil)
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		test(t, s, mover.stop)
		s.check()
	})
}

// runningMover is one mover process.
type runningMover struct {
	*Mover
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
}

// stop ends the mover as SIGTERM does.
func (m *runningMover) stop() {
	m.cancel()
	if err := <-m.done; err != nil {
		m.t.Error(err)
	}
}

// start runs one more mover; change may change its configuration.
func (s *system) start(name string, change func(*Config)) *runningMover {
	s.t.Helper()
	cfg := Config{Registry: s.store.Client(), Cells: s, Name: name}
	if os.Getenv("MOVER_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	running := &runningMover{Mover: m, t: s.t, cancel: cancel, done: make(chan error, 1)}
	go func() {
		running.done <- m.Run(ctx)
		close(running.done)
	}()
	return running
}

// await waits, by the bubble's clock, until the condition holds.
func (s *system) await(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); !holds(); {
		if time.Now().After(deadline) {
			rec, _ := s.store.Client().Rebalance(s.ctx)
			moves, _ := s.store.Client().OpenMoves(s.ctx)
			s.t.Fatalf("waited in vain for %s\nrebalance %+v\nopen moves %+v", what, rec, moves)
		}
		if sleep(s.ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

// awaitShares waits until the cells own so many partitions each, in rows and map, and nothing is left to do.
func (s *system) awaitShares(want map[string]int) {
	s.t.Helper()
	s.await(fmt.Sprintf("shares %v", want), func() bool {
		m, err := s.store.Client().Map(s.ctx)
		if err != nil {
			return false
		}
		rec, _ := s.store.Client().Rebalance(s.ctx)
		moves, _ := s.store.Client().OpenMoves(s.ctx)
		return !rec.Running && len(moves) == 0 && fmt.Sprint(m.Counts()) == fmt.Sprint(want) && s.owned() == fmt.Sprint(want)
	})
}

// owned counts what the rows say.
func (s *system) owned() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for name, cell := range s.cells {
		for _, row := range cell.rows {
			if row.State == protocol.StateOwned {
				counts[name]++
			}
		}
	}
	return fmt.Sprint(counts)
}

// check is what must be true whenever nothing is left to do: every partition is owned once, where the map says; its
// content is there, unchanged, and nowhere else; no row names a move; receipts are on both sides of every move.
func (s *system) check() {
	s.t.Helper()
	m, err := s.store.Client().Map(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range placement.Partition(modelPartitions) {
		owner, epoch := m.Owner(p)
		for name, cell := range s.cells {
			row := cell.rows[p]
			switch {
			case row.Move != "":
				s.t.Errorf("partition %d: %s still names a move: %+v", p, name, row.Row)
			case name == owner && (row.State != protocol.StateOwned || row.Epoch != epoch || len(cell.content[p]) != 1):
				s.t.Errorf("partition %d: the map says %s at %d, the row %s at %d, with %d rows", p, owner, epoch, row.State, row.Epoch, len(cell.content[p]))
			case name != owner && (row.State == protocol.StateOwned || len(cell.content[p]) != 0):
				s.t.Errorf("partition %d: the map says %s, and %s is %s with %d rows", p, owner, name, row.State, len(cell.content[p]))
			}
		}
	}
	history, err := s.store.Client().History(s.ctx, 2000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, mv := range history {
		if mv.State != registry.MoveDone {
			continue
		}
		if _, ok := s.cells[mv.From].receipts[mv.ID]; !ok {
			s.t.Errorf("move %s: no receipt at source %s", mv.ID, mv.From)
		}
		if _, ok := s.cells[mv.To].receipts[mv.ID]; !ok {
			s.t.Errorf("move %s: no receipt at target %s", mv.ID, mv.To)
		}
	}
}

// moves lists all moves that have ended, the oldest first.
func (s *system) ended() []registry.Move {
	s.t.Helper()
	history, err := s.store.Client().History(s.ctx, 2000)
	if err != nil {
		s.t.Fatal(err)
	}
	return history
}

func (s *system) setFault(fault func(cell string, p placement.Partition, verb protocol.Verb, after bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}
