package dev

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// orderLimit bounds one order; a restart may first have to wait for an orderly end.
const orderLimit = 3 * time.Minute

// controlFile is control.json: how to give orders to the supervisor.
type controlFile struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// order is the body of every request to the control listener.
type order struct {
	Name   string `json:"name"`
	Weight int    `json:"weight,omitempty"`
}

// alivePath answers 204: this supervisor is there.
const alivePath = "/alive"

type control struct {
	server *http.Server
	ended  chan struct{}
}

// listen opens the control listener on a random loopback port, with a token that only this user can read.
func (s *supervisor) listen(ctx context.Context) (*control, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("control listener: %w", err)
	}
	token := rand.Text()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+alivePath, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /restart", s.handle(ctx, func(ctx context.Context, o order) error { return s.restart(ctx, o.Name) }))
	mux.HandleFunc("POST /cells", s.handle(ctx, func(ctx context.Context, o order) error { return s.addCell(ctx, o.Name, o.Weight) }))
	mux.HandleFunc("DELETE /cells", s.handle(ctx, func(ctx context.Context, o order) error { return s.removeCell(ctx, o.Name) }))
	c := &control{
		server: &http.Server{
			Handler:           authorised(token, mux),
			ReadHeaderTimeout: 5 * time.Second,
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(c.ended)
		if err := c.server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.con.say("control listener: %v", err)
		}
	}()
	return c, writeJSON(s.cfg.path("control.json"), controlFile{"http://" + l.Addr().String(), token})
}

func (c *control) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if c.server.Shutdown(ctx) != nil {
		_ = c.server.Close()
	}
	<-c.ended
}

func authorised(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handle carries out orders: one once begun is finished, also when its sender has gone; it ends with the system.
func (s *supervisor) handle(system context.Context, do func(context.Context, order) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o order
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&o); err != nil {
			http.Error(w, "order: "+err.Error(), http.StatusBadRequest)
			return
		}
		done, err := s.begin()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer done()
		ctx, cancel := context.WithTimeout(system, orderLimit)
		defer cancel()
		err = do(ctx, o)
		switch {
		case errors.Is(err, ErrExists):
			http.Error(w, err.Error(), http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		}
	}
}
