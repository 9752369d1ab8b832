package cell

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// turnstile lets few of a pool's connections be made at once. When a server has dropped all sessions, or is so busy that
// it answers late, everybody wants a new one: each costs it a process and a key derivation, and if all are tried at
// once none is ready in time, is given up, and tried again. So those who come first get theirs, and nobody's time runs
// before it is his turn.
type turnstile struct{ slots chan struct{} }

func newTurnstile(atOnce int) turnstile { return turnstile{make(chan struct{}, atOnce)} }

// passed marks the context of who holds a slot.
type passed struct{}

// TraceConnectStart is called before a connection is made: it waits for a slot.
func (t turnstile) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	select {
	case t.slots <- struct{}{}:
		return context.WithValue(ctx, passed{}, true)
	case <-ctx.Done(): // then connecting fails by itself
		return ctx
	}
}

// TraceConnectEnd is called when it is made, or has failed.
func (t turnstile) TraceConnectEnd(ctx context.Context, _ pgx.TraceConnectEndData) {
	if ctx.Value(passed{}) != nil {
		<-t.slots
	}
}

// TraceQueryStart and TraceQueryEnd are what pgx asks of every tracer.
func (turnstile) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (turnstile) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
