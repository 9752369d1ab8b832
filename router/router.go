package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/router/admin"
	"github.com/cellway/cellway/router/forward"
	"github.com/cellway/cellway/router/view"
)

// Router sends requests to cells. Make one with [New], then [Router.Run] it.
type Router struct {
	cfg      Config
	view     *view.Keeper
	client   *forward.Client
	public   http.Handler
	admin    http.Handler
	stopping *atomic.Bool

	listening chan struct{} // closed when both addresses are known
	once      sync.Once
	addrs     [2]net.Addr // public, admin
}

// New makes a router and reads the view that an earlier one saved. It opens nothing yet.
func New(cfg Config) (*Router, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	keeper := view.New(view.Config{
		Registry: cfg.Registry, File: cfg.StateFile, Save: cfg.SaveEvery, Confirm: cfg.ConfirmEvery, Read: cfg.ReadMap, Logger: cfg.Logger,
	})
	if err := registerView(cfg.Metrics, keeper.Table, keeper.Age); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	client := forward.NewClient(forward.Config{
		Dial: cfg.Dial, Answer: cfg.Answer, Idle: cfg.UpstreamIdle, IdlePerHost: cfg.IdlePerInstance, InFlight: cfg.InFlight, MaxAnswer: cfg.MaxAnswer,
		BreakerFailures: cfg.BreakerFailures, BreakerPause: cfg.BreakerPause, AllowedNetworks: cfg.AllowedNetworks, Logger: cfg.Logger,
		BreakerOpened: func(cell string) { m.opened.WithLabelValues(cell).Inc() },
	})
	r := &Router{cfg: cfg, view: keeper, client: client, stopping: new(atomic.Bool), listening: make(chan struct{})}
	e := &public{
		cfg: cfg, metrics: m, log: newRequestLog(cfg.Logger, cfg.SlowAfter), stopping: r.stopping,
		engine: &engine{view: keeper, client: client, metrics: m, budget: cfg.HoldBudget, held: make(chan struct{}, cfg.MaxHeld)},
	}
	r.public = e.handler()
	r.admin = admin.New(admin.Config{
		Registry: cfg.Registry, View: keeper, Fetch: client.Get, Token: cfg.AdminToken, Loopback: onLoopback(cfg.AdminAddr),
		Patience: cfg.AdminPatience, CustomersPatience: cfg.CustomersPatience, Metrics: cfg.Metrics, Logger: cfg.Logger, Stopping: r.stopping.Load,
	})
	return r, nil
}

// Listening is closed when both listeners are open: from then on PublicAddr and AdminAddr are known.
func (r *Router) Listening() <-chan struct{} { return r.listening }

// PublicAddr returns the address of the public listener, "" before Listening is closed.
func (r *Router) PublicAddr() string { return r.addr(0) }

// AdminAddr returns the address of the admin listener, "" before Listening is closed.
func (r *Router) AdminAddr() string { return r.addr(1) }

func (r *Router) addr(i int) string {
	select {
	case <-r.listening:
		return r.addrs[i].String()
	default:
		return ""
	}
}

// Run serves until ctx is done, then lets requests end, and returns nil. Any other end is an error: an address
// that cannot be listened on, a server that fails. A Router runs once.
func (r *Router) Run(ctx context.Context) error {
	public, err := listen(ctx, "PublicAddr", r.cfg.PublicAddr)
	if err != nil {
		return err
	}
	operators, err := listen(ctx, "AdminAddr", r.cfg.AdminAddr)
	if err != nil {
		public.Close()
		return err
	}
	r.once.Do(func() {
		r.addrs = [2]net.Addr{public.Addr(), operators.Addr()}
		close(r.listening)
	})
	r.cfg.Logger.Info("router listens", slog.String("public", public.Addr().String()), slog.String("admin", operators.Addr().String()))

	// The view is followed until the last request has ended.
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var follower errgroup.Group
	follower.Go(func() error { return r.view.Run(following) })
	err = r.serve(ctx, public, operators)
	stop()
	err = errors.Join(err, follower.Wait())
	r.client.Close()
	r.cfg.Logger.Info("router stopped")
	return err
}

// serve runs both servers until ctx is done or one of them fails.
func (r *Router) serve(ctx context.Context, public, operators net.Listener) error {
	servers := map[net.Listener]*http.Server{public: r.server(r.public), operators: r.server(r.admin)}
	g, ctx := errgroup.WithContext(ctx)
	for l, s := range servers {
		g.Go(func() error {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	g.Go(func() error {
		<-ctx.Done()
		r.stopping.Store(true)
		<-time.After(r.cfg.Grace) // for load balancers to see it
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Shutdown)
		defer cancel()
		var wg sync.WaitGroup
		for _, s := range servers {
			wg.Go(func() { r.leave(bound, s) })
		}
		wg.Wait()
		return nil
	})
	return g.Wait()
}

// leave lets a server's requests end, and breaks off those that do not.
func (r *Router) leave(ctx context.Context, s *http.Server) {
	if err := s.Shutdown(ctx); err != nil {
		r.cfg.Logger.Warn("requests broken off at the end", slog.Any("error", errors.Join(err, s.Close())))
	}
}

func (r *Router) server(h http.Handler) *http.Server {
	ending := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if r.stopping.Load() { // clients hear that the connection ends before it does
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, q)
	})
	return &http.Server{
		Handler: ending, MaxHeaderBytes: r.cfg.MaxHeaderBytes, DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout: r.cfg.ReadHeader, ReadTimeout: r.cfg.Read, WriteTimeout: r.cfg.Write, IdleTimeout: r.cfg.Idle,
		ErrorLog: slog.NewLogLogger(r.cfg.Logger.Handler(), slog.LevelDebug),
	}
}

func listen(ctx context.Context, field, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: listen on %s: %w", field, address, err)
	}
	return l, nil
}
