package mover

import (
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var grown = map[string]int{"cell-a": 16, "cell-b": 16, "cell-c": 16, "cell-d": 16}

func TestMove_copies_again_in_a_new_attempt_when_a_copy_broke_off(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		broke := map[placement.Partition]bool{}
		s.mu.Lock()
		s.breakOff = func(p placement.Partition) bool {
			was := broke[p]
			broke[p] = true
			return !was
		}
		s.mu.Unlock()
		s.add(s.ctx, "cell-d", 1)
		s.awaitShares(grown)
		if len(broke) != 16 {
			t.Errorf("%d copies broke off", len(broke))
		}
		for _, mv := range s.ended() {
			if mv.State != registry.MoveDone {
				t.Errorf("move %+v", mv)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for p := range broke {
			if row := s.cells["cell-d"].rows[p]; row.Attempt != 2 {
				t.Errorf("partition %d arrived in attempt %d", p, row.Attempt)
			}
		}
	})
}

func TestMove_lets_its_target_catch_up_before_each_fence(t *testing.T) {
	withCells(t, func(t *testing.T, s *system, _ func()) {
		refused := map[placement.Partition]int{}
		s.setFault(func(_ string, p placement.Partition, verb protocol.Verb, after bool) error {
			if verb == protocol.VerbClose && !after && refused[p] < 2 {
				refused[p]++
				return &protocol.Problem{Code: protocol.CodeBusy, Message: "PUT /api/customers/x, 1.2s"}
			}
			return nil
		})
		s.add(s.ctx, "cell-d", 1)
		s.awaitShares(grown)
		s.mu.Lock()
		defer s.mu.Unlock()
		copied := map[placement.Partition]bool{}
		for _, o := range s.history {
			switch o.verb {
			case protocol.VerbCopy:
				copied[o.p] = true
			case protocol.VerbClose:
				if !copied[o.p] {
					t.Errorf("partition %d was closed without a look at what had changed", o.p)
				}
				copied[o.p] = false
			default:
			}
		}
	})
}

func TestMove_names_the_transaction_that_holds_it_up(t *testing.T) {
	const who = `pid 4711, age 12.0s, application "the nightly report"`
	held, slow := 0, placement.Partition(-1)
	moves := joinWith(t, func(_ string, p placement.Partition, verb protocol.Verb, after bool) error {
		if verb == protocol.VerbClose && !after && held < 4 && (slow < 0 || p == slow) {
			slow = p
			held++
			return &protocol.Problem{Code: protocol.CodeLocked, Message: who}
		}
		return nil
	}, func(s *system) {
		s.await("the journal to name it", func() bool {
			open, err := s.store.Client().OpenMoves(s.ctx)
			for _, mv := range open {
				if strings.Contains(mv.Error, who) {
					return err == nil
				}
			}
			return false
		})
	})
	for _, mv := range moves {
		if mv.State != registry.MoveDone || mv.Error != "" {
			t.Errorf("move %+v", mv)
		}
	}
}

func TestRule8_a_difference_after_the_handover_forbids_the_sweep_and_is_told(t *testing.T) {
	inBubble(t, func(t *testing.T, s *system) {
		for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
			s.add(s.ctx, name, 1)
		}
		told, counted := &logged{}, prometheus.NewRegistry()
		s.start("mover-1", func(cfg *Config) {
			cfg.Metrics, cfg.Logger = counted, slog.New(slog.NewTextHandler(told, nil))
		})
		s.awaitShares(map[string]int{"cell-a": 22, "cell-b": 21, "cell-c": 21})
		bad := placement.Partition(-1)
		s.setFault(func(_ string, p placement.Partition, verb protocol.Verb, after bool) error {
			if verb != protocol.VerbCompare || after {
				return nil
			}
			if bad < 0 {
				bad = p
			}
			if p != bad {
				return nil
			}
			return &protocol.Problem{Code: protocol.CodeDiffers, Message: "table customers: 7 rows and 6"}
		})
		s.add(s.ctx, "cell-d", 1)
		s.await("the others", func() bool { return len(s.ended()) == 15 })
		s.await("the journal to say so", func() bool {
			open, err := s.store.Client().OpenMoves(s.ctx)
			return err == nil && len(open) == 1 && open[0].State == registry.MoveFlipped && strings.Contains(open[0].Error, "table customers")
		})
		if n := counterOf(t, counted, "cellway_move_differences_total"); n != 1 || !told.has("level=ERROR") {
			t.Errorf("%v differences counted; told: %v", n, told.has("level=ERROR"))
		}
		s.mu.Lock()
		for _, o := range s.history {
			if o.p == bad && (o.verb == protocol.VerbSweep || o.verb == protocol.VerbReceipt) {
				t.Errorf("%s was sent to %s", o.verb, o.cell)
			}
		}
		s.fault = nil // a person has found out why
		s.mu.Unlock()
		s.awaitShares(grown)
		s.check()
	})
}

// logged keeps what was logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), part)
}

func counterOf(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}
