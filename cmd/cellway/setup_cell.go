package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/cellway/cellway/internal/dev"
	"github.com/cellway/cellway/internal/secretfile"
	"github.com/cellway/cellway/placement"
)

type setupCellFlags struct {
	setupFlags
	cell         string
	cellDir      string
	databaseURL  string
	passwordFile string
}

func newSetupCell() *cobra.Command {
	var f setupCellFlags
	cmd := &cobra.Command{
		Use: "cell", Short: "Make a cell's secrets, its schema and roles in Postgres, and its policy in Consul", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd) },
	}
	flags := cmd.Flags()
	f.register(flags)
	flags.StringVar(&f.cell, "cell", "", "the cell's name, for example cell-a")
	flags.StringVar(&f.cellDir, "cell-dir", "/run/cellway/own", "folder of the cell: its database URLs, Consul token and internal credential")
	flags.StringVar(&f.databaseURL, "database-url", "postgres://postgres@127.0.0.1:5432/cellway?sslmode=disable", "the superuser's URL of the cell's database, without the password")
	flags.StringVar(&f.passwordFile, "database-password-file", "/run/cellway/postgres/"+fileSuperuser, "file with the superuser's password")
	return cmd
}

func (f *setupCellFlags) run(ctx context.Context, cmd *cobra.Command) error {
	if err := placement.ValidateCellName(f.cell); err != nil {
		return fmt.Errorf("--cell: %w", err)
	}
	owner, err := secretfile.Keep(f.cellDir, "cell", func() string { return f.cell })
	if err != nil {
		return err
	}
	if owner != f.cell {
		return fmt.Errorf("--cell-dir %s: it has the secrets of %s, and each cell needs its own", f.cellDir, owner)
	}
	superuser, err := f.superuserURL()
	if err != nil {
		return err
	}
	internal, err := secret("setup-dir", f.dir+"/"+fileInternal)
	if err != nil {
		return err
	}
	if err := secretfile.Write(f.cellDir, fileInternal, internal+"\n"); err != nil {
		return err
	}
	if err := f.provision(ctx, cmd, superuser); err != nil {
		return err
	}
	r, err := f.manager(ctx, cmd)
	if err != nil {
		return err
	}
	if err := f.grantCell(ctx, r, f.cell, f.cellDir); err != nil {
		return fmt.Errorf("access of %s in Consul: %w", f.cell, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s has its schema, its roles and its policy\n", f.cell)
	return nil
}

func (f *setupCellFlags) superuserURL() (string, error) {
	u, err := url.Parse(f.databaseURL)
	if err != nil || u.User == nil || u.Host == "" {
		return "", errors.New("--database-url: want postgres://USER@HOST:PORT/DATABASE, without a password")
	}
	password, err := secret("database-password-file", f.passwordFile)
	if err != nil {
		return "", err
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}

// provision makes schema and roles with the passwords that are in the cell's folder already, or new ones.
func (f *setupCellFlags) provision(ctx context.Context, cmd *cobra.Command, superuser string) error {
	roles := dev.Roles{Cell: f.cell}
	var err error
	if roles.PlatformPassword, err = secretfile.Keep(f.cellDir, "platform-password", secretfile.Password); err != nil {
		return err
	}
	if roles.AppPassword, err = secretfile.Keep(f.cellDir, "app-password", secretfile.Password); err != nil {
		return err
	}
	return patiently(ctx, cmd.ErrOrStderr(), "schema and roles of "+f.cell, func(ctx context.Context) error {
		platform, app, err := provisionCell(ctx, superuser, roles)
		if err != nil {
			return err
		}
		return errors.Join(secretfile.Write(f.cellDir, "platform-url", platform+"\n"), secretfile.Write(f.cellDir, "app-url", app+"\n"))
	})
}
