package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// beatEvery is how often a registered instance is asked for its health.
const beatEvery = 10 * time.Millisecond

// historyKeep ended moves are kept.
const historyKeep = 2000

// Store is the shared state. Use [NewStore].
type Store struct {
	mu      sync.Mutex
	changed chan struct{} // closed at every change, then replaced
	down    bool
	version uint64 // of the last record written

	cluster   *registry.Cluster
	world     *placement.Map // nil: there is none
	highest   placement.Epoch
	cells     map[string]registry.Cell
	open      map[placement.Partition]registry.Move
	ended     []registry.Move // by epoch
	rebalance registry.Rebalance
	requests  uint64
	pace      registry.Pace
	orders    orderBook
	instances map[string]registry.Instance

	lock      string // of the present leader; "": nobody leads
	leader    string
	token     uint64       // of the last leader
	waiting   []*candidate // for the lock, the first first
	campaigns uint64       // so far; names locks
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		changed:   make(chan struct{}),
		cells:     make(map[string]registry.Cell),
		open:      make(map[placement.Partition]registry.Move),
		instances: make(map[string]registry.Instance),
	}
}

// Client returns a new client of the store.
func (s *Store) Client() *Client { return &Client{store: s} }

// ExpireLeader ends the present leadership, as a registry does that has not heard of a leader for too long.
func (s *Store) ExpireLeader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lock, s.leader = "", ""
	s.wake()
}

// SetDown makes the store answer nobody (true) or everybody again (false).
func (s *Store) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	s.wake()
}

// Forget loses the registration of an instance.
func (s *Store) Forget(instanceID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.instances, instanceID)
	s.wake()
}

// wake tells everybody who waits that something has changed. The caller holds the mutex.
func (s *Store) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// nextVersion draws a version for a record. The caller holds the mutex.
func (s *Store) nextVersion() uint64 {
	s.version++
	return s.version
}

// Client is one process's view of a [Store]. It is safe for concurrent use.
type Client struct{ store *Store }

var _ registry.Registry = (*Client)(nil)

// read runs fn on the store, if the store answers.
func (c *Client) read(ctx context.Context, act string, fn func(*Store) error) error {
	s := c.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w: %w", act, registry.ErrUnavailable, err)
	}
	if s.down {
		return fmt.Errorf("%s: %w", act, registry.ErrUnavailable)
	}
	if err := fn(s); err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	return nil
}

// write is read for what changes the store.
func (c *Client) write(ctx context.Context, act string, fn func(*Store) error) error {
	return c.read(ctx, act, func(s *Store) error {
		if err := fn(s); err != nil {
			return err
		}
		s.wake()
		return nil
	})
}

// asLeader is write for what only the leader of the term may do.
func (c *Client) asLeader(ctx context.Context, act string, term registry.Term, fn func(*Store) error) error {
	return c.write(ctx, act, func(s *Store) error {
		if term.Lock == "" || term.Lock != s.lock {
			return registry.ErrNotLeader
		}
		return fn(s)
	})
}
