package dev

import (
	"context"
	"strings"
	"testing"
)

func TestValidateNamesTheField(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nothing wrong":           {func(*Config) {}, ""},
		"no host:port":            {func(c *Config) { c.AdminAddr = "8001" }, "CELLWAY_ADMIN_ADDR"},
		"Consul beyond loopback":  {func(c *Config) { c.ConsulAddr = "0.0.0.0:8500" }, "CELLWAY_CONSUL_ADDR"},
		"the same address twice":  {func(c *Config) { c.AdminAddr = c.RouterAddr }, "both 127.0.0.1:8000"},
		"an odd partition count":  {func(c *Config) { c.Partitions = 100 }, "Partitions"},
		"a cell's name":           {func(c *Config) { c.Cells = []string{"Cell"} }, "Cells"},
		"nothing to start":        {func(c *Config) { c.Binary = "" }, "Binary"},
		"nobody to make a schema": {func(c *Config) { c.Provision = nil }, "Provision"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{
				Binary: "cellway", Out: &buffer{},
				Provision: func(context.Context, string, Roles) (string, string, error) { return "", "", nil },
			}.withDefaults()
			c.change(&cfg)
			err := cfg.Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}
