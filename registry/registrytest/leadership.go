package registrytest

import (
	"context"
	"testing"

	"github.com/cellway/cellway/registry"
)

// leadership is a term that a test holds. ctx is what lead was given; stop ends the campaign and waits.
type leadership struct {
	term registry.Term
	ctx  context.Context
	stop func()
}

// campaign stands for election until the test ends; every term that is won is sent.
func campaign(t *testing.T, r registry.Registry, name string) (terms <-chan leadership, stop func()) {
	t.Helper()
	won := make(chan leadership, 16)
	stop = background(t, func(ctx context.Context) error {
		return r.Lead(ctx, name, func(ctx context.Context, term registry.Term) {
			won <- leadership{term: term, ctx: ctx}
			<-ctx.Done()
		}, nil)
	})
	return won, stop
}

// lead campaigns and waits for the first term.
func lead(t *testing.T, r registry.Registry, name string) leadership {
	t.Helper()
	terms, stop := campaign(t, r, name)
	l := receive(t, name+" leads", terms)
	l.stop = stop
	return l
}
