package cell

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/registry/memory"
)

func TestConfig_names_the_field(t *testing.T) {
	valid := func() Config {
		return Config{
			Cell: "cell-a", Listen: ":0", InternalListen: ":0", InternalToken: "t", PlatformURL: "u", AppURL: "u",
			Registry: memory.NewStore().Client(), Key: func(*http.Request) (string, bool, error) { return "", false, nil },
			App: func(AppDeps) (http.Handler, error) { return http.NotFoundHandler(), nil },
		}
	}
	if err := valid().Validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*Config){
		"Cell":           func(c *Config) { c.Cell = "Cell A" },
		"Listen":         func(c *Config) { c.Listen = "" },
		"InternalListen": func(c *Config) { c.InternalListen = "" },
		"InternalToken":  func(c *Config) { c.InternalToken = "" },
		"PlatformURL":    func(c *Config) { c.PlatformURL = "" },
		"AppURL":         func(c *Config) { c.AppURL = "" },
		"Registry":       func(c *Config) { c.Registry = nil },
		"Key":            func(c *Config) { c.Key = nil },
		"App":            func(c *Config) { c.App = nil },
		"Partitions":     func(c *Config) { c.Partitions = 3 },
		"Weight":         func(c *Config) { c.Weight = -1 },
		"Grace":          func(c *Config) { c.Grace = -1 },
		"LeaseEvery":     func(c *Config) { c.LeaseEvery = 2 * time.Second },
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestConfig_instances_have_names_of_their_own(t *testing.T) {
	c := Config{Cell: "cell-a"}
	if x, y := c.withDefaults().Instance, c.withDefaults().Instance; x == y || !strings.HasPrefix(x, "cell-a-") {
		t.Errorf("instances %q and %q", x, y)
	}
}
