package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/mover"
	"github.com/cellway/cellway/placement"
)

// told is what a mover's process says to the test, a line each.
type told struct {
	Mover string      `json:"mover"`
	Seq   int         `json:"seq,omitempty"` // of a point: the answer names it
	At    mover.Point `json:"at,omitempty"`  // it waits there
	// Partition is what the attempt at hand was last about; -1 before its first command.
	Partition int `json:"partition"`
	// Cell did not answer a command; or, if Late, refused or obeyed one that was sent late.
	Cell string `json:"cell,omitempty"`
	Late bool   `json:"late,omitempty"`
	Verb string `json:"verb,omitempty"`
	Code string `json:"code,omitempty"` // of the refusal; "" if it was obeyed, or not answered
	// Error is all that is known of it.
	Error string `json:"error,omitempty"`

	from *hooked
}

// order is the test's answer to a point.
type order struct {
	Seq int `json:"seq"`
	// Refuse: the next pull is refused, as if the sides differed.
	Refuse bool `json:"refuse,omitempty"`
	// Late: stay at this point, whatever becomes of the leadership, until the next order. The command that follows is
	// then sent though the leadership is over, as if it had long been under way.
	Late bool `json:"late,omitempty"`
}

// stays is the answer to an order to be late.
const stays = "stays"

// hookClient is the mover's end of the socket.
type hookClient struct {
	name      string
	partition atomic.Int64
	refuse    atomic.Bool
	late      atomic.Bool
	turn      sync.Mutex // one point at a time
	seq       int        // guarded by turn
	orders    chan order
	mu        sync.Mutex // guards enc
	enc       *json.Encoder
}

func dialHooks(ctx context.Context, socket, name string) (*hookClient, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	h := &hookClient{name: name, enc: json.NewEncoder(conn), orders: make(chan order)}
	h.partition.Store(-1)
	go func() { // ends with the process
		for dec := json.NewDecoder(conn); ; {
			var o order
			if dec.Decode(&o) != nil {
				return
			}
			h.orders <- o
		}
	}()
	return h, nil
}

func (h *hookClient) tell(t told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.Mover, t.Partition = h.name, int(h.partition.Load())
	_ = h.enc.Encode(t) // without a test there is nobody to tell
}

// reached is the shipped mover's Hook. The end of a term is no error: the step that follows notices it.
func (h *hookClient) reached(ctx context.Context, at mover.Point) error {
	h.turn.Lock()
	defer h.turn.Unlock()
	if at == mover.BeforeOpen {
		h.partition.Store(-1)
	}
	h.late.Store(false)
	h.seq++
	h.tell(told{Seq: h.seq, At: at})
	for {
		select {
		case <-ctx.Done():
			if !h.late.Load() {
				return nil
			}
			ctx = context.WithoutCancel(ctx)
		case o := <-h.orders:
			if o.Seq != h.seq {
				continue // for a point that was left when a term ended
			}
			if o.Late {
				h.late.Store(true)
				h.tell(told{Code: stays})
				continue
			}
			h.refuse.Store(h.refuse.Load() || o.Refuse)
			return nil
		}
	}
}

// watchedCells are the real cells. The test hears which do not answer.
type watchedCells struct {
	*protocol.Client
	hooks *hookClient
}

// Do refuses a pull that the test wants refused, and sends late what is to be late.
func (w *watchedCells) Do(ctx context.Context, addr string, p placement.Partition, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error) {
	w.hooks.partition.Store(int64(p))
	if verb == protocol.VerbPull && w.hooks.refuse.Swap(false) {
		return protocol.Reply{}, &protocol.Problem{Code: protocol.CodeDiffers, Message: "the test says that the sides differ"}
	}
	late := w.hooks.late.Load()
	if late {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
	}
	reply, err := w.Client.Do(ctx, addr, p, verb, cmd)
	code := protocol.CodeOf(err)
	if late || err != nil && code == "" {
		w.hooks.tell(told{Cell: cmd.Cell, Verb: string(verb), Code: code, Error: fmt.Sprint(err), Late: late})
	}
	return reply, err
}

// hooked is the test's end of one mover's socket.
type hooked struct {
	conn net.Conn
	enc  *json.Encoder
}

// hookServer hears all movers of one system.
type hookServer struct {
	socket string
	l      net.Listener
	said   chan told
	ctx    context.Context
	parts  sync.WaitGroup
}

func listenHooks(ctx context.Context, socket string) (*hookServer, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	s := &hookServer{socket: socket, l: l, said: make(chan told, 64), ctx: ctx}
	s.parts.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.parts.Go(func() { s.hear(conn) })
		}
	})
	return s, nil
}

func (s *hookServer) hear(conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	from := &hooked{conn: conn, enc: json.NewEncoder(conn)}
	for dec := json.NewDecoder(conn); ; {
		t := told{from: from}
		if dec.Decode(&t) != nil {
			return
		}
		select {
		case s.said <- t:
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *hookServer) close() {
	s.l.Close()
	s.parts.Wait()
}

// answer lets the mover go on. One that is dead hears nothing.
func (t *told) answer(o order) error {
	o.Seq = t.Seq
	err := t.from.enc.Encode(o)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("let %s go on from %s: %w", t.Mover, t.At, err)
	}
	return nil
}
