package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/mover"
)

type moverFlags struct {
	roleFlags
	listen    string
	tokenFile string
	cfg       mover.Config
}

func newMover() *cobra.Command {
	var f moverFlags
	cmd := &cobra.Command{
		Use: "mover", Short: "Plan and carry out moves; several may run, one leads", GroupID: "role", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runMover(cmd.Context(), cmd, f) },
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.StringVar(&f.cfg.Name, "name", "", "the name to lead under (default: made from host and process)")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8004", "listener for /health and /metrics, host:port")
	flags.StringVar(&f.tokenFile, "internal-token-file", "", "file with the credential of the cells' internal listeners")
	flags.DurationVar(&f.sessionTTL, "session-ttl", 10*time.Second, "how long leadership outlives its holder's silence; Consul's minimum is 10s")
	flags.IntVar(&f.cfg.InitialCells, "initial-cells", 3, "cells that must be there before the first map is made")
	flags.DurationVar(&f.cfg.Settle, "settle", 3*time.Second, "how long a new cell must be healthy before it gets its share")
	flags.IntVar(&f.cfg.Parallel, "parallel", 2, "moves carried out at once; more are quicker where the databases have processors to spare, and make each pause longer")
	flags.IntVar(&f.cfg.PerSource, "per-source", 4, "of these, from one cell")
	flags.IntVar(&f.cfg.PerTarget, "per-target", 8, "of these, to one cell")
	flags.DurationVar(&f.cfg.MaxWriteLatency, "max-write-latency", time.Second, "begin no further move from a cell whose writes take longer (nine of ten do not)")
	return cmd
}

func runMover(ctx context.Context, cmd *cobra.Command, f moverFlags) error {
	log, err := newLogger(cmd.ErrOrStderr(), f.logLevel)
	if err != nil {
		return err
	}
	token, err := secret("internal-token-file", f.tokenFile)
	if err != nil {
		return err
	}
	reg, err := f.registry(log)
	if err != nil {
		return err
	}
	metrics, err := newMetrics()
	if err != nil {
		return err
	}
	if f.cfg.Name == "" {
		f.cfg.Name = processName("mover")
	}
	f.cfg.Registry, f.cfg.Logger, f.cfg.Metrics = reg, log, metrics
	f.cfg.Cells = &protocol.Client{HTTP: internalHTTP(), Token: token}
	m, err := mover.New(f.cfg)
	if err != nil {
		return err
	}
	log.Info("mover starts", "name", f.cfg.Name, "version", buildVersion(), "listen", f.listen)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.Run(ctx) })
	g.Go(func() error { return serveHTTP(ctx, f.listen, moverHandler(m, metrics)) })
	return g.Wait()
}

// moverHandler serves /health (200 while it campaigns or leads) and /metrics.
func moverHandler(m *mover.Mover, metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// The status line has gone: who reads the answer notices when it breaks off.
		_ = json.NewEncoder(w).Encode(struct {
			Status string       `json:"status"`
			Mover  mover.Status `json:"mover"`
		}{"healthy", m.Status()})
	})
	return mux
}

// internalHTTP is a client for the cells' internal listeners: kept connections, no timeout of its own.
func internalHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConns: 256, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}}
}
