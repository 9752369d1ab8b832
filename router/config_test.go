package router

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/registry/memory"
)

func TestConfig_names_what_cannot_be(t *testing.T) {
	cases := map[string]struct {
		change func(*Config)
		named  string
	}{
		"no registry":                   {func(c *Config) { c.Registry = nil }, "Registry"},
		"a negative limit":              {func(c *Config) { c.MaxHeld = -1 }, "MaxHeld"},
		"a negative time":               {func(c *Config) { c.Answer = -time.Second }, "Answer"},
		"a public address without port": {func(c *Config) { c.PublicAddr = "localhost" }, "PublicAddr"},
		"an admin address without port": {func(c *Config) { c.AdminAddr = "localhost" }, "AdminAddr"},
		"an open admin without a token": {func(c *Config) { c.AdminAddr = ":8001" }, "AdminToken"},
		"a public admin, no token":      {func(c *Config) { c.AdminAddr = "10.0.0.1:8001" }, "AdminToken"},
		"too little time to answer":     {func(c *Config) { c.Write = time.Second }, "Write"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Registry: memory.NewStore().Client()}
			c.change(&cfg)
			err := cfg.Validate()
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.named) {
				t.Errorf("got %v, want it to name %s", err, c.named)
			}
			if _, err := New(cfg); err == nil {
				t.Error("New takes it")
			}
		})
	}
	for _, addr := range []string{"", "127.0.0.1:0", "localhost:0", "[::1]:0"} {
		if err := (Config{Registry: memory.NewStore().Client(), AdminAddr: addr}).Validate(); err != nil {
			t.Errorf("%q: %v", addr, err)
		}
	}
	open := Config{Registry: memory.NewStore().Client(), AdminAddr: "0.0.0.0:8001", AdminToken: "t"}
	if err := open.Validate(); err != nil {
		t.Error(err)
	}
}

func TestRun_names_the_address_that_is_taken(t *testing.T) {
	s := newScene(t)
	s.start(Config{})
	for field, cfg := range map[string]Config{
		"PublicAddr": {PublicAddr: s.router.PublicAddr(), AdminAddr: "127.0.0.1:0"},
		"AdminAddr":  {PublicAddr: "127.0.0.1:0", AdminAddr: s.router.AdminAddr()},
	} {
		cfg.Registry = s.reg
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if r.PublicAddr() != "" {
			t.Error("an address before there is one")
		}
		if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is taken, got %v", field, err)
		}
	}
}
