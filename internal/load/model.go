package load

import (
	"fmt"
	"sync"
)

// Customer is what the client knows of one customer: what an answer, and the databases, have to agree with.
type Customer struct {
	mu     sync.Mutex
	id     string
	exists bool
	n      int    // the value last acknowledged: profile.n
	cell   string // that answered last
	// An answer of "outcome unknown" leaves two possible states, until a read says which.
	maybe       bool
	maybeExists bool
	maybeN      int
}

// Expected is one state in which a customer may be found.
type Expected struct {
	Exists bool
	N      int
}

// ID is the customer's ID.
func (c *Customer) ID() string { return c.id }

// Cell is the cell that answered for the customer last; "" before the first answer.
func (c *Customer) Cell() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cell
}

// answeredBy notes the cell that answered now, if one did, and returns the one that had answered before.
func (c *Customer) answeredBy(cell string) (before string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.cell
	if cell != "" {
		c.cell = cell
	}
	return before
}

// Acknowledge books a write that was made beside this client and is known to be done.
func (c *Customer) Acknowledge(want Expected) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote(OutcomeDone, want)
}

// States lists the states that the customer may be in: one, or two after an unknown outcome.
func (c *Customer) States() []Expected {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []Expected{{c.exists, c.n}}
	if c.maybe {
		out = append(out, Expected{c.maybeExists, c.maybeN})
	}
	return out
}

// unsettled: the outcome of the last write is unknown.
func (c *Customer) unsettled() bool { return len(c.States()) > 1 }

// Model is what the client knows of all customers.
type Model struct {
	mu        sync.Mutex
	customers map[string]*Customer
}

// NewModel knows nobody yet.
func NewModel() *Model { return &Model{customers: map[string]*Customer{}} }

// Customer returns the customer's record, made at first sight.
func (m *Model) Customer(id string) *Customer {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.customers[id]
	if !ok {
		c = &Customer{id: id}
		m.customers[id] = c
	}
	return c
}

// States lists, by customer ID, the states that every customer ever seen may be in.
func (m *Model) States() map[string][]Expected {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string][]Expected, len(m.customers))
	for id, c := range m.customers {
		out[id] = c.States()
	}
	return out
}

// wrote records the outcome of a write that would bring the customer to want.
func (c *Customer) wrote(o Outcome, want Expected) {
	switch o {
	case OutcomeDone:
		c.exists, c.n, c.maybe = want.Exists, want.N, false
	case OutcomeUnknown:
		c.maybe, c.maybeExists, c.maybeN = true, want.Exists, want.N
	case OutcomeNotDone:
	}
}

// read checks an answer to a GET and settles what was unknown.
func (c *Customer) read(got Expected) error {
	switch {
	case got.Exists == c.exists && (!got.Exists || got.N == c.n):
		c.maybe = false
		return nil
	case c.maybe && got.Exists == c.maybeExists && (!got.Exists || got.N == c.maybeN):
		c.exists, c.n, c.maybe = got.Exists, got.N, false
		return nil
	}
	return fmt.Errorf("customer %s: read %+v, acknowledged was {Exists:%v N:%d}", c.id, got, c.exists, c.n)
}

// Outcome is what an answer says about a write.
type Outcome int

// An answer of success, one that promises that nothing was done (503), one that promises nothing (502, no answer).
const (
	OutcomeDone Outcome = iota
	OutcomeNotDone
	OutcomeUnknown
)
