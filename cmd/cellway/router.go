package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/cellway/cellway/router"
)

type routerFlags struct {
	roleFlags
	cfg       router.Config
	tokenFile string
	networks  []string
}

func newRouter() *cobra.Command {
	var f routerFlags
	cmd := &cobra.Command{
		Use: "router", Short: "Send every request to the cell that holds its customer", GroupID: "role", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRouter(cmd.Context(), cmd, f) },
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.StringVar(&f.cfg.PublicAddr, "router-addr", "127.0.0.1:8000", "public listener, host:port")
	flags.StringVar(&f.cfg.AdminAddr, "admin-addr", "127.0.0.1:8001", "admin listener, host:port")
	flags.StringVar(&f.tokenFile, "admin-token-file", "", "file with the admin token; required where the admin listener is not on loopback")
	flags.StringVar(&f.cfg.StateFile, "router-state", "", "file that keeps the last view, to start from while Consul is away (default: none)")
	flags.DurationVar(&f.cfg.HoldBudget, "hold", 0, "how long a request is held while its customer moves (default 2s)")
	flags.StringSliceVar(&f.networks, "allowed-networks", nil, "networks in which cells may be dialled, as CIDR (default: loopback and private ranges)")
	return cmd
}

func runRouter(ctx context.Context, cmd *cobra.Command, f routerFlags) error {
	log, err := newLogger(cmd.ErrOrStderr(), f.logLevel)
	if err != nil {
		return err
	}
	cfg := f.cfg
	if f.tokenFile != "" {
		if cfg.AdminToken, err = secret("admin-token-file", f.tokenFile); err != nil {
			return err
		}
	}
	for _, text := range f.networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("--allowed-networks: %w", err)
		}
		cfg.AllowedNetworks = append(cfg.AllowedNetworks, network)
	}
	if cfg.Registry, err = f.registry(log); err != nil {
		return err
	}
	if cfg.Metrics, err = newMetrics(); err != nil {
		return err
	}
	cfg.Logger = log
	r, err := router.New(cfg)
	if err != nil {
		return err
	}
	log.Info("router starts", "version", buildVersion())
	return r.Run(ctx)
}
