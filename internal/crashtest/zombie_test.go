package crashtest

import (
	"syscall"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/mover"
)

// asleep is longer than Consul takes to notice that a leader's session is over: up to twice its TTL of 10 s.
const asleep = 40 * time.Second

// TestAZombieIsRefused freezes the leader right before the point of no return, and wakes it when another has long led.
// Its command, which was as good as sent, counts no more.
func TestAZombieIsRefused(t *testing.T) {
	t.Parallel()
	s := newSystem(t, leadership)
	s.boot(t, nil)
	stop := s.work(t)
	hit := map[string]bool{}
	x := s.reach(t, Fault{At: mover.Before(mover.ActHandover), Victim: Source})
	s.openNow(t, hit)
	zombie := s.alive[x.Mover]
	must(t, x.answer(order{Late: true}))
	if heard, _ := s.listen(t, patience, false); heard.Code != stays {
		t.Fatalf("the mover says %+v", heard)
	}
	must(t, zombie.Signal(syscall.SIGSTOP))
	s.pending = nil
	other := s.start(t, "mover")
	took := s.leadFor(t, other, asleep)
	if took == 0 {
		t.Errorf("%s did not do a step in %v", other, asleep)
	}
	if leader, err := s.reg.Leader(t.Context()); err != nil || leader != other {
		t.Errorf("the leader is %q (%v), want %s", leader, err, other)
	}

	must(t, x.answer(order{})) // not before: a busy machine takes its time to stop a process
	must(t, zombie.Signal(syscall.SIGCONT))
	late := s.awaitLate(t, x.Mover)
	t.Logf("after %d points of %s the zombie's %s at %s was refused: %s", took, other, late.Verb, late.Cell, late.Error)
	if late.Verb != string(protocol.VerbHandover) || late.Code != protocol.CodeStale {
		t.Errorf("the late %s got %q, want %s to be refused as %q", late.Verb, late.Code, protocol.VerbHandover, protocol.CodeStale)
	}
	s.settle(t)
	s.awaitOperations(t, 5)
	seen := stop()
	mustBeDeserved(t, seen)
	s.mustHaveEnded(t, hit)
	s.judge(t)
	t.Logf("%s", seen)
}

// leadFor lets moves be made for that long, slowly (other tests want the machine, too), and counts the points at which
// the mover was.
func (s *system) leadFor(t *testing.T, name string, long time.Duration) (points int) {
	t.Helper()
	slow := time.NewTicker(50 * time.Millisecond)
	defer slow.Stop()
	for began := time.Now(); time.Since(began) < long; <-slow.C {
		if _, ok := s.listen(t, long-time.Since(began), true); ok && s.pending != nil {
			if s.pending.Mover == name {
				points++
			}
			s.goOn(order{})
		}
	}
	return points
}

// awaitLate waits for the outcome of a command that was sent too late.
func (s *system) awaitLate(t *testing.T, name string) told {
	t.Helper()
	for began := time.Now(); ; {
		x, ok := s.listen(t, patience-time.Since(began), true)
		if !ok {
			t.Fatalf("%s has sent nothing after it woke: the test proves nothing", name)
		}
		if x.Late {
			return x
		}
		if s.pending != nil {
			s.goOn(order{})
		}
	}
}
