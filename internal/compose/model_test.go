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
    "cell-a-b-setup": {"command": ["setup", "cell"], "restart": "no"},
    "cell-ab": {"command": ["cell"], "environment": {}},
    "router": {"command": ["router"]}
  },
  "networks": {"cells": {"name": "x_cells"}, "cell-a-database": {"name": "x_cell-a-database"}},
  "volumes": {"cell-a-secrets": {"name": "x_cell-a-secrets"}, "cell-ab-secrets": {"name": "x_cell-ab-secrets"}, "cell-a-b-secrets": {"name": "x_cell-a-b-secrets"}, "data": {"name": "x_data"}}
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
	if strings.Contains(text, "cell-d-b") {
		t.Errorf("it takes parts of cell-a-b along: %s", text)
	}
}

func TestNamesThatCannotBeToldApartAreRefused(t *testing.T) {
	m := parse(t, project)
	for name, ok := range map[string]bool{
		"cell-d": true, "cell-ab": true, "cell-a": true, "cell-a-x": false, "cell": false, "router": false, "cell-a-setup": false, "cell-abc": true,
	} {
		if err := m.mayAdd(name); (err == nil) != ok && !(name == "cell-a" && err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOverlay(t *testing.T) {
	m := parse(t, strings.ReplaceAll(project, "cell-a-b", "cell-z"))
	var l cellList
	l = l.with("cell-d", 2, m.cells()).without("cell-a").without("cell-a").with("cell-e", 1, m.cells()).without("cell-e")
	if len(l.Added) != 1 || l.Added["cell-d"] != 2 || !slices.Equal(l.Removed, []string{"cell-a"}) {
		t.Fatalf("%+v", l)
	}
	out, err := m.overlay(l)
	if err != nil {
		t.Fatal(err)
	}
	for name, removed := range map[string]bool{"cell-a": true, "cell-a-setup": true, "cell-d": false, "cell-d-setup": false} {
		service := out.Services[name]
		if _, profiles := service["profiles"]; service == nil || profiles != removed {
			t.Errorf("%s: %v, want removed: %v", name, service, removed)
		}
	}
	if l = l.with("cell-a", 7, m.cells()); len(l.Removed) != 0 || l.Added["cell-a"] != 0 {
		t.Errorf("readmitted: %+v", l)
	}
}
