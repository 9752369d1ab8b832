package cell

import (
	"context"
	"net/http"
	"sync"

	"github.com/cellway/cellway/internal/protocol"
)

// live joins, serves until ctx ends, and leaves.
func (in *instance) live(ctx context.Context, fail context.CancelCauseFunc, f *fronts, ready func()) error {
	// The lease is kept until the last request has ended.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	defer func() {
		in.stopping.Store(true)
		stop()
		work.Wait()
		in.giveLeaseBack(context.WithoutCancel(ctx))
		f.internal.leave(ctx, in.cfg.OrderTimeout)
	}()

	// Whoever finds this instance's lease must be able to ask its gate.
	f.internal.show(in.internalHandler())
	work.Go(func() { in.run(background) })
	select {
	case <-in.held:
	case <-ctx.Done():
		return ctx.Err()
	}
	f.app.show(in.appHandler())
	ready()
	in.log.InfoContext(ctx, "cell serves", "cell", in.cfg.Cell, "address", in.addr, "internal", in.internal)

	var announced sync.WaitGroup
	announced.Go(func() {
		if err := in.keepRegistered(ctx); err != nil && ctx.Err() == nil {
			fail(err)
		}
	})
	<-ctx.Done()
	in.stopping.Store(true)
	announced.Wait()
	in.log.InfoContext(ctx, "cell leaves", "cell", in.cfg.Cell)
	// Routers hear that their connections end before these do: first with the answers, then with a refusal. A write
	// on a connection that is closed under it could not be told from one that was done.
	rest(background, in.cfg.Grace)
	f.app.show(leavingApp(in.cfg.Cell))
	rest(background, in.cfg.Grace)
	f.app.leave(ctx, in.cfg.DrainTimeout)
	return ctx.Err()
}

// appHandler is the public listener's: the gate with the application behind it, and beside it what must answer
// whatever the gate says. Paths are compared as they came: nothing is cleaned or redirected before the gate.
func (in *instance) appHandler() http.Handler {
	gated := in.gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), in.cfg.RequestTimeout)
		defer cancel()
		in.app.ServeHTTP(w, r.WithContext(ctx))
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if in.stopping.Load() {
			w.Header().Set("Connection", "close")
		}
		switch r.URL.Path {
		case healthPath:
			in.serveHealth(w, r)
		case metricsPath:
			in.serveMetrics(w, r)
		case contentsPath:
			in.serveContents(w, r)
		case protocol.PathHoldings:
			in.serveHoldings(w, r)
		default:
			gated.ServeHTTP(w, r)
		}
	})
}
