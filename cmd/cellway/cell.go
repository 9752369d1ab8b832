package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/cellway/cellway/cell"
	"github.com/cellway/cellway/customers"
	"github.com/cellway/cellway/internal/routekey"
	"github.com/cellway/cellway/migrations"
	"github.com/cellway/cellway/placement"
)

// customersPath is where the application's keys stand in a request's path; what belongs to a customer is below.
const customersPath = "/api/customers/"

type cellFlags struct {
	roleFlags
	cfg             cell.Config
	platformURLFile string
	appURLFile      string
	tokenFile       string
}

func newCell() *cobra.Command {
	var f cellFlags
	cmd := &cobra.Command{
		Use: "cell", Short: "Run one instance of a cell: the gate with the application behind it", GroupID: "role", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runCell(cmd.Context(), cmd, f) },
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.StringVar(&f.cfg.Cell, "cell", "", "the cell's name, for example cell-a")
	flags.StringVar(&f.cfg.Listen, "listen", "127.0.0.1:8002", "listener of the application behind the gate, host:port")
	flags.StringVar(&f.cfg.InternalListen, "internal-listen", "127.0.0.1:8003", "listener for the mover and other cells, host:port")
	flags.StringVar(&f.cfg.Advertise, "advertise", "", "where routers reach the application, host:port (default: --listen)")
	flags.StringVar(&f.cfg.InternalAdvertise, "internal-advertise", "", "where mover and cells reach the internal listener (default: --internal-listen)")
	flags.StringVar(&f.cfg.PlatformURL, "platform-url", "", "the cell's database as the platform's role")
	flags.StringVar(&f.platformURLFile, "platform-url-file", "", "file with that URL")
	flags.StringVar(&f.cfg.AppURL, "app-url", "", "the cell's database as the application's role")
	flags.StringVar(&f.appURLFile, "app-url-file", "", "file with that URL")
	flags.StringVar(&f.tokenFile, "internal-token-file", "", "file with the credential of the internal listeners")
	flags.IntVar(&f.cfg.Weight, "weight", 1, "capacity relative to other cells'")
	flags.IntVar(&f.cfg.Partitions, "partitions", placement.DefaultPartitions, "the cluster's partition count, a power of two; fixed for its life")
	return cmd
}

func runCell(ctx context.Context, cmd *cobra.Command, f cellFlags) error {
	log, err := newLogger(cmd.ErrOrStderr(), f.logLevel)
	if err != nil {
		return err
	}
	cfg := f.cfg
	if cfg.PlatformURL, err = databaseURL("platform-url", cfg.PlatformURL, f.platformURLFile); err != nil {
		return err
	}
	if cfg.AppURL, err = databaseURL("app-url", cfg.AppURL, f.appURLFile); err != nil {
		return err
	}
	if cfg.InternalToken, err = secret("internal-token-file", f.tokenFile); err != nil {
		return err
	}
	if cfg.Registry, err = f.registry(log); err != nil {
		return err
	}
	metrics, err := newMetrics()
	if err != nil {
		return err
	}
	cfg.Logger, cfg.Metrics, cfg.Version = log, metrics, buildVersion()
	cfg.Migrations, cfg.CountTable = migrations.Customers, "customers"
	cfg.Key, cfg.App = customerKey, customersApp
	c, err := cell.New(cfg)
	if err != nil {
		return err
	}
	log.Info("cell starts", "cell", cfg.Cell, "version", cfg.Version, "listen", cfg.Listen)
	return c.Run(ctx)
}

// customerKey finds the customer's ID in the path, by the same rule as router and application.
func customerKey(r *http.Request) (key string, ok bool, err error) {
	key, _, err = routekey.Split(r.URL.EscapedPath(), customersPath)
	return key, err == nil, nil // a path without a key is the application's to refuse
}

func customersApp(d cell.AppDeps) (http.Handler, error) {
	h, err := customers.New(customers.Config{Pool: d.Pool, CellID: d.CellID, Logger: d.Logger})
	if err != nil {
		return nil, fmt.Errorf("application: %w", err)
	}
	return h, nil
}
