package consul

import (
	"errors"
	"slices"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

func TestJudged(t *testing.T) {
	check := func(id, status, output string) *api.HealthCheck {
		return &api.HealthCheck{CheckID: id, Name: "name of " + id, Status: status, Output: output}
	}
	for name, c := range map[string]struct {
		checks  api.HealthChecks
		healthy bool
		output  string
	}{
		"all pass":                  {api.HealthChecks{check("a", "passing", "fine"), check("b", "passing", "")}, true, ""},
		"no checks":                 {nil, false, ""},
		"one critical":              {api.HealthChecks{check("a", "passing", "fine"), check("b", "critical", "database\n out of reach ")}, false, "database out of reach"},
		"the first by ID is quoted": {api.HealthChecks{check("b", "critical", "second"), check("a", "warning", "first")}, false, "first"},
		"maintenance, no words":     {api.HealthChecks{check("a", "maintenance", "")}, false, "name of a: maintenance"},
	} {
		if healthy, output := judged(c.checks); healthy != c.healthy || output != c.output {
			t.Errorf("%s: %v, %q; want %v, %q", name, healthy, output, c.healthy, c.output)
		}
	}
}

func validEntry() *api.ServiceEntry {
	return &api.ServiceEntry{
		Service: &api.AgentService{
			ID: "cell-a-1", Address: "10.0.0.1", Port: 7000,
			Meta: map[string]string{metaCell: "cell-a", metaInternal: "10.0.0.1:7001", metaWeight: "1", metaPartitions: "4096"},
		},
	}
}

func TestInstanceRefusesWhatCannotBe(t *testing.T) {
	if _, err := instance(validEntry()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*api.ServiceEntry){
		"no service":       func(e *api.ServiceEntry) { e.Service = nil },
		"no meta":          func(e *api.ServiceEntry) { e.Service.Meta = nil },
		"no address":       func(e *api.ServiceEntry) { e.Service.Address = "" },
		"garbage address":  func(e *api.ServiceEntry) { e.Service.Address = "a/../b?x" },
		"no port":          func(e *api.ServiceEntry) { e.Service.Port = 0 },
		"impossible port":  func(e *api.ServiceEntry) { e.Service.Port = 70000 },
		"cell":             func(e *api.ServiceEntry) { e.Service.Meta[metaCell] = "Cell A" },
		"internal address": func(e *api.ServiceEntry) { e.Service.Meta[metaInternal] = "10.0.0.1" },
		"weight":           func(e *api.ServiceEntry) { e.Service.Meta[metaWeight] = "-1" },
		"huge weight":      func(e *api.ServiceEntry) { e.Service.Meta[metaWeight] = "99999999999" },
		"partitions":       func(e *api.ServiceEntry) { e.Service.Meta[metaPartitions] = "5" },
		"id":               func(e *api.ServiceEntry) { e.Service.ID = "a b" },
	} {
		entry := validEntry()
		spoil(entry)
		if in, err := instance(entry); !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("%s: %+v, error %v; want %v", name, in, err, registry.ErrInvalid)
		}
	}
}

func TestOrderedCountsAnInstanceOnTwoAgentsOnce(t *testing.T) {
	dead := registry.Instance{ID: "1", Cell: "cell-a", Address: "old:1"}
	moved := registry.Instance{ID: "1", Cell: "cell-a", Address: "new:1", Healthy: true}
	other := registry.Instance{ID: "0", Cell: "cell-b"}
	got := ordered([]registry.Instance{other, dead, moved})
	if want := []registry.Instance{moved, other}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestEndedMovesAreOrderedByEpoch(t *testing.T) {
	k := keys{prefix: "x"}
	if nine, ten := k.endedMove(9, 100), k.endedMove(10, 2); nine >= ten {
		t.Errorf("key %s is not before %s", nine, ten)
	}
}
