// Package deploy embeds what a deployment needs beside the binary: the configuration of Consul's servers and the
// ACL policy of each role. The files of Docker (Dockerfile, compose overrides) lie beside it and are read by Docker.
package deploy

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed consul/server.hcl consul/policies/*.hcl
var files embed.FS

// ConsulServer is the configuration file of a Consul server, without secrets.
func ConsulServer() ([]byte, error) { return files.ReadFile("consul/server.hcl") }

// Names are what a policy is about: the key prefix and the service of the cluster, and, for a cell's policy, the cell.
type Names struct{ Prefix, Service, Cell string }

// Policy returns the ACL rules of a role: anonymous, agent, router, mover or cell.
func Policy(role string, n Names) (string, error) {
	raw, err := files.ReadFile("consul/policies/" + role + ".hcl")
	if err != nil {
		return "", fmt.Errorf("policy of %s: %w", role, err)
	}
	return strings.NewReplacer("@prefix@", n.Prefix, "@service@", n.Service, "@cell@", n.Cell).Replace(string(raw)), nil
}
