package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cellway/cellway/placement"
)

// Roles are one cell's two database roles, as Provision shall make them.
type Roles struct {
	Cell             string
	PlatformPassword string
	AppPassword      string
}

// Config says what to run and where. The zero value of a field that has a default means the default.
type Config struct {
	// StateDir holds everything that is kept between runs. Default ./.cellway.
	StateDir string
	// RouterAddr is the router's public listener, host:port. Default 127.0.0.1:8000.
	RouterAddr string
	// AdminAddr is the router's admin listener, host:port. Default 127.0.0.1:8001.
	AdminAddr string
	// ConsulAddr is Consul's HTTP listener, host:port, on 127.0.0.1. Default 127.0.0.1:8500.
	ConsulAddr string
	// Partitions is the partition count of a new system. Default 4096; fixed once the system has started.
	Partitions int
	// Cells are the first cells of a new system. Default cell-a, cell-b, cell-c.
	Cells []string
	// Movers is how many movers run. Default 2.
	Movers int
	// SessionTTLMin is the shortest TTL that Consul grants a session. Default Consul's own, 10 s; tests want less.
	SessionTTLMin time.Duration
	// PostgresBin and ConsulBin name the server programs; "" finds (and for Consul builds) them.
	PostgresBin string
	ConsulBin   string
	// Binary is the program that children are started from.
	Binary string
	// Provision makes a cell's schema and its two roles in the database at the superuser's URL, or brings their
	// passwords up to date, and returns the roles' own URLs.
	Provision func(ctx context.Context, superuserURL string, r Roles) (platformURL, appURL string, err error)
	// Out gets progress, the ready block, and the children's logs.
	Out io.Writer
	// ReadyIn bounds the start of one child. Default 90 s.
	ReadyIn time.Duration
	// Environ is what children inherit. Default PATH, HOME and the like of this process.
	Environ []string
}

func (c Config) withDefaults() Config {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.StateDir, ".cellway")
	set(&c.RouterAddr, "127.0.0.1:8000")
	set(&c.AdminAddr, "127.0.0.1:8001")
	set(&c.ConsulAddr, "127.0.0.1:8500")
	if c.Partitions == 0 {
		c.Partitions = placement.DefaultPartitions
	}
	if len(c.Cells) == 0 {
		c.Cells = []string{"cell-a", "cell-b", "cell-c"}
	}
	if c.Movers == 0 {
		c.Movers = 2
	}
	if c.ReadyIn == 0 {
		c.ReadyIn = 90 * time.Second
	}
	return c
}

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	seen := map[string]string{}
	for _, addr := range []struct{ name, value string }{
		{"RouterAddr (CELLWAY_ROUTER_ADDR)", c.RouterAddr},
		{"AdminAddr (CELLWAY_ADMIN_ADDR)", c.AdminAddr},
		{"ConsulAddr (CELLWAY_CONSUL_ADDR)", c.ConsulAddr},
	} {
		if _, _, err := net.SplitHostPort(addr.value); err != nil {
			return fmt.Errorf("%s: %q is not host:port: %w", addr.name, addr.value, err)
		}
		if other := seen[addr.value]; other != "" {
			return fmt.Errorf("%s and %s are both %s", other, addr.name, addr.value)
		}
		seen[addr.value] = addr.name
	}
	if host, _, _ := net.SplitHostPort(c.ConsulAddr); host != "127.0.0.1" && host != "localhost" {
		return fmt.Errorf("ConsulAddr (CELLWAY_CONSUL_ADDR): the private Consul listens on 127.0.0.1 only, not on %q", host)
	}
	if err := placement.ValidatePartitionCount(c.Partitions); err != nil {
		return fmt.Errorf("config: Partitions: %w", err)
	}
	for _, cell := range c.Cells {
		if err := placement.ValidateCellName(cell); err != nil {
			return fmt.Errorf("config: Cells: %w", err)
		}
	}
	if c.Binary == "" || c.Provision == nil || c.Out == nil {
		return errors.New("config: Binary, Provision and Out are needed")
	}
	return nil
}

// chosen are the ports that the user chose: none of them may be given to another child.
func (c Config) chosen() map[int]bool {
	ports := map[int]bool{}
	for _, addr := range []string{c.RouterAddr, c.AdminAddr, c.ConsulAddr} {
		_, text, _ := net.SplitHostPort(addr)
		if port, err := strconv.Atoi(text); err == nil {
			ports[port] = true
		}
	}
	return ports
}

func (c Config) path(parts ...string) string {
	return filepath.Join(append([]string{c.StateDir}, parts...)...)
}
