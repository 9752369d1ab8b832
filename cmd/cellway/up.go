package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cellway/cellway/internal/compose"
)

// containerFlags say where the system in containers is described and where its state is kept.
type containerFlags struct {
	dir   string
	state string
}

func (f *containerFlags) register(flags *pflag.FlagSet) {
	stateFlag(flags, &f.state)
	flags.StringVar(&f.dir, "project-dir", ".", "directory of docker-compose.yml")
}

// find returns the project that the engine has containers of, else the one of the directory.
func (f *containerFlags) find(ctx context.Context, out io.Writer) (*compose.Project, error) {
	p, _, err := compose.Find(ctx, f.state, out)
	if errors.Is(err, compose.ErrNotRunning) {
		return compose.New(f.dir, f.state, out)
	}
	return p, err
}

func newUp() *cobra.Command {
	var f containerFlags
	cmd := &cobra.Command{
		Use: "up", Short: "Start the whole system in containers (docker compose), and return when it is ready", GroupID: "system", Args: cobra.NoArgs,
		Long: `Builds the image, starts what docker-compose.yml describes, waits until everything is healthy and says what to open.
What is running already stays, unless it has changed. Variables are in docs/OPERATIONS.md.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			began := time.Now()
			p, err := compose.New(f.dir, f.state, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			p.Env = append(p.Env, buildStamp()...)
			fmt.Fprintln(cmd.OutOrStdout(), "building the image (some minutes the first time) and starting the containers")
			if err := p.Up(cmd.Context()); err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), upBlock(p, time.Since(began)))
			return err
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// buildStamp tells docker-compose.yml what the image is built from, where nobody else has.
func buildStamp() []string {
	settings := map[string]string{"CELLWAY_VERSION": buildVersion()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				settings["CELLWAY_REVISION"] = s.Value
			case "vcs.time":
				settings["CELLWAY_CREATED"] = s.Value
			}
		}
	}
	var env []string
	for name, value := range settings {
		if os.Getenv(name) == "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// published is where a port is published on this machine, as docker-compose.yml has it.
func published(p *compose.Project, variable, standard string) string {
	return "http://" + cmp.Or(p.Setting(variable), standard)
}

func upBlock(p *compose.Project, took time.Duration) string {
	line := strings.Repeat("-", 78)
	router := published(p, "CELLWAY_ROUTER_ADDR", "127.0.0.1:8000")
	return fmt.Sprintf(`%[1]s
Cellway is ready in containers (%.1[2]f s).

  customers' API   %[3]s/api/customers/{id}
  for operators    %[4]s/
  Consul           %[5]s/ui/

Try:
  curl %[3]s/api/customers/alice -d '{"name":"Alice","email":"alice@example.org"}'
  make add-cell NAME=cell-d
  make status

make logs shows what they print, make down stops everything (with VOLUMES=1 the data goes too).
%[1]s
`, line, took.Seconds(), router, published(p, "CELLWAY_ADMIN_ADDR", "127.0.0.1:8001"), published(p, "CELLWAY_CONSUL_ADDR", "127.0.0.1:8500"))
}

func newDown() *cobra.Command {
	var f containerFlags
	var volumes bool
	cmd := &cobra.Command{
		Use: "down", Short: "Stop and remove the system's containers; the data stays", GroupID: "system", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.find(cmd.Context(), cmd.OutOrStdout())
			if err != nil {
				return err
			}
			return p.Down(cmd.Context(), volumes)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&volumes, "volumes", false, "remove the data and the secrets too, and forget cells that were added")
	return cmd
}

func newLogs() *cobra.Command {
	var f containerFlags
	cmd := &cobra.Command{
		Use: "logs [PART...]", Short: "Show and follow the logs of the system's containers", GroupID: "system",
		RunE: func(cmd *cobra.Command, parts []string) error {
			p, err := f.find(cmd.Context(), cmd.OutOrStdout())
			if err != nil {
				return err
			}
			return p.Logs(cmd.Context(), parts...)
		},
	}
	f.register(cmd.Flags())
	return cmd
}
