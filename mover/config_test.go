package mover

import (
	"errors"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
)

var _ Cells = (*protocol.Client)(nil)

func TestNew_names_the_field_that_cannot_be(t *testing.T) {
	good := Config{Registry: memory.NewStore().Client(), Cells: &protocol.Client{}, Name: "mover-1"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*Config){
		"Registry": func(c *Config) { c.Registry = nil },
		"Cells":    func(c *Config) { c.Cells = nil },
		"Name":     func(c *Config) { c.Name = "" },
		"Parallel": func(c *Config) { c.Parallel = -1 },
		"Settle":   func(c *Config) { c.Settle = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAddressBook_orders_by_health_and_remembers_the_vanished(t *testing.T) {
	in := func(id, addr string, healthy bool) registry.Instance {
		return registry.Instance{ID: id, Cell: "cell-a", Internal: addr, Healthy: healthy}
	}
	book := addressBook{}.update([]registry.Instance{in("a-1", "h:1", false), in("a-2", "h:2", true)})
	if got := strings.Join(book.addresses("cell-a"), " "); got != "h:2 h:1" || !book.healthy("cell-a") {
		t.Errorf("addresses %s", got)
	}
	book = book.update([]registry.Instance{in("a-3", "h:3", false)})
	if got := book.addresses("cell-a"); len(got) != 3 || got[0] != "h:3" || book.healthy("cell-a") {
		t.Errorf("addresses %v", got)
	}
	for i := range 20 {
		book = book.update([]registry.Instance{in("a", "h:"+strings.Repeat("9", i+1), true)})
	}
	if got := book.addresses("cell-a"); len(got) != 1+vanishedKept {
		t.Errorf("%d addresses are remembered", len(got))
	}
	if book.healthy("cell-b") || len(book.addresses("cell-b")) != 0 {
		t.Error("an unknown cell has addresses")
	}
}
