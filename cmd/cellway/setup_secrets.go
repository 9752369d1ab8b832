package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cellway/cellway/deploy"
	"github.com/cellway/cellway/internal/secretfile"
)

// Names of the files with secrets, in the folder of whoever reads them.
const (
	fileSuperuser  = "superuser-password"
	fileAdmin      = "admin-token"
	fileInternal   = "internal-token"
	fileConsul     = "consul-token"
	fileManagement = "consul-management-token"
	fileAgent      = "consul-agent-token"
	fileGossip     = "gossip-key"
)

// secretFolders are the folders of those who read secrets; one that is not named gets none.
type secretFolders struct {
	setup, consul, router, mover string
	postgres                     []string
}

func newSetupSecrets() *cobra.Command {
	var f secretFolders
	cmd := &cobra.Command{
		Use: "secrets", Short: "Make the secrets of Postgres, Consul, router and mover, each in its own folder", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.fill(); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "secrets are in their folders")
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.setup, "setup-dir", "/run/cellway/setup", "folder of the setup commands: what manages Consul, and copies of what they hand out; \"\": Postgres's secrets alone")
	flags.StringSliceVar(&f.postgres, "postgres-dir", nil, "folder of a Postgres server: its superuser's password (several: one each)")
	flags.StringVar(&f.consul, "consul-dir", "", "folder of the Consul servers: configuration, gossip key and tokens")
	flags.StringVar(&f.router, "router-dir", "", "folder of the routers: Consul token and admin token")
	flags.StringVar(&f.mover, "mover-dir", "", "folder of the movers: Consul token and the cells' internal credential")
	return cmd
}

func (f secretFolders) fill() error {
	var problems []error
	for _, dir := range f.postgres {
		_, err := secretfile.Keep(dir, fileSuperuser, secretfile.Password)
		problems = append(problems, err)
	}
	if f.setup == "" {
		return errors.Join(problems...)
	}
	internal, err := secretfile.Keep(f.setup, fileInternal, secretfile.Password)
	problems = append(problems, err, f.fillConsul())
	if f.router != "" {
		_, err := secretfile.Keep(f.router, fileAdmin, secretfile.Password)
		problems = append(problems, err, share(f.setup, "router", f.router))
	}
	if f.mover != "" {
		problems = append(problems, secretfile.Write(f.mover, fileInternal, internal+"\n"), share(f.setup, "mover", f.mover))
	}
	return errors.Join(problems...)
}

// share gives a role its Consul token; the setup command that registers the token in Consul has the other copy.
func share(setup, role, dir string) error {
	token, err := secretfile.Keep(setup, roleTokenFile(role), secretfile.Token)
	if err != nil {
		return err
	}
	return secretfile.Write(dir, fileConsul, token+"\n")
}

func roleTokenFile(role string) string { return role + "-" + fileConsul }

// fillConsul writes what Consul's servers start from. The part without secrets is that of this version; the secrets
// stay.
func (f secretFolders) fillConsul() error {
	management, err := secretfile.Keep(f.setup, fileManagement, secretfile.Token)
	if err != nil || f.consul == "" {
		return err
	}
	agent, err := secretfile.Keep(f.setup, fileAgent, secretfile.Token)
	if err != nil {
		return err
	}
	gossip, err := secretfile.Keep(f.setup, fileGossip, secretfile.GossipKey)
	if err != nil {
		return err
	}
	server, err := deploy.ConsulServer()
	if err != nil {
		return err
	}
	secrets := fmt.Sprintf("encrypt = %q\nacl {\n  tokens {\n    initial_management = %q\n    agent = %q\n  }\n}\n", gossip, management, agent)
	return errors.Join(secretfile.Write(f.consul, "server.hcl", string(server)), secretfile.Write(f.consul, "secrets.hcl", secrets))
}
