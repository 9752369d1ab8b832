package cell

import (
	"context"
	"errors"
	"sync"
)

// errTwice: see [Cell.Run].
var errTwice = errors.New("a cell runs once")

// Cell is one instance of a cell. It is made by [New] and lives in [Cell.Run].
type Cell struct {
	cfg   Config
	ready chan struct{}

	mu       sync.Mutex // guards what follows
	ran      bool
	addr     string
	internal string
}

// New checks the configuration. Nothing is opened yet.
func New(cfg Config) (*Cell, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Cell{cfg: cfg.withDefaults(), ready: make(chan struct{})}, nil
}

// Ready is closed when requests are served.
func (c *Cell) Ready() <-chan struct{} { return c.ready }

// Instance is the instance's ID.
func (c *Cell) Instance() string { return c.cfg.Instance }

// Addr is where routers reach the application; "" before the listeners are bound, and set once Ready is closed.
func (c *Cell) Addr() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addr
}

// InternalAddr is the same for the internal listener.
func (c *Cell) InternalAddr() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.internal
}

// Run serves until ctx ends, and then leaves in order; it returns nil. It returns an error if the instance must not
// start, or must not go on: the schema or the registry belongs to another cell, cluster or database, or an address
// cannot be listened on. It runs once.
func (c *Cell) Run(ctx context.Context) error {
	working, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err := c.run(working, fail)
	cause := context.Cause(working)
	switch {
	case cause != nil && !errors.Is(cause, context.Cause(ctx)):
		return cause
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil
	}
	return err
}

func (c *Cell) run(ctx context.Context, fail context.CancelCauseFunc) error {
	f, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	f.serve(fail)
	in, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer in.close(ctx)
	in.addr, in.internal = c.Addr(), c.InternalAddr()
	if err := in.announceFirst(ctx); err != nil {
		return err
	}
	return in.live(ctx, fail, f, func() { close(c.ready) })
}

// listen binds both listeners, so that an address that is taken is found out at once.
func (c *Cell) listen(ctx context.Context) (*fronts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ran {
		return nil, errTwice
	}
	c.ran = true
	f, err := listen(ctx, c.cfg)
	if err != nil {
		return nil, err
	}
	if c.addr, err = advertised("Advertise", c.cfg.Advertise, f.app); err == nil {
		c.internal, err = advertised("InternalAdvertise", c.cfg.InternalAdvertise, f.internal)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}
