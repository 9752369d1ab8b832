package cell

import (
	"context"
	"sync"
	"time"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/placement"
)

const (
	maxLooks = 4                // each holds a connection
	lookKept = 10 * time.Second // less than idleTimeout, at which the server ends it
)

// looks are snapshots of partitions that have become ready, kept open until the mover asks for what they show. One
// that is lost costs no more than exactness: the check then leaves out what was written since.
type looks struct {
	mu     sync.Mutex
	kept   map[placement.Partition]*keptLook
	closed bool
}

type keptLook struct {
	*ledger.Look
	move   string
	tables []ledger.Table // the source's
	timer  *time.Timer
}

// keep takes the look over, or closes it where there are too many.
func (s *looks) keep(ctx context.Context, p placement.Partition, move string, look *ledger.Look, tables []ledger.Table) {
	ctx = context.WithoutCancel(ctx)
	s.drop(ctx, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.kept) >= maxLooks {
		look.Close(ctx)
		return
	}
	if s.kept == nil {
		s.kept = map[placement.Partition]*keptLook{}
	}
	k := &keptLook{Look: look, move: move, tables: tables}
	k.timer = time.AfterFunc(lookKept, func() { s.expire(ctx, p, k) })
	s.kept[p] = k
}

// take hands out the look that was kept for the move, nil if there is none.
func (s *looks) take(p placement.Partition, move string) *keptLook {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[p]
	if k == nil || k.move != move || !k.timer.Stop() {
		return nil
	}
	delete(s.kept, p)
	return k
}

func (s *looks) expire(ctx context.Context, p placement.Partition, k *keptLook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[p] == k {
		delete(s.kept, p)
		k.Close(ctx)
	}
}

func (s *looks) drop(ctx context.Context, p placement.Partition) {
	s.mu.Lock()
	k := s.kept[p]
	s.mu.Unlock()
	if k != nil {
		k.timer.Stop()
		s.expire(ctx, p, k)
	}
}

// close gives all up, before the pools close.
func (s *looks) close(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for p, k := range s.kept {
		k.timer.Stop()
		k.Close(ctx)
		delete(s.kept, p)
	}
}
