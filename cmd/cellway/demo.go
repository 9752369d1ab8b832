package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cellway/cellway/internal/load"
)

// demoFlags is what a user may choose about a demo.
type demoFlags struct {
	admin     adminFlags
	router    string // host:port
	where     systemFlags
	cell      string // "": the first free name
	customers int
	workers   int
}

// Bounds that one machine can bear.
const (
	maxDemoCustomers = 1_000_000
	maxDemoWorkers   = 64
)

func newDemo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use: "demo", Short: "Add a cell under load on the running system, and report what moved and what customers saw", GroupID: "system",
		Long: `Loads customers into the running system, keeps a client writing and reading them, adds a cell, and shows its share
arriving. At the end it reports the share of partitions that moved against the ideal, and what the client saw. It ends
with status 1 if the client saw an error, or the share is off the ideal by more than one partition.

The ideal is the least number of moves with which every cell can own its proportion of the partitions by weight,
rounded down or up. It is computed from what the admin API shows: partitions owned before, weights after; a cell that
drains has no share.

Customers are named demo-, an ID of the run, and a number. They stay, as does the cell.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			sys, err := f.where.find(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			c, err := f.admin.client(cmd.Context(), sys, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			d := &demo{
				system: sys, admin: c, client: load.New("http://"+f.router, load.NewModel()), out: cmd.OutOrStdout(),
				prefix: fmt.Sprintf("demo-%08x", rand.Uint32()), cell: f.cell, customers: f.customers, workers: f.workers,
			}
			return d.run(cmd.Context())
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *demoFlags) register(flags *pflag.FlagSet) {
	f.admin.register(flags)
	f.where.register(flags)
	flags.StringVar(&f.router, "router-addr", "127.0.0.1:8000", "the router's public listener, host:port")
	flags.StringVar(&f.cell, "cell", "", "the cell to add; the first of cell-d, cell-e, ... that is free where it is not given")
	flags.IntVar(&f.customers, "customers", 20000, "how many customers to load")
	flags.IntVar(&f.workers, "workers", 8, "how many requests the client keeps under way")
}

func (f *demoFlags) validate() error {
	if f.customers < 1 || f.customers > maxDemoCustomers {
		return fmt.Errorf("--customers %d: a number from 1 to %d", f.customers, maxDemoCustomers)
	}
	if f.workers < 1 || f.workers > maxDemoWorkers {
		return fmt.Errorf("--workers %d: a number from 1 to %d", f.workers, maxDemoWorkers)
	}
	return nil
}
