package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/pflag"

	"github.com/cellway/cellway/registry/consul"
)

// roleFlags are what every role has: where the registry is, and how to log.
type roleFlags struct {
	consulAddr      string
	consulTokenFile string
	consulPrefix    string
	consulService   string
	sessionTTL      time.Duration
	logLevel        string
}

func (f *roleFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.consulAddr, "consul-addr", "127.0.0.1:8500", "Consul's HTTP listener, host:port")
	flags.StringVar(&f.consulTokenFile, "consul-token-file", "", "file with the Consul ACL token, where Consul wants one")
	flags.StringVar(&f.consulPrefix, "consul-prefix", "cellway", "prefix of the keys in Consul; another one is another cluster")
	flags.StringVar(&f.consulService, "consul-service", "cellway-cell", "name under which cells register in Consul")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

func (f *roleFlags) registry(log *slog.Logger) (*consul.Registry, error) {
	cfg := consul.Config{
		Address: f.consulAddr, Prefix: f.consulPrefix, Service: f.consulService, SessionTTL: f.sessionTTL, Logger: log,
	}
	if f.consulTokenFile != "" {
		token, err := secret("consul-token-file", f.consulTokenFile)
		if err != nil {
			return nil, err
		}
		cfg.Token = token
	}
	r, err := consul.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return r, nil
}

// newMetrics is a process's own registry of metrics, with what Go and the operating system say of it.
func newMetrics() (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	if err := r.Register(collectors.NewGoCollector()); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if err := r.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return r, nil
}

// databaseURL takes a URL from a file, or from a flag where it holds no password worth hiding.
func databaseURL(flag, value, file string) (string, error) {
	switch {
	case value != "" && file != "":
		return "", fmt.Errorf("--%s and --%s-file: give one of them", flag, flag)
	case value != "":
		return value, nil
	}
	return secret(flag+"-file", file)
}

// serveHTTP serves until ctx ends, then lets requests in flight end for a moment.
func serveHTTP(ctx context.Context, addr string, h http.Handler) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", addr, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// processName is unique among the processes of this machine and, with the host's name, among machines.
func processName(kind string) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%s-%d", kind, strings.ToLower(host), os.Getpid())
}
