package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/dev"
	"github.com/cellway/cellway/placement"
)

// provisionCell makes a cell's schema and roles in a database, and returns the roles' URLs.
func provisionCell(ctx context.Context, superuserURL string, r dev.Roles) (platformURL, appURL string, err error) {
	schema := placement.SchemaName(r.Cell)
	p := ledger.Provisioning{
		Schema:       schema,
		PlatformRole: schema + "_platform", PlatformPassword: r.PlatformPassword,
		AppRole: schema + "_app", AppPassword: r.AppPassword,
	}
	if err := ledger.Provision(ctx, superuserURL, p); err != nil {
		return "", "", err
	}
	u, err := url.Parse(superuserURL)
	if err != nil {
		return "", "", fmt.Errorf("superuser's URL: %w", err)
	}
	as := func(role, password string) string {
		v := *u
		v.User = url.UserPassword(role, password)
		return v.String()
	}
	return as(p.PlatformRole, p.PlatformPassword), as(p.AppRole, p.AppPassword), nil
}
