package crashtest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cellway/cellway/cell"
	"github.com/cellway/cellway/customers"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/routekey"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/migrations"
	"github.com/cellway/cellway/mover"
	"github.com/cellway/cellway/registry/consul"
	"github.com/cellway/cellway/router"
)

// envRole holds the settings of a process that is a part of the system under test, and not the test.
const envRole = "CELLWAY_CRASH_ROLE"

// TestMain makes this binary a part of the system where the environment says so.
func TestMain(m *testing.M) {
	raw, ok := os.LookupEnv(envRole)
	if !ok {
		// The systems run side by side, and the zombie beside them, which mostly waits, however few cores there are.
		flag.Parse()
		if err := flag.Set("test.parallel", strconv.Itoa(systems+1)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		testenv.Main(m)
		return
	}
	if err := runRole(raw); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// settings are all that a part needs to know.
type settings struct {
	Role, Name       string // mover, cell, router; its name among them
	Consul           string // host:port
	Token            string // of the internal listeners
	Listen, Internal string // host:port; of a router the public and the admin listener
	Platform, App    string // a cell's databases
	Hooks            string // a mover's socket
	SessionTTL       time.Duration
}

func runRole(raw string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var s settings
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg, err := consul.New(consul.Config{
		Address: s.Consul, SessionTTL: s.SessionTTL, LockDelay: lockDelay, HTTPInterval: time.Second, DeregisterAfter: time.Minute, Logger: log,
	})
	if err != nil {
		return err
	}
	switch s.Role {
	case "mover":
		return runMover(ctx, s, reg, log)
	case "cell":
		return runCell(ctx, s, reg, log)
	case "router":
		r, err := router.New(router.Config{Registry: reg, PublicAddr: s.Listen, AdminAddr: s.Internal, Logger: log})
		if err != nil {
			return err
		}
		return r.Run(ctx)
	}
	return fmt.Errorf("no such role: %q", s.Role)
}

// lockDelay is long enough for Consul to notice it.
const lockDelay = 50 * time.Millisecond

// fenceDeadline is the default: what a fence without its mover costs.
const fenceDeadline = time.Second

func runMover(ctx context.Context, s settings, reg *consul.Registry, log *slog.Logger) error {
	hooks, err := dialHooks(ctx, s.Hooks, s.Name)
	if err != nil {
		return err
	}
	internal := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	m, err := mover.New(mover.Config{
		Registry: reg, Name: s.Name, Logger: log, Hook: hooks.reached,
		Cells:  &watchedCells{Client: &protocol.Client{HTTP: internal, Token: s.Token}, hooks: hooks},
		Settle: 100 * time.Millisecond, Poll: 100 * time.Millisecond, Parallel: 1, PerSource: 1, PerTarget: 1,
		FenceDeadline: fenceDeadline, RetryPause: 20 * time.Millisecond, RetryPauseMax: 300 * time.Millisecond,
		Rest: 20 * time.Millisecond, RestMax: 200 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	return m.Run(ctx)
}

func runCell(ctx context.Context, s settings, reg *consul.Registry, log *slog.Logger) error {
	c, err := cell.New(cell.Config{
		Cell: s.Name, Listen: s.Listen, InternalListen: s.Internal, InternalToken: s.Token, PlatformURL: s.Platform, AppURL: s.App,
		Partitions: partitions, Registry: reg, Migrations: migrations.Customers, Logger: log,
		LeaseTTL: 1500 * time.Millisecond, LeaseEvery: 300 * time.Millisecond,
		Key: func(r *http.Request) (string, bool, error) {
			key, _, err := routekey.Split(r.URL.EscapedPath(), "/api/customers/")
			return key, err == nil, nil
		},
		App: func(d cell.AppDeps) (http.Handler, error) {
			return customers.New(customers.Config{Pool: d.Pool, CellID: d.CellID, Logger: d.Logger})
		},
	})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}
