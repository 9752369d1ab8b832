package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// run is the whole program, apart from the process around it: tests call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRoot() //nolint:contextcheck // commands take their context from ExecuteContext below
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cellway",
		Short: "Run an application as independent cells, and move customers between them live",
		Long: `Cellway runs an application as independent cells. A router sends each customer to the one cell that
holds that customer's data; when a cell joins or leaves, the smallest possible share of customers moves.

Every flag can also be given by the environment: --consul-addr is CELLWAY_CONSUL_ADDR, and so on.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flagsFromEnv(cmd.Flags()) },
	}
	root.AddGroup(
		&cobra.Group{ID: "system", Title: "The system on this machine, as processes (dev) or in containers (up):"},
		&cobra.Group{ID: "operate", Title: "Operating a running system:"},
		&cobra.Group{ID: "role", Title: "The roles, one process each:"},
	)
	root.AddCommand(
		newDev(), newUp(), newDown(), newLogs(), newAddCell(), newRemoveCell(), newRestart(), newDemo(),
		newStatus(), newVerify(), newLocate(), newDrain(), newUndrain(), newPlan(), newTune(), newAcceptRestored(),
		newMoves(), newRebalance(), newPause(), newResume(), newCancel(), newReverse(),
		newRouter(), newCell(), newMover(), newSetup(), newHealthcheck(), newVersion(),
	)
	return root
}

// flagsFromEnv fills every flag that was not given from CELLWAY_<FLAG>.
func flagsFromEnv(flags *pflag.FlagSet) error {
	var problems []string
	flags.VisitAll(func(f *pflag.Flag) {
		name := "CELLWAY_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		v, ok := os.LookupEnv(name)
		if f.Changed || !ok || v == "" || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, v); err != nil {
			problems = append(problems, fmt.Sprintf("%s=%q: %v", name, v, err))
		}
	})
	if len(problems) > 0 {
		return fmt.Errorf("environment: %s", strings.Join(problems, "; "))
	}
	return nil
}

// newLogger writes one line per event, for people and for machines that split on spaces.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// secret reads a credential from a file: secrets never stand in arguments or in a process's environment.
func secret(flag, path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("--%s: a file is needed", flag)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", flag, err)
	}
	v := strings.TrimSpace(string(raw))
	if v == "" {
		return "", fmt.Errorf("--%s: %s is empty", flag, path)
	}
	return v, nil
}
