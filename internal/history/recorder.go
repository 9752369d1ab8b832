package history

import (
	"hash/fnv"
	"sync"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// Recorder keeps a load's operations; a load.Recorder.
type Recorder struct {
	oneIn uint64
	began time.Time

	mu  sync.Mutex
	ops []load.Operation
}

// NewRecorder keeps the operations of one customer in oneIn, chosen by the ID; 1: of all.
func NewRecorder(oneIn int) *Recorder {
	return &Recorder{oneIn: uint64(max(oneIn, 1)), began: time.Now()}
}

// Wants says whether the customer is one of those that are kept.
func (r *Recorder) Wants(customer string) bool {
	if r.oneIn == 1 {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(customer)) // never fails
	return h.Sum64()%r.oneIn == 0
}

// Record keeps an operation that began at start and has its answer now.
func (r *Recorder) Record(start time.Time, op load.Operation) {
	op.Call, op.Return = int64(start.Sub(r.began)), int64(time.Since(r.began))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

// Operations returns what was kept so far.
func (r *Recorder) Operations() []load.Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ops[:len(r.ops):len(r.ops)]
}
