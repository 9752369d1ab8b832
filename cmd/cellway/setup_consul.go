package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cellway/cellway/deploy"
	"github.com/cellway/cellway/internal/secretfile"
	"github.com/cellway/cellway/registry/consul"
)

// setupFlags are what the setup commands have in common that speak to Consul as its manager.
type setupFlags struct {
	roleFlags
	dir string
}

func (f *setupFlags) register(flags *pflag.FlagSet) {
	f.roleFlags.register(flags)
	flags.StringVar(&f.dir, "setup-dir", "/run/cellway/setup", "folder with the secrets that setup secrets has made")
}

// manager returns the registry with the token that manages Consul's ACLs, when Consul is ready.
func (f *setupFlags) manager(ctx context.Context, cmd *cobra.Command) (*consul.Registry, error) {
	f.consulTokenFile = f.dir + "/" + fileManagement
	r, err := f.registry(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return r, patiently(ctx, cmd.ErrOrStderr(), "Consul at "+f.consulAddr, r.Ready)
}

// policyName of a role or a cell: whatever a cell is called, its policy is no role's.
func (f *setupFlags) policyName(kind, name string) string {
	return f.consulPrefix + "-" + kind + "-" + name
}

// rules of a role, for this cluster's keys and service.
func (f *setupFlags) rules(role, cell string) (string, error) {
	return deploy.Policy(role, deploy.Names{Prefix: f.consulPrefix, Service: f.consulService, Cell: cell})
}

func newSetupConsul() *cobra.Command {
	var f setupFlags
	cmd := &cobra.Command{
		Use: "consul", Short: "Give routers, movers, Consul's agents and those without a token their policies in Consul", Args: cobra.NoArgs,
		Long: "Consul's ACLs have to be on, with deny as the default. The cells' policies are made by setup cell.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := f.manager(cmd.Context(), cmd)
			if err != nil {
				return err
			}
			if err := f.grantRoles(cmd.Context(), r); err != nil {
				return fmt.Errorf("access in Consul: %w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "router, mover, agent and anonymous have their policies in Consul")
			return nil
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func (f *setupFlags) grantRoles(ctx context.Context, r *consul.Registry) error {
	anonymous, err := f.rules("anonymous", "")
	if err != nil {
		return err
	}
	problems := []error{r.GrantAnonymous(ctx, consul.Grant{
		Name: f.policyName("role", "anonymous"), About: "Cellway: whoever brings no token sees services, checks and nodes", Rules: anonymous,
	})}
	for role, file := range map[string]string{
		"agent": fileAgent, "router": roleTokenFile("router"), "mover": roleTokenFile("mover"),
	} {
		rules, err := f.rules(role, "")
		if err != nil {
			return err
		}
		token, err := secret("setup-dir", f.dir+"/"+file)
		if err != nil {
			return err
		}
		problems = append(problems, r.Grant(ctx, consul.Grant{Name: f.policyName("role", role), About: "Cellway: every " + role, Rules: rules, Token: token}))
	}
	return errors.Join(problems...)
}

// grantCell gives a cell its policy, and its token, which is kept in the cell's folder.
func (f *setupFlags) grantCell(ctx context.Context, r *consul.Registry, cell, dir string) error {
	rules, err := f.rules("cell", cell)
	if err != nil {
		return err
	}
	token, err := secretfile.Keep(dir, fileConsul, secretfile.Token)
	if err != nil {
		return err
	}
	return r.Grant(ctx, consul.Grant{Name: f.policyName("cell", cell), About: "Cellway: the instances of " + cell, Rules: rules, Token: token})
}
