package memory

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cellway/cellway/registry"
)

// orderBook is kept encoded: what one client reads shares nothing with what another has.
type orderBook struct {
	value   []byte // nil: there is none
	version uint64
}

func (o orderBook) read() (b registry.OrderBook, err error) {
	if o.value != nil {
		err = json.Unmarshal(o.value, &b)
	}
	b.Version = o.version
	return b, err
}

// putOrders stores the book; an empty one leaves nothing. The caller holds the mutex.
func (s *Store) putOrders(b registry.OrderBook) (registry.OrderBook, error) {
	if b.Empty() {
		s.orders = orderBook{}
		return registry.OrderBook{}, nil
	}
	value, err := json.Marshal(b)
	if err != nil {
		return b, err
	}
	s.orders = orderBook{value: value, version: s.nextVersion()}
	return s.orders.read()
}

// Orders implements registry.Orders.
func (c *Client) Orders(ctx context.Context) (b registry.OrderBook, err error) {
	err = c.read(ctx, "read the orders", func(s *Store) (err error) {
		b, err = s.orders.read()
		return err
	})
	return b, err
}

// ChangeOrders implements registry.Orders.
func (c *Client) ChangeOrders(ctx context.Context, change func(registry.OrderBook) (registry.OrderBook, error)) (b registry.OrderBook, err error) {
	err = c.write(ctx, "keep an order", func(s *Store) error {
		if b, err = s.orders.read(); err != nil {
			return err
		}
		changed, err := change(b)
		if err != nil {
			return err
		}
		b, err = s.putOrders(changed)
		return err
	})
	return b, err
}

// PutOrders implements registry.Orders.
func (c *Client) PutOrders(ctx context.Context, term registry.Term, b registry.OrderBook) (stored registry.OrderBook, err error) {
	err = c.asLeader(ctx, "take out an order", term, func(s *Store) error {
		if b.Version != s.orders.version {
			return fmt.Errorf("the book has version %d, not %d: %w", s.orders.version, b.Version, registry.ErrConflict)
		}
		stored, err = s.putOrders(b)
		return err
	})
	return stored, err
}
