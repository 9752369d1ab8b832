package compose

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// project is what a resolved compose file looks like, in short.
const project = `{
  "services": {
    "cell-a": {"command": ["cell"], "environment": {"CELLWAY_CELL": "cell-a", "CELLWAY_ADVERTISE": "cell-a:8002"},
      "networks": {"control": {"aliases": ["cell-a-control"]}}, "depends_on": {"cell-a-setup": {}, "cell-ab": {}},
      "volumes": [{"source": "cell-a-secrets"}]},
    "cell-a-setup": {"command": ["setup", "cell", "--cell=cell-a"], "restart": "no"},
    "cell-a-b": {"command": ["cell"], "environment": {}},
    "cell-ab": {"command": ["cell"], "environment": {}},
    "router": {"command": ["router"]}
  },
  "networks": {"cells": {"name": "x_cells"}, "cell-a-database": {"name": "x_cell-a-database"}},
  "volumes": {"cell-a-secrets": {"name": "x_cell-a-secrets"}, "cell-ab-secrets": {"name": "x_cell-ab-secrets"}, "data": {"name": "x_data"}}
}`

func parse(t *testing.T, text string) Model {
	t.Helper()
	var m Model
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCellsAndTheirParts(t *testing.T) {
	m := parse(t, project)
	if got := m.cells(); !slices.Equal(got, []string{"cell-a", "cell-a-b", "cell-ab"}) {
		t.Errorf("cells %v", got)
	}
	if got := m.parts("cell-a"); !slices.Equal(got, []string{"cell-a", "cell-a-setup"}) {
		t.Errorf("parts %v", got)
	}
}

// TestCopySharesNothingOfItsOwn: a copy that kept one name of the cell it is made from would share its secrets.
func TestCopySharesNothingOfItsOwn(t *testing.T) {
	copied, err := parse(t, project).CopyCell("cell-a", "cell-d", 3)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(copied)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if strings.Contains(strings.ReplaceAll(text, "cell-ab", ""), "cell-a") {
		t.Errorf("it still names cell-a: %s", text)
	}
	for _, want := range []string{
		`"cell-d-setup"`, `--cell=cell-d`, `cell-d:8002`, `cell-d-control`, `"name":"x_cell-d-secrets"`, `"name":"x_cell-d-database"`,
		`"CELLWAY_WEIGHT":"3"`, `"cell-ab":{}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	for _, foreign := range []string{"x_data", "x_cells", "x_cell-ab-secrets", `"router"`} {
		if strings.Contains(text, foreign) {
			t.Errorf("it takes %s along", foreign)
		}
	}
	if weight, err := copied.weight("cell-d"); err != nil || weight != 3 {
		t.Errorf("weight %d, %v", weight, err)
	}
}
