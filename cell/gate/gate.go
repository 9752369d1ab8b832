package gate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// ErrConfig: a field of [Config] cannot be; the message names it.
var ErrConfig = errors.New("invalid gate configuration")

const (
	defaultAnswerLimit = 1 << 20
	defaultLingering   = 64
)

// Config is what a gate needs.
type Config struct {
	// Cell is the cell's name, put on every answer. Required.
	Cell string
	// Partitions is the cluster's partition count. Required.
	Partitions int
	// Key finds a request's key. ok is false for a request that has none; an error refuses the request (400), so
	// that the application cannot find another key in it. Required.
	Key func(r *http.Request) (key string, ok bool, err error)
	// Keyless says whether a request without a key may pass to the application; one that may not gets 404.
	// Default: every one may.
	Keyless func(r *http.Request) bool
	// OnRefused hears of every request that was refused for what the gate believes of its partition: it may have
	// missed a change. It is called on the request's way and must not block. Default: nothing.
	OnRefused func(p placement.Partition, state protocol.State)
	// Linger is how long a request is kept at a door that is closed for a move, before it is refused. Default: not at all.
	Linger time.Duration
	// Lingering is how many are kept so at once, over all doors; more are refused at once. Default: 64.
	Lingering int
	// AnswerLimit is the longest answer that is held until it is whole, in bytes. Default: 1 MiB.
	AnswerLimit int
}

// Validate names the first field that cannot be.
func (c Config) Validate() error {
	switch {
	case placement.ValidateCellName(c.Cell) != nil:
		return fmt.Errorf("%w: Cell: %w", ErrConfig, placement.ValidateCellName(c.Cell))
	case placement.ValidatePartitionCount(c.Partitions) != nil:
		return fmt.Errorf("%w: Partitions: %w", ErrConfig, placement.ValidatePartitionCount(c.Partitions))
	case c.Key == nil:
		return fmt.Errorf("%w: Key is missing", ErrConfig)
	case c.Linger < 0:
		return fmt.Errorf("%w: Linger is negative", ErrConfig)
	case c.Lingering < 0:
		return fmt.Errorf("%w: Lingering is negative", ErrConfig)
	case c.AnswerLimit < 0:
		return fmt.Errorf("%w: AnswerLimit is negative", ErrConfig)
	}
	return nil
}

// Gate is one instance's gate. Its methods may be called by many goroutines. Partitions that are given to them must
// be below the partition count.
type Gate struct {
	cfg     Config
	doors   []door
	lease   atomic.Pointer[lease]
	frozen  atomic.Pointer[string] // why no write is accepted; nil while they are
	counts  [results]atomic.Uint64
	took    latencies // of writes
	buffers sync.Pool // of *bytes.Buffer, for answers

	lingering chan struct{} // a place for each request that is kept at a door
}

// New returns a gate without a lease that knows of no state: it admits nothing.
func New(cfg Config) (*Gate, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.AnswerLimit = cmp.Or(cfg.AnswerLimit, defaultAnswerLimit)
	cfg.Lingering = cmp.Or(cfg.Lingering, defaultLingering)
	if cfg.Keyless == nil {
		cfg.Keyless = func(*http.Request) bool { return true }
	}
	if cfg.OnRefused == nil {
		cfg.OnRefused = func(placement.Partition, protocol.State) {}
	}
	g := &Gate{cfg: cfg, doors: make([]door, cfg.Partitions), lingering: make(chan struct{}, cfg.Lingering)}
	g.buffers.New = func() any { return new(bytes.Buffer) }
	g.lease.Store(&lease{})
	return g, nil
}

// RefuseWrites makes the gate refuse every write from now on, for the reason given.
func (g *Gate) RefuseWrites(why string) { g.frozen.Store(&why) }

// States counts the partitions by the state that the gate knows; "" is not known.
func (g *Gate) States() map[protocol.State]int {
	counts := map[protocol.State]int{}
	for i := range g.doors {
		counts[g.doors[i].known()]++
	}
	return counts
}

// State is what the gate knows of one partition; "" is not known.
func (g *Gate) State(p placement.Partition) protocol.State { return g.doors[p].known() }
