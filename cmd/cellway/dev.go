package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cellway/cellway/internal/dev"
)

// stateFlag is where the system on this machine keeps its state.
func stateFlag(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "state-dir", ".cellway", "where the system keeps what lasts between runs")
}

func newDev() *cobra.Command {
	var cfg dev.Config
	cmd := &cobra.Command{
		Use: "dev", Short: "Run the whole system on this machine until Ctrl-C", GroupID: "system", Args: cobra.NoArgs,
		Long: `Runs the whole system on this machine: a private Postgres and a private Consul, two movers, a router and three
cells, each a process of its own. Data is kept between runs in the state directory.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			binary, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			cfg.Binary, cfg.Out, cfg.Provision = binary, cmd.OutOrStdout(), provisionCell
			return dev.Run(cmd.Context(), cfg)
		},
	}
	flags := cmd.Flags()
	stateFlag(flags, &cfg.StateDir)
	flags.StringVar(&cfg.RouterAddr, "router-addr", "127.0.0.1:8000", "the router's public listener, host:port")
	flags.StringVar(&cfg.AdminAddr, "admin-addr", "127.0.0.1:8001", "the router's admin listener, host:port")
	flags.StringVar(&cfg.ConsulAddr, "consul-addr", "127.0.0.1:8500", "Consul's HTTP listener, host:port, on 127.0.0.1")
	flags.IntVar(&cfg.Partitions, "partitions", 4096, "partition count of a new system, a power of two; fixed for its life")
	flags.StringVar(&cfg.PostgresBin, "postgres-bin", "", "directory of initdb and postgres; found where it is not given")
	flags.StringVar(&cfg.ConsulBin, "consul-bin", "", "the consul program; found or built where it is not given")
	return cmd
}
