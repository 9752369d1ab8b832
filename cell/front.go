package cell

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

const (
	headTimeout     = 5 * time.Second
	sendTimeout     = 10 * time.Second // for an answer, beyond the time to work on it
	keepAlive       = 2 * time.Minute  // longer than routers keep unused connections
	commandTimeout  = time.Minute      // the longest command, but for work on many rows
	internalTimeout = 30 * time.Second // the same for its answer
	maxHeader       = 64 << 10
)

// front is a listener with its server. Until it is shown its handler it answers that the cell is starting.
type front struct {
	listener net.Listener
	server   *http.Server
	handler  atomic.Pointer[http.Handler]
	ended    chan struct{} // closed when the server has stopped; nil before it serves
}

// fronts are an instance's two listeners.
type fronts struct{ app, internal *front }

func listen(ctx context.Context, cfg Config) (*fronts, error) {
	app, err := newFront(ctx, cfg, "Listen", cfg.Listen, startingApp(cfg.Cell))
	if err != nil {
		return nil, err
	}
	// When a server's time for reading is over it also ends the context of the request that it has read. So that
	// time is not shorter than the time to work.
	app.server.ReadTimeout = cfg.RequestTimeout + time.Second
	app.server.WriteTimeout = app.server.ReadTimeout + sendTimeout
	internal, err := newFront(ctx, cfg, "InternalListen", cfg.InternalListen, http.HandlerFunc(startingInternal))
	if err != nil {
		app.listener.Close()
		return nil, err
	}
	internal.server.ReadTimeout = commandTimeout + time.Second
	internal.server.WriteTimeout = internalTimeout
	return &fronts{app: app, internal: internal}, nil
}

func newFront(ctx context.Context, cfg Config, field, addr string, starting http.Handler) (*front, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: listen on %s: %w", field, addr, err)
	}
	f := &front{listener: l}
	f.handler.Store(&starting)
	f.server = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*f.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: headTimeout, IdleTimeout: keepAlive, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	return f, nil
}

// advertised is where others reach the listener.
func advertised(field, given string, f *front) (string, error) {
	if given != "" {
		return given, nil
	}
	addr := f.listener.Addr().String()
	if tcp, ok := f.listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return "", fmt.Errorf("%w: %s is missing: others cannot reach %s", ErrConfig, field, addr)
	}
	return addr, nil
}

// serve starts both servers. One that fails ends the instance.
func (fs *fronts) serve(fail context.CancelCauseFunc) {
	for _, f := range []*front{fs.app, fs.internal} {
		f.ended = make(chan struct{})
		go func() {
			defer close(f.ended)
			if err := f.server.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
				fail(fmt.Errorf("serve on %s: %w", f.listener.Addr(), err))
			}
		}()
	}
}

// show replaces the answers of the beginning.
func (f *front) show(h http.Handler) { f.handler.Store(&h) }

// leave lets requests in flight end within the time, then breaks them off.
func (f *front) leave(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	if f.server.Shutdown(ctx) != nil {
		_ = f.server.Close() // of the listener, which is closed already
	}
}

// close ends both servers, and waits for them where they served.
func (fs *fronts) close() {
	for _, f := range []*front{fs.app, fs.internal} {
		_ = f.server.Close() // of the listener, which may be closed already
		f.listener.Close()
		if f.ended != nil {
			<-f.ended
		}
	}
}

func startingApp(cell string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(protocol.HeaderCell, cell)
		w.Header().Set("Retry-After", "1")
		if r.URL.Path == healthPath {
			writeJSON(w, http.StatusServiceUnavailable, healthBody{Status: unhealthy, CellID: cell, Database: "not opened yet"})
			return
		}
		writeJSON(w, http.StatusServiceUnavailable, errorBody{"Cell unavailable", "the cell is starting; nothing was done"})
	})
}

func leavingApp(cell string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(protocol.HeaderCell, cell)
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Connection", "close")
		writeJSON(w, http.StatusServiceUnavailable, errorBody{"Cell unavailable", "the cell is stopping; nothing was done"})
	})
}

func startingInternal(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, &protocol.Problem{Code: protocol.CodeSilent, Message: "the instance is starting"})
}
